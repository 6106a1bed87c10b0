"""Asset URLs: what Labelbox accepts, made from what warehouses hold."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.compute as pc

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_PRESIGNED = re.compile(
    r"[?&](?:X-Amz-Signature|X-Goog-Signature|AWSAccessKeyId|GoogleAccessId|Signature|sig)=", re.IGNORECASE
)
# One or more parameters of a signature in a row, up to what cannot be in a query, and the character behind them.
_SIGNATURE = re.compile(
    r"([?&])(?:(?:X-Amz-[^=&]*|X-Goog-[^=&]*|AWSAccessKeyId|GoogleAccessId|Signature|Expires|"
    r"sig|se|st|sp|sv|sr|spr|skoid|sktid|skt|ske|sks|skv|Key-Pair-Id|Policy)=[^&#\s\"'<>\\]*&?)+"
    r"(?=([^&#\s\"'<>\\]?))",
    re.IGNORECASE,
)
_PASSWORD = re.compile(r"(https?://)[^/?#\s\"'<>\\@]*@", re.IGNORECASE)
# docs.labelbox.com/reference/attachments and reference/data-row: not supported in URLs.
_FORBIDDEN = re.compile(r"[#<>|\s]")
# What most are: ASCII, without a query and so without a signature. In the syntax of Arrow's RE2.
_PLAIN_URL = r"^(?:https?|gs)://[A-Za-z0-9][!$%'-;=@-\[\]-{}~]*$"

_BUCKET_URL = re.compile(
    r"https://(?:(?P<s3>[a-z0-9.-]+)\.s3[.-](?:[a-z0-9-]+\.)?amazonaws\.com(?:\.cn)?|storage\.googleapis\.com/(?P<gs>[a-z0-9._-]+))"
    r"/(?P<key>[^?#]+)"
)


class AssetUrlError(ValueError):
    """A value that cannot be the asset of a data row; carries a stable code."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def strip_signature(value: str) -> str:
    """Return ``value``, a URL or a text with URLs in it, without the signatures and passwords in them."""
    if "://" not in value:
        return value
    value = _PASSWORD.sub(r"\1", value)
    if not _PRESIGNED.search(value):
        return value
    return _SIGNATURE.sub(lambda found: found[1] if found[2] else "", value)


def looks_like_url(value: str) -> bool:
    """Tell whether ``value`` names a place rather than being text itself."""
    return _URL.match(value) is not None


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
    if value.partition("://")[2][:1] in {"", "/", "?"}:
        raise AssetUrlError("bad_url", f"'{strip_signature(value)}' names no host or bucket")
    if _PASSWORD.match(value):
        raise AssetUrlError("bad_url", "carries a user name or password; use delegated access")
    if not presigned and _PRESIGNED.search(value):
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


def bucket_uri(url: str) -> str | None:
    """Return the ``s3://`` or ``gs://`` URI of the object at an https URL of AWS or Google; None for one of another
    kind, also for one that carries a signature.

    What data rows of private buckets have as ``row_data`` can so be read with the reader's own credentials.
    """
    if (found := _BUCKET_URL.fullmatch(url)) is None:
        return None
    scheme, bucket = ("s3", found["s3"]) if found["s3"] else ("gs", found["gs"])
    return f"{scheme}://{bucket}/{unquote(found['key'])}"


def are_plain_urls(values: pa.Array) -> bool:
    """Tell whether :func:`asset_url` surely returns every value of a column as it is; nulls do not count."""
    return bool(pc.all(pc.match_substring_regex(values, _PLAIN_URL), min_count=0).as_py())


def _s3_url(value: str, region: str | None) -> str:
    bucket, _, key = value.partition("://")[2].partition("/")
    if not bucket or not key:
        raise AssetUrlError("bad_url", f"'{value}' names no object; the form is s3://bucket/key")
    if region is None:
        raise AssetUrlError(
            "s3_url", f"'{value}': Labelbox takes https URLs of S3 objects; set rows.s3_region to have it made"
        )
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{bucket}.s3.{region}.{domain}/{quote(key)}"
