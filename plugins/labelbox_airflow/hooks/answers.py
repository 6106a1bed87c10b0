"""Reads what Labelbox answered: data, or one of the engine's errors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from labelbox_airflow.engine.errors import LabelboxAuthenticationError, LabelboxError, LabelboxUnavailableError
from labelbox_airflow.hooks.backoff import read_retry_after
from labelbox_airflow.hooks.connection import LabelboxConnection

_KEY_REFUSED = frozenset({"AUTHENTICATION_ERROR", "UNAUTHENTICATED"})
_NOT_PERMITTED = frozenset({"AUTHORIZATION_ERROR", "FORBIDDEN"})
# Inner statuses of INTERNAL_SERVER_ERROR that are final; the SDK sorts them so too (lbox/request_client.py).
_FINAL_INNER_STATUSES = frozenset({400, 422, 426, 500})
_LONGEST_MESSAGE = 500
_URL_QUERY = re.compile(r"(https?://[^\s?\"'<>]*)\?[^\s\"'<>]*")


class PassingError(LabelboxUnavailableError):
    """One attempt failed in a way that may pass."""

    def __init__(
        self,
        message: str,
        *,
        where: str | None = None,
        remedy: str | None = None,
        retry_after: float | None = None,
        unprocessed: bool = False,
    ) -> None:
        super().__init__(message, where=where, remedy=remedy)
        self.retry_after = retry_after
        self.unprocessed = unprocessed
        """True when Labelbox surely did nothing: the rate limit held the request off, or it was never sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, whichever client received it; ``headers`` are looked up in any case of letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class AnswerReader:
    """Tells data from errors, and errors that pass from final ones, for one connection."""

    connection: LabelboxConnection

    def graphql(self, answer: Answer, operation: str) -> dict[str, Any] | None:
        """Return ``data`` of a GraphQL answer; None for RESOURCE_NOT_FOUND.

        :raises PassingError: rate limit, 5xx
        :raises LabelboxAuthenticationError: the key was refused or lacks a right
        :raises LabelboxError: any other refusal, or an answer that is none
        """
        payload = _json_object(answer.body)
        self._check_passing(answer, payload, operation)
        errors = [error for error in payload.get("errors") or () if isinstance(error, dict)]
        if errors and answer.status not in {401, 403}:
            self._check_errors(errors, answer, operation)
            return None
        self._check_status(answer, payload, operation)
        data = payload.get("data")
        if not isinstance(data, dict):
            kind = answer.headers.get("Content-Type") or "nothing"
            raise LabelboxError(
                f"{operation} was answered {answer.status} with {kind}, not with GraphQL data",
                where=self.connection.where,
                remedy=f"Check that '{self.connection.endpoint}' (field host) is the GraphQL endpoint of Labelbox",
            )
        return data

    def check(self, answer: Answer, operation: str) -> None:
        """Raise the error that the status of ``answer`` stands for; return when it is 2xx."""
        self._check_status(answer, _json_object(answer.body), operation)

    def count(self, answer: Answer, operation: str) -> int:
        """Return the number in an answer ``{"count": n}``; raises as :meth:`check` does."""
        payload = _json_object(answer.body)
        self._check_status(answer, payload, operation)
        count = payload.get("count")
        if not isinstance(count, int):
            raise LabelboxError(f"{operation} was answered without a count", where=self.connection.where)
        return count

    def _check_status(self, answer: Answer, payload: Mapping[str, Any], operation: str) -> None:
        self._check_passing(answer, payload, operation)
        if answer.status in {401, 403}:
            raise self._key_refused(f"{operation} was answered {answer.status}{self._said(payload)}")
        if not 200 <= answer.status < 300:
            raise LabelboxError(
                f"{operation} was answered {answer.status}{self._said(payload)}",
                where=self.connection.where,
                remedy=None if payload.get("message") else self._remedy_for(answer.status),
            )

    def clean(self, text: object) -> str:
        """Return text of the server fit for a message: no key, no URL queries (signatures), not too long."""
        shown = str(text).replace(self.connection.api_key, "***")
        return _URL_QUERY.sub(r"\1?…", shown)[:_LONGEST_MESSAGE]

    def _check_passing(self, answer: Answer, payload: Mapping[str, Any], operation: str) -> None:
        limited = answer.status == 429 or str(payload.get("message") or "").startswith("You have exceeded")
        if not (limited or answer.status == 408 or 500 <= answer.status < 600):
            return
        reason = "rate limit reached" if limited else "a passing failure"
        raise PassingError(
            f"{operation} was answered {answer.status}, {reason}{self._said(payload)}",
            where=self.connection.where,
            retry_after=read_retry_after(answer.headers.get("Retry-After")),
            unprocessed=limited,
        )

    def _check_errors(self, errors: list[dict[str, Any]], answer: Answer, operation: str) -> None:
        """Raise the error that GraphQL ``errors`` stand for; return when they say that there is no such thing."""
        by_code: dict[str, dict[str, Any]] = {}
        for error in errors:
            by_code.setdefault(str(_extensions(error).get("code") or "no code"), error)
        message = self.clean("; ".join(str(error.get("message")) for error in errors))
        if _KEY_REFUSED & by_code.keys():
            raise self._key_refused(f"{operation}: {message}")
        if _NOT_PERMITTED & by_code.keys():
            raise LabelboxAuthenticationError(
                f"the API key may not do this: {operation}: {message}",
                where=self.connection.where,
                remedy="Use a key of a member whose role allows it",
            )
        if "TOO_MANY_REQUESTS" in by_code or _passes_inside(by_code.get("INTERNAL_SERVER_ERROR")):
            raise PassingError(
                f"{operation} was answered with {', '.join(by_code)}: {message}",
                where=self.connection.where,
                retry_after=read_retry_after(answer.headers.get("Retry-After")),
                unprocessed="TOO_MANY_REQUESTS" in by_code,
            )
        if "RESOURCE_NOT_FOUND" not in by_code:
            raise LabelboxError(
                f"{operation} was refused ({', '.join(by_code)}): {message}", where=self.connection.where
            )

    def _key_refused(self, detail: str) -> LabelboxAuthenticationError:
        return LabelboxAuthenticationError(
            f"the API key was refused ({detail})",
            where=self.connection.where,
            remedy="Put a valid API key of the workspace into the field password of the connection",
        )

    def _remedy_for(self, status: int) -> str | None:
        if 300 <= status < 400 or status in {404, 405}:
            return f"Check the endpoint in the connection (field host): '{self.connection.endpoint}'"
        return None

    def _said(self, payload: Mapping[str, Any]) -> str:
        said = payload.get("message") or "; ".join(_messages(payload))
        return f": {self.clean(said)}" if said else ""


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return payload if isinstance(payload, dict) else {}


def _messages(payload: Mapping[str, Any]) -> list[str]:
    errors = payload.get("errors")
    if not isinstance(errors, list):
        return []
    return [str(error.get("message")) for error in errors if isinstance(error, dict)]


def _extensions(error: Mapping[str, Any]) -> Mapping[str, Any]:
    extensions = error.get("extensions")
    return extensions if isinstance(extensions, dict) else {}


def _passes_inside(error: Mapping[str, Any] | None) -> bool:
    if error is None:
        return False
    inner = _extensions(error).get("exception")
    status = inner.get("status") if isinstance(inner, dict) else None
    return str(status).isdigit() and int(str(status)) not in _FINAL_INNER_STATUSES
