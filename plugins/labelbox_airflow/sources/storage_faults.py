"""What is wrong when the client of a storage raises: those of S3, Google, Azure and the disk say it differently."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["missing", "credentials", "denied", "none", "replaced", "failed"]

_CLIENTS = ("botocore", "aiobotocore", "s3fs", "aiohttp", "gcsfs", "google", "azure", "adlfs", "requests")
_BAD_KEYS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "AuthenticationFailed",
    "InvalidAuthenticationInfo",
    "NoAuthenticationInformation",
}
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError"}
_QUERY = re.compile(r"\?[^\s\"'>]*")


@dataclass(frozen=True)
class Fault:
    """What is wrong, and what the storage said of it, without secrets."""

    kind: Kind
    said: str


def fault_of(error: BaseException) -> Fault | None:
    """Return what is wrong with a storage, None for an error that is none of a storage's."""
    if isinstance(error, RuntimeError) and _is_of_client(error.__cause__):  # as adlfs wraps what Azure says of uploads
        error = error.__cause__ or error
    if not isinstance(error, OSError) and not _is_of_client(error):
        return None
    name, code, status = type(error).__name__, _code(error), _status(error)
    if isinstance(error, FileNotFoundError) or name == "ResourceNotFoundError":
        return Fault("missing", code)
    if name in _NO_CREDENTIALS:
        return Fault("none", name)
    if name == "FileExpired":
        return Fault("replaced", name)
    if code in _BAD_KEYS or status == 401 or name == "RefreshError":
        return Fault("credentials", code or plain(error.__cause__ or error))
    if isinstance(error, PermissionError) or status == 403 or str(error).startswith("Forbidden: "):
        return Fault("denied", code)
    return Fault("failed", f"{name}: {plain(error)}")


def _is_of_client(error: BaseException | None) -> bool:
    return error is not None and type(error).__module__.startswith(_CLIENTS)


def _code(error: BaseException) -> str:
    """Return the storage's own word for what is wrong, such as AccessDenied; empty when it gave none."""
    response = getattr(error.__cause__, "response", None)
    if isinstance(response, dict):  # botocore, below s3fs
        return str(response["Error"].get("Code", ""))
    return str(getattr(error, "error_code", None) or "")  # azure.core


def _status(error: BaseException) -> int | None:
    status = getattr(error, "status_code", None) or getattr(error, "code", None)  # azure.core, gcsfs
    return status if isinstance(status, int) else None


def plain(error: BaseException) -> str:
    """Return the error's message without the queries of URLs, which may hold signatures."""
    return without_queries(str(error))


def without_queries(text: str) -> str:
    """Return ``text`` without the queries of the URLs in it."""
    return _QUERY.sub("", text)
