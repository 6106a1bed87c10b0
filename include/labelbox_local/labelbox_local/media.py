"""Media attributes, read from the assets the server may reach."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.identifiers import now
from labelbox_local.media_headers import media_attributes
from labelbox_local.s3 import RemoteAsset, allowed, endpoint_of

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

logger = logging.getLogger(__name__)
_BATCH = 200
_PARALLEL = 4


def wants_media_attributes(platform: Platform, row_data: str, integration: str | None) -> bool:
    """Whether the asset is a URL the server may read, directly or with the integration of the dataset."""
    return source_of(platform, row_data, integration) is not None


def _address(row_data: str) -> str | None:
    """The URL of the asset; a document is an object that names its PDF."""
    if row_data.startswith("{") and '"pdf_url"' in row_data:
        row_data = str(orjson.loads(row_data).get("pdf_url"))
    return row_data if row_data.startswith(("http://", "https://")) else None


def source_of(platform: Platform, row_data: str, integration: str | None) -> tuple[str, dict[str, str]] | None:
    """Where to read the asset, and the headers to send; None when it must not be read."""
    try:
        url = _address(row_data)
        if url is None:
            return None
        endpoint = endpoint_of(platform, integration)
        own = endpoint.object_url(url) if endpoint else None
        if endpoint and own and allowed(platform, own):
            return own, endpoint.signed_headers("GET", own)
        return (url, {}) if allowed(platform, url) else None
    except ValueError:
        # Not every text that begins like a URL is one.
        return None


def start_media_reader(platform: Platform) -> None:
    """Start the thread that fills in what is missing, at once and whenever `media_wanted` is set."""
    platform.media_reader = threading.Thread(target=_run, args=(platform,), name="media", daemon=True)
    platform.media_wanted.set()
    platform.media_reader.start()


def _run(platform: Platform) -> None:
    with ThreadPoolExecutor(_PARALLEL) as pool:
        while platform.media_wanted.wait() and not platform.stopping.is_set():
            platform.media_wanted.clear()
            try:
                while not platform.stopping.is_set() and _fill(platform, pool):
                    pass
            except Exception:
                logger.exception("Reading media attributes failed unexpectedly")


def _fill(platform: Platform, pool: ThreadPoolExecutor) -> bool:
    """Read one batch; whether there was any."""
    rows = platform.store.rows(
        "SELECT data_row.seq, row_data, dataset.signer FROM data_row JOIN dataset ON dataset.id = data_row.dataset"
        " WHERE media_state = 1 LIMIT ?",
        _BATCH,
    )
    if not rows:
        return False
    found = list(pool.map(lambda row: _read(platform, row), rows))
    moment = now()
    with platform.store.writing() as write:
        write.executemany(
            "UPDATE data_row SET media_attributes = ?, media_state = 0, updated_at = ? WHERE seq = ? AND row_data = ?",
            [(attributes, moment, row["seq"], row["row_data"]) for row, attributes in zip(rows, found, strict=True)],
        )
    return True


def _read(platform: Platform, row: dict[str, Any]) -> str | None:
    source = source_of(platform, row["row_data"], row["signer"])
    if source is None:
        return None
    try:
        found = media_attributes(RemoteAsset(*source))
    except (OSError, ValueError) as error:
        logger.info("No media attributes for data row %s: %s", row["seq"], error)
        return None
    return orjson.dumps(found).decode()
