"""Private S3 endpoints an integration stands for: which objects are theirs, and signed requests to them."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, unquote, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

import orjson

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_START = 262_144
_EMPTY = hashlib.sha256(b"").hexdigest()


class _NoRedirect(HTTPRedirectHandler):
    """A redirect could lead outside the allowed hosts."""

    def redirect_request(self, *_: object) -> None:
        return None


_opener = build_opener(_NoRedirect, ProxyHandler({}))


@dataclass(frozen=True)
class Endpoint:
    """An S3 service and the keys to one bucket of it."""

    endpoint_url: str
    access_key: str
    secret_key: str
    bucket: str
    region: str = "us-east-1"

    def object_url(self, url: str) -> str | None:
        """Where this endpoint keeps the object of `url`, or None when the object is not in its bucket.

        Known are its own path-style address, and the virtual-hosted and path-style addresses of AWS
        (`https://bucket.s3.region.amazonaws.com/key`), so that rows can carry real-looking URLs.
        """
        parts = urlsplit(url)
        host = parts.netloc
        if host == urlsplit(self.endpoint_url).netloc or (host.startswith("s3.") and host.endswith(".amazonaws.com")):
            key = parts.path.removeprefix(f"/{self.bucket}/")
            key = key if key != parts.path else ""
        elif host.startswith(f"{self.bucket}.s3.") and host.endswith(".amazonaws.com"):
            key = parts.path.lstrip("/")
        else:
            key = ""
        return f"{self.endpoint_url.rstrip('/')}/{self.bucket}/{key}" if key else None

    def signed_headers(self, method: str, url: str) -> dict[str, str]:
        """Headers of AWS Signature Version 4 for a request without a body."""
        parts = urlsplit(url)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        headers = {"host": parts.netloc, "x-amz-content-sha256": _EMPTY, "x-amz-date": stamp}
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        canonical = f"{method}\n{quote(unquote(parts.path))}\n{parts.query}\n{lines}\n{names}\n{_EMPTY}"
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{self.secret_key}".encode()
        for part in (stamp[:8], self.region, "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        credential = f"Credential={self.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
        return {**headers, "Authorization": f"AWS4-HMAC-SHA256 {credential}"}

    def reach(self) -> str | None:
        """What keeps the bucket from being read with these keys, or None."""
        url = f"{self.endpoint_url.rstrip('/')}/{self.bucket}"
        try:
            fetch(url, self.signed_headers("HEAD", url), method="HEAD")
        except HTTPError as error:
            return f"bucket '{self.bucket}' at {self.endpoint_url} answered {error.code}"
        except (URLError, OSError, ValueError) as error:
            return f"bucket '{self.bucket}' at {self.endpoint_url} cannot be reached: {error}"
        return None


def fetch(url: str, headers: dict[str, str], *, method: str = "GET", most: int = 262_144) -> tuple[bytes, str]:
    """The first `most` bytes and the content type. Follows no redirect and uses no proxy.

    Raises:
        OSError: not reachable, or answered with an error status (HTTPError, URLError).
    """
    request = Request(url, headers=headers, method=method)  # noqa: S310 - callers check scheme and host
    with _opener.open(request, timeout=10) as answer:
        content = answer.read(most)
        return content, answer.headers.get_content_type()


class RemoteAsset:
    """An asset that is read in pieces over HTTP. The first piece is remembered: most is said there.

    Raises:
        OSError: not reachable, or answered with an error status.
    """

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._url, self._headers = url, headers
        self.size: int | None = None
        self.content_type = "application/octet-stream"
        self._start = b""
        self._start = self.read(0, _START)

    def read(self, start: int, size: int) -> bytes:
        """Up to `size` bytes from `start`; nothing beyond the end."""
        if start + size <= len(self._start) or (self.size is not None and self.size == len(self._start)):
            return self._start[start : start + size]
        if self.size is not None and start >= self.size:
            return b""
        headers = {**self._headers, "Range": f"bytes={start}-{start + size - 1}"}
        request = Request(self._url, headers=headers)  # noqa: S310 - callers check scheme and host
        try:
            with _opener.open(request, timeout=10) as answer:
                self.content_type = answer.headers.get_content_type()
                self.size = _size_of(answer)
                if answer.status != 206:
                    # A server that knows no ranges sends everything.
                    answer.read(start)
                content: bytes = answer.read(size)
                if self.size is None and len(content) < size:
                    self.size = start + len(content)
                return content
        except HTTPError as error:
            if error.code == 416:  # an empty asset, or beyond the end
                return b""
            raise


def _size_of(answer: Any) -> int | None:
    whole = answer.headers.get("Content-Range", "").rpartition("/")[2] or answer.headers.get("Content-Length", "")
    return int(whole) if whole.isdecimal() else None


def endpoint_of(platform: Platform, integration: str | None) -> Endpoint | None:
    """The private endpoint an integration stands for, if it does; remembered until `forget_endpoints`."""
    if integration is None:
        return None
    known = platform.endpoints
    if integration not in known:
        found = platform.store.row("SELECT endpoint FROM integration WHERE id = ?", integration)
        known[integration] = Endpoint(**orjson.loads(found["endpoint"])) if found and found["endpoint"] else None
    return known[integration]


def allowed(platform: Platform, url: str) -> bool:
    """Whether the server may send a request there.

    Raises:
        ValueError: not a URL.
    """
    # Rows by the hundred thousand share a few origins.
    scheme, host = _origin("/".join(url.split("/", 3)[:3]))
    return scheme in {"http", "https"} and host in platform.allowed_hosts


@lru_cache(maxsize=1024)
def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    # With a user name in it, an address is read in more than one way.
    return parts.scheme, "" if "@" in parts.netloc else parts.hostname or ""
