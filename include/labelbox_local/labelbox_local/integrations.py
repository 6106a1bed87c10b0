"""Delegated access: IAM integrations, and which of them signs for a dataset."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.datasets import find_dataset
from labelbox_local.errors import MalformedRequestError, NotFoundError
from labelbox_local.graph import dataset_fields, mutation, query
from labelbox_local.identifiers import new_id, now
from labelbox_local.s3 import allowed, endpoint_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from labelbox_local.platform import Platform

_ROLE = re.compile(r"arn:aws[\w-]*:iam::\d{12}:role/.+")
_TYPE_NAMES = {
    "AWS": "AwsIamIntegrationSettings",
    "GCP": "GcpIamIntegrationSettings",
    "Azure": "AzureIamIntegrationSettings",
}
_ENDPOINT_KEYS = ("endpoint_url", "access_key", "secret_key", "bucket")


def _present(row: dict[str, Any]) -> dict[str, Any]:
    """A database row in the shape of the GraphQL type; keys of endpoints never leave the server."""
    return {
        "id": row["id"],
        "name": row["name"],
        "provider": row["provider"],
        "valid": bool(row["valid"]),
        "lastValidAt": row["last_valid_at"],
        "isOrgDefault": bool(row["is_default"]),
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
        "settings": {"__typename": _TYPE_NAMES[row["provider"]], **orjson.loads(row["settings"])},
    }


def _find(platform: Platform, integration_id: str) -> dict[str, Any]:
    found = platform.store.row("SELECT * FROM integration WHERE id = ?", integration_id)
    if found is None:
        raise NotFoundError(f"Integration {integration_id} not found")
    return found


@query("iamIntegrations")
def get_integrations(_: Any, info: Any) -> list[dict[str, Any]]:
    platform: Platform = info.context
    return [_present(row) for row in platform.store.rows("SELECT * FROM integration ORDER BY created_at, id")]


def _insert(
    platform: Platform,
    provider: str,
    name: str,
    settings: dict[str, Any],
    *,
    endpoint: dict[str, Any] | None = None,
    valid: bool = False,
) -> dict[str, Any]:
    integration_id, moment = new_id(), now()
    with platform.store.writing() as write:
        write.execute(
            "INSERT INTO integration VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)",
            (
                integration_id,
                name,
                provider,
                orjson.dumps(settings).decode(),
                _stored(endpoint),
                valid,
                moment if valid else None,
                moment,
                moment,
            ),
        )
    platform.endpoints.clear()
    return _find(platform, integration_id)


def _stored(endpoint: dict[str, Any] | None) -> str | None:
    return orjson.dumps(endpoint).decode() if endpoint else None


def _creator(provider: str) -> Callable[..., dict[str, Any]]:
    def create(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
        settings = {key: value for key, value in data.items() if key != "name"}
        if provider == "GCP":
            # The platform answers with the account to be granted access.
            settings["serviceAccountEmailId"] = "labelbox-local@labelbox-local.iam.gserviceaccount.com"
        return _present(_insert(info.context, provider, data["name"], settings))

    return create


def _updater(provider: str) -> Callable[..., dict[str, Any]]:
    def update(_: Any, info: Any, data: dict[str, Any], where: dict[str, Any]) -> dict[str, Any]:
        platform: Platform = info.context
        found = _find(platform, where["id"])
        if found["provider"] != provider:
            raise MalformedRequestError(f"Integration {found['id']} is not of {provider} but of {found['provider']}")
        given = {key: value for key, value in data.items() if value is not None}
        name = given.pop("name", found["name"])
        settings = orjson.dumps(orjson.loads(found["settings"]) | given).decode()
        with platform.store.writing() as write:
            write.execute(
                "UPDATE integration SET name = ?, settings = ?, updated_at = ? WHERE id = ?",
                (name, settings, now(), found["id"]),
            )
        return _present(_find(platform, found["id"]))

    return update


for _provider, _title in (("AWS", "Aws"), ("GCP", "Gcp"), ("Azure", "Azure")):
    mutation(f"create{_title}IamIntegration")(_creator(_provider))
    mutation(f"update{_title}IamIntegration")(_updater(_provider))


@mutation("validateIamIntegration")
def validate_integration(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    return _validate(platform, _find(platform, where["id"]))


def _validate(platform: Platform, found: dict[str, Any]) -> dict[str, Any]:
    """Check the integration and write down what came out."""
    checks = _checks(platform, found)
    valid = all(check["success"] for check in checks)
    moment = now()
    with platform.store.writing() as write:
        write.execute(
            "UPDATE integration SET valid = ?, last_valid_at = ?, updated_at = ? WHERE id = ?",
            (valid, moment if valid else found["last_valid_at"], moment, found["id"]),
        )
    return {"valid": valid, "checks": checks}


def _checks(platform: Platform, found: dict[str, Any]) -> list[dict[str, Any]]:
    """The bucket is really read when the integration stands for an endpoint; else the settings are looked at."""
    endpoint = endpoint_of(platform, found["id"])
    if endpoint and not allowed(platform, endpoint.endpoint_url):
        problem: str | None = f"host of {endpoint.endpoint_url} is not allowed (--allow-host)"
    elif endpoint:
        problem = endpoint.reach()
    else:
        problem = _settings_problem(found["provider"], orjson.loads(found["settings"]))
    if found["provider"] != "AWS":
        return [_check(f"{found['provider']}ReadBucket", problem)]
    return [_check("AWSAssumeRole", problem), _check("AWSExternalID", None)]


def _check(name: str, problem: str | None) -> dict[str, Any]:
    return {"name": name, "success": problem is None, "message": problem}


def _settings_problem(provider: str, settings: dict[str, Any]) -> str | None:
    """This server cannot take on a cloud role, so only the form of the settings is judged."""
    if settings.get("registered_invalid"):
        return "registered as invalid"
    if provider == "AWS" and not _ROLE.fullmatch(settings.get("roleArn") or ""):
        return f"'{settings.get('roleArn') or ''}' is not the ARN of a role"
    if provider == "GCP" and not settings.get("readBucket"):
        return "no bucket is given"
    if provider == "Azure" and not (settings.get("readContainerUrl") and settings.get("tenantId")):
        return "container URL and tenant id are both needed"
    return None


@mutation("setDefaultIamIntegration")
def set_default_integration(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    found = _find(platform, where["id"])
    with platform.store.writing() as write:
        write.execute("UPDATE integration SET is_default = (id = ?)", (found["id"],))
    return _present(_find(platform, found["id"]))


@mutation("deleteIamIntegration")
def delete_integration(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    found = _find(platform, where["id"])
    with platform.store.writing() as write:
        write.execute("UPDATE dataset SET signer = NULL WHERE signer = ?", (found["id"],))
        write.execute("DELETE FROM integration WHERE id = ?", (found["id"],))
    platform.endpoints.clear()
    return _present(found)


@dataset_fields("signer")
def signer_of_dataset(dataset: dict[str, Any], info: Any) -> dict[str, Any] | None:
    return _present(_find(info.context, dataset["signerId"])) if dataset["signerId"] else None


@mutation("setSignerForDataset")
def set_signer(_: Any, info: Any, data: dict[str, Any], where: dict[str, Any]) -> dict[str, Any]:
    return _set_signer(info.context, where["id"], _find(info.context, data["signerId"])["id"])


@mutation("clearSignerForDataset")
def clear_signer(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    return _set_signer(info.context, where["id"], None)


def _set_signer(platform: Platform, dataset_id: str, signer: str | None) -> dict[str, Any]:
    """Rows that could not be read so far may be readable now."""
    dataset = find_dataset(platform, dataset_id)
    with platform.store.writing() as write:
        write.execute("UPDATE dataset SET signer = ?, updated_at = ? WHERE id = ?", (signer, now(), dataset["id"]))
        if signer:
            write.execute(
                "UPDATE data_row SET media_state = 1 WHERE dataset = ? AND media_attributes IS NULL"
                " AND row_data LIKE 'http%'",
                (dataset["id"],),
            )
    platform.media_wanted.set()
    return find_dataset(platform, dataset_id)


@mutation("validateDataset")
def validate_dataset(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    """Whether the integration of the dataset works; a dataset without one has nothing to check."""
    platform: Platform = info.context
    signer = find_dataset(platform, where["id"])["signerId"]
    return _validate(platform, _find(platform, signer)) if signer else {"valid": True, "checks": []}


def register_integration(platform: Platform, body: dict[str, Any]) -> dict[str, Any]:
    """Administrative: an integration that may stand for a private S3 endpoint (`endpoint_url`, `access_key`,
    `secret_key`, `bucket`, `region`). Without `valid` it is validated at once.

    Raises:
        ValueError: a field is missing or unknown.
    """
    provider, settings, endpoint = _described(body)
    found = _insert(platform, provider, body["name"], settings, endpoint=endpoint, valid=bool(body.get("valid")))
    if "valid" not in body:
        _validate(platform, found)
    if body.get("default"):
        with platform.store.writing() as write:
            write.execute("UPDATE integration SET is_default = (id = ?)", (found["id"],))
    return _brief(platform, found["id"])


def replace_integration(platform: Platform, body: dict[str, Any]) -> dict[str, Any]:
    """Administrative: give the integration of that name this endpoint and validate it; registered when there is none.

    Its id stays, and so it stays with the datasets that use it.

    Raises:
        ValueError: a field is missing or unknown, or several integrations have the name.
    """
    known = platform.store.rows("SELECT id FROM integration WHERE name = ?", body.get("name"))
    if not known:
        return register_integration(platform, body)
    if len(known) > 1:
        raise ValueError(f"{len(known)} integrations are called {body['name']!r}")
    provider, settings, endpoint = _described(body)
    with platform.store.writing() as write:
        write.execute(
            "UPDATE integration SET provider = ?, settings = ?, endpoint = ?, updated_at = ? WHERE id = ?",
            (provider, orjson.dumps(settings).decode(), _stored(endpoint), now(), known[0]["id"]),
        )
    platform.endpoints.clear()
    _validate(platform, _find(platform, known[0]["id"]))
    return _brief(platform, known[0]["id"])


def _described(body: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any] | None]:
    """Provider, settings and endpoint that a registration describes. Raises: ValueError."""
    provider = body.get("provider", "AWS")
    unknown = body.keys() - {"name", "provider", "valid", "default", "region", *_ENDPOINT_KEYS}
    if unknown or not body.get("name") or provider not in _TYPE_NAMES:
        raise ValueError(f"name is required, provider is one of {', '.join(_TYPE_NAMES)}; unknown: {sorted(unknown)}")
    endpoint = None
    if body.get("endpoint_url"):
        missing = [key for key in _ENDPOINT_KEYS if not body.get(key)]
        if missing:
            raise ValueError(f"an endpoint needs {', '.join(missing)} too")
        endpoint = {key: body[key] for key in (*_ENDPOINT_KEYS, "region") if body.get(key)}
    settings = {
        "AWS": {"roleArn": "arn:aws:iam::000000000000:role/labelbox-local", "readBucket": body.get("bucket")},
        "GCP": {"serviceAccountEmailId": "labelbox-local@labelbox-local.iam", "readBucket": body.get("bucket")},
        "Azure": {"readContainerUrl": body.get("bucket") or "local", "tenantId": "local"},
    }[provider]
    if body.get("valid") is False and endpoint is None:
        settings["registered_invalid"] = "yes"
    return provider, settings, endpoint


def _brief(platform: Platform, integration_id: str) -> dict[str, Any]:
    shown = _present(_find(platform, integration_id))
    return {key: shown[key] for key in ("id", "name", "provider", "valid", "isOrgDefault")}
