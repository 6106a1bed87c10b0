"""Asset URLs: what Labelbox accepts, made from what warehouses hold."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit, urlunsplit

_SIGNATURE = re.compile(
    r"(?:^|&)(?:X-Amz-[^=&]*|X-Goog-[^=&]*|AWSAccessKeyId|GoogleAccessId|Signature|Expires|"
    r"sig|se|st|sp|sv|sr|spr|skoid|sktid|skt|ske|sks|skv|Key-Pair-Id|Policy)=[^&]*",
    re.IGNORECASE,
)
_PRESIGNED = re.compile(
    r"(?:^|&)(?:X-Amz-Signature|X-Goog-Signature|AWSAccessKeyId|GoogleAccessId|Signature|sig)=", re.IGNORECASE
)
# docs.labelbox.com/reference/attachments and reference/data-row: not supported in URLs.
_FORBIDDEN = re.compile(r"[#<>|\s]")


class AssetUrlError(ValueError):
    """A value that cannot be the asset of a data row; carries a stable code."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def strip_signature(value: str) -> str:
    """Return ``value`` without the signature in its query, if it is a URL that has one."""
    if "?" not in value or "://" not in value:
        return value
    parts = urlsplit(value)
    return urlunsplit(parts._replace(query=_SIGNATURE.sub("", parts.query).lstrip("&")))


def looks_like_url(value: str) -> bool:
    """Tell whether ``value`` names a place rather than being text itself."""
    return "://" in value[:12]


def asset_url(value: str, *, s3_region: str | None, presigned: bool) -> str:
    """Return the URL under which Labelbox reads the asset.

    ``s3://bucket/key`` becomes the virtual-hosted https URL of ``s3_region``; Labelbox refuses ``s3://``
    (SDK: descriptor_file_creator.py). ``gs://`` and ``https://`` stay.

    :raises AssetUrlError: for another scheme, a character Labelbox does not support, or an expiring signature
    """
    scheme = value.partition("://")[0].lower()
    if scheme in {"s3", "s3a", "s3n"}:
        return _s3_url(value, s3_region)
    if scheme not in {"https", "http", "gs"}:
        raise AssetUrlError("bad_url", f"'{strip_signature(value)}' is no https:// or gs:// URL")
    query = value.partition("?")[2]
    if query and not presigned and _PRESIGNED.search(query):
        raise AssetUrlError(
            "presigned_url",
            f"'{strip_signature(value)}' carries a signature that expires, and the data row would die with it; "
            "use delegated access, or set presigned_urls: allow",
        )
    if _FORBIDDEN.search(value):
        raise AssetUrlError(
            "bad_url", f"'{strip_signature(value)}' has a space or one of # < > |, which Labelbox does not support"
        )
    return value


def _s3_url(value: str, region: str | None) -> str:
    bucket, _, key = value.partition("://")[2].partition("/")
    if not bucket or not key:
        raise AssetUrlError("bad_url", f"'{value}' names no object; the form is s3://bucket/key")
    if region is None:
        raise AssetUrlError(
            "s3_url", f"'{value}': Labelbox takes https URLs of S3 objects; set rows.s3_region to have it made"
        )
    return f"https://{bucket}.s3.{region}.amazonaws.com/{quote(key)}"
