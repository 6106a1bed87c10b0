"""The manifest: what a release holds, so that one can train on it, go back to it, and tell whether it is whole."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa

from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.engine.exports.files.target import Target

VERSION = 1


@dataclass(frozen=True)
class ReleasedFile:
    """One file of a release.

    :param path: from the folder that the manifest is in
    :param size: in bytes
    :param partition: values of the columns that the file's folders stand for
    """

    path: str
    rows: int
    size: int
    sha256: str
    partition: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Provenance:
    """Where the records of a release come from.

    :param sync: the sync's name
    :param sync_hash: the hash of its resolved file
    :param watermark: up to when the records are complete, UTC
    """

    sync: str | None = None
    sync_hash: str | None = None
    watermark: datetime | None = None


@dataclass(frozen=True)
class Manifest:
    """What a release, or a single file, holds.

    :param release: its name; of a single file, the file's
    :param schema: the columns of all rows, those of partitions included
    :param files: in the order they were begun
    :param created: UTC
    """

    release: str
    format: str
    schema: pa.Schema
    files: tuple[ReleasedFile, ...]
    partition_by: tuple[str, ...]
    created: datetime
    provenance: Provenance = Provenance()

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(file.rows for file in self.files)

    def to_json(self) -> bytes:
        """Return it as it is written."""
        document = {
            "version": VERSION,
            "release": self.release,
            "created": self.created,
            "sync": self.provenance.sync,
            "sync_hash": self.provenance.sync_hash,
            "watermark": self.provenance.watermark,
            "format": self.format,
            "rows": self.rows,
            "partition_by": self.partition_by,
            "columns": [{"name": column.name, "type": str(column.type)} for column in self.schema],
            "arrow_schema": base64.b64encode(self.schema.serialize().to_pybytes()).decode(),
            "files": self.files,
        }
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z)


def read_document(target: Target) -> Manifest | None:
    """Return the manifest that a file holds, None when there is no such file.

    :raises SourceError: it is no manifest, or one of a later version
    """
    content = target.read()
    if content is None:
        return None
    try:
        return _manifest(orjson.loads(content))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, pa.ArrowInvalid) as error:
        raise SourceError(
            f"this is no manifest ({error!r})", where=target.place, remedy="Name a release that this package wrote."
        ) from None


def _manifest(document: Mapping[str, Any]) -> Manifest:
    if document["version"] != VERSION:
        raise ValueError(f"version {document['version']}, and this package knows {VERSION}")
    watermark = document["watermark"]
    return Manifest(
        release=document["release"],
        format=document["format"],
        schema=pa.ipc.read_schema(pa.py_buffer(base64.b64decode(document["arrow_schema"]))),
        files=tuple(ReleasedFile(**file) for file in document["files"]),
        partition_by=tuple(document["partition_by"]),
        created=datetime.fromisoformat(document["created"]),
        provenance=Provenance(
            sync=document["sync"],
            sync_hash=document["sync_hash"],
            watermark=datetime.fromisoformat(watermark) if watermark else None,
        ),
    )
