"""Credentials of an Airflow connection, as the Rust object stores below Delta and others take them."""

from __future__ import annotations

import json
from typing import Any

from labelbox_airflow.sources.storage import require_connection

_RETRIES = {"max_retries": "3", "retry_timeout": "30s"}


def storage_options(uri: str, connection: str | None) -> dict[str, str]:
    """Return the options that open ``uri``; without a connection the cloud's own default credentials count.

    :raises ConfigurationError: for a connection that does not exist
    """
    scheme = uri.partition("://")[0] if "://" in uri else ""
    if not scheme:
        return {}
    found = require_connection(connection, uri) if connection is not None else None
    if scheme in {"s3", "s3a", "s3n"}:
        return _RETRIES | _aws(connection)
    if found is None:
        return dict(_RETRIES)
    return _RETRIES | (_google(found) if scheme in {"gs", "gcs"} else _azure(found))


def _aws(connection: str | None) -> dict[str, str]:
    from airflow.providers.amazon.aws.hooks.s3 import S3Hook

    hook = S3Hook(aws_conn_id=connection)
    session = hook.get_session()
    given = session.get_credentials()
    options = {"aws_region": hook.region_name or session.region_name or "us-east-1"}
    if given is None:
        options["aws_skip_signature"] = "true"
    else:
        keys = given.get_frozen_credentials()
        options |= {"aws_access_key_id": keys.access_key, "aws_secret_access_key": keys.secret_key}
        options |= {"aws_session_token": keys.token} if keys.token else {}
    endpoint = hook.conn_config.get_service_endpoint_url(service_name="s3")
    if endpoint:
        options |= {"aws_endpoint_url": endpoint, "aws_allow_http": str(endpoint.startswith("http://")).lower()}
    return options


def _google(connection: Any) -> dict[str, str]:
    extra = connection.extra_dejson
    if key := extra.get("keyfile_dict"):
        return {"google_service_account_key": key if isinstance(key, str) else json.dumps(key)}
    return {"google_service_account": extra["key_path"]} if extra.get("key_path") else {}


def _azure(connection: Any) -> dict[str, str]:
    extra = connection.extra_dejson
    tenant = extra.get("tenant_id")
    given = {
        "azure_storage_account_name": extra.get("account_name") or (None if tenant else connection.login),
        "azure_storage_account_key": extra.get("account_key") or (None if tenant else connection.password),
        "azure_storage_sas_key": extra.get("sas_token"),
        "azure_storage_tenant_id": tenant,
        "azure_storage_client_id": connection.login if tenant else None,
        "azure_storage_client_secret": connection.password if tenant else None,
    }
    return {name: str(value) for name, value in given.items() if value}
