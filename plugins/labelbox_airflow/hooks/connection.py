"""What an Airflow connection of type ``labelbox`` says, checked once."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from typing import Any, Protocol
from urllib.parse import urlsplit

from labelbox_airflow.engine.errors import ConfigurationError

DEFAULT_ENDPOINT = "https://api.labelbox.com/graphql"
DEFAULT_TIMEOUT = 60.0
DEFAULT_PATIENCE = 120.0


class AirflowConnection(Protocol):
    """The parts of an Airflow connection that are read here."""

    conn_id: str
    host: str | None
    password: str | None

    @property
    def extra_dejson(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class LabelboxConnection:
    """Where Labelbox is, and as whom to talk to it.

    :param endpoint: GraphQL endpoint; its path contains ``/graphql``, for the SDK derives ``/_gql`` from that
    :param rest_endpoint: base of the REST API; its host also serves the vectors, under ``/adv``
    :param timeout: seconds that one request may take
    :param patience: seconds during which a request that fails in passing is repeated
    """

    conn_id: str
    api_key: str = field(repr=False)
    endpoint: str = DEFAULT_ENDPOINT
    rest_endpoint: str = "https://api.labelbox.com/api/v1"
    timeout: float = DEFAULT_TIMEOUT
    patience: float = DEFAULT_PATIENCE

    @classmethod
    def of(cls, connection: AirflowConnection) -> LabelboxConnection:
        """Read an Airflow connection.

        :raises ConfigurationError: the API key is missing, or a field cannot be right
        """
        conn_id = connection.conn_id
        extra = connection.extra_dejson
        endpoint = _graphql_endpoint(conn_id, connection.host)
        return cls(
            conn_id=conn_id,
            api_key=_api_key(conn_id, connection.password),
            endpoint=endpoint,
            rest_endpoint=_rest_endpoint(conn_id, extra.get("rest_endpoint"), endpoint),
            timeout=_seconds(conn_id, extra, "timeout", DEFAULT_TIMEOUT, least=1),
            patience=_seconds(conn_id, extra, "patience", DEFAULT_PATIENCE, least=0),
        )

    @property
    def where(self) -> str:
        """The connection as messages name it."""
        return place_of(self.conn_id)

    @property
    def experimental_endpoint(self) -> str:
        """Where operations go that Labelbox marks experimental."""
        return self.endpoint.replace("/graphql", "/_gql")

    @property
    def vectors_endpoint(self) -> str:
        """Where vectors are stored; ``adv`` stands twice in the path (as in SDK 7.17, ``adv_client.py``)."""
        parts = urlsplit(self.rest_endpoint)
        return f"{parts.scheme}://{parts.netloc}/adv/adv/v1"

    def headers(self) -> dict[str, str]:
        """Return the headers the SDK would send (``lbox/request_client.py``), without importing it.

        An upload task and the triggerer need no more of the SDK than these.
        """
        return {
            "Authorization": f"Bearer {self.api_key}",
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            **_sdk_headers(),
        }


def place_of(conn_id: str) -> str:
    """Return the connection as messages name it."""
    return f"connection '{conn_id}'"


def missing_connection(conn_id: str) -> ConfigurationError:
    """Return the error for a connection that does not exist; it says how to make one."""
    return ConfigurationError("there is no such connection", where=place_of(conn_id), remedy=_how_to_create(conn_id))


def _how_to_create(conn_id: str) -> str:
    example = f"""AIRFLOW_CONN_{conn_id.upper()}='{{"conn_type": "labelbox", "password": "<API key>"}}'"""
    return f"Create it under Admin > Connections with type 'Labelbox' and the API key, or set {example}"


@cache
def _sdk_headers() -> Mapping[str, str]:
    python = sys.version_info
    return {
        "X-User-Agent": f"python-sdk {metadata.version('labelbox')}",
        "X-Python-Version": f"{python.major}.{python.minor}.{python.micro}-{python.releaselevel}",
        "X-SDK-Method": "airflow-provider-labelbox",
    }


def _api_key(conn_id: str, password: str | None) -> str:
    key = (password or "").strip()
    if not key:
        raise ConfigurationError(
            "the API key is missing (field password)", where=place_of(conn_id), remedy=_how_to_create(conn_id)
        )
    if not key.isascii() or any(not "!" <= character <= "~" for character in key):
        raise ConfigurationError(
            "the API key (field password) contains blanks, line breaks or letters outside ASCII",
            where=place_of(conn_id),
            remedy="Paste the key again, on one line",
        )
    return key


def _graphql_endpoint(conn_id: str, host: str | None) -> str:
    endpoint = (host or "").strip().rstrip("/") or DEFAULT_ENDPOINT
    _check_url(conn_id, "host", endpoint, example=DEFAULT_ENDPOINT)
    if "/graphql" not in urlsplit(endpoint).path:
        raise ConfigurationError(
            f"the GraphQL endpoint (field host) '{without_secrets(endpoint)}' has no /graphql in its path",
            where=place_of(conn_id),
            remedy=f"Write it in full, e.g. {DEFAULT_ENDPOINT}",
        )
    return endpoint


def _rest_endpoint(conn_id: str, given: object, endpoint: str) -> str:
    if not given:
        parts = urlsplit(endpoint)
        return f"{parts.scheme}://{parts.netloc}/api/v1"
    rest_endpoint = str(given).strip().rstrip("/")
    _check_url(conn_id, "rest_endpoint", rest_endpoint, example="https://api.labelbox.com/api/v1")
    return rest_endpoint


def _check_url(conn_id: str, field_name: str, url: str, *, example: str) -> None:
    try:
        parts = urlsplit(url)
        plain = parts.username is None and not parts.query and not parts.fragment and parts.port != 0
    except ValueError:
        plain = False
    if not (plain and parts.scheme in {"http", "https"} and parts.hostname):
        raise ConfigurationError(
            f"field {field_name} is not a full http(s) URL without user and query: '{without_secrets(url)}'",
            where=place_of(conn_id),
            remedy=f"Write it in full, e.g. {example}",
        )


def _seconds(conn_id: str, extra: Mapping[str, Any], name: str, default: float, *, least: float) -> float:
    given = extra.get(name)
    if given is None or given == "":
        return default
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        seconds = -1.0
    if not least <= seconds < float("inf"):
        raise ConfigurationError(
            f"field {name} is not a number of seconds of at least {least:g}: {given!r}",
            where=place_of(conn_id),
            remedy=f"Leave it out for the default of {default:g}",
        )
    return seconds


def without_secrets(url: str) -> str:
    """Return ``url`` without user, password, query and fragment, where secrets hide."""
    return re.sub(r"//[^/]*@", "//", re.split(r"[?#]", url, maxsplit=1)[0])
