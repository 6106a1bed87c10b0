"""Reads one item of an upsert chunk: every check that needs no look-up of other rows."""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.errors import RowError

if TYPE_CHECKING:
    from labelbox_local.ontology import Ontology
    from labelbox_local.switches import Switches

ATTACHMENT_TYPES = frozenset(
    ("AUDIO", "VIDEO", "IMAGE", "IMAGE_OVERLAY", "HTML", "RAW_TEXT", "TEXT_URL", "PDF_URL", "CAMERA_IMAGE")
)
MEDIA_TYPES = frozenset(
    (
        "AUDIO", "CONVERSATIONAL", "PDF", "TMS_GEO", "TMS_SIMPLE", "HTML", "IMAGE", "TEXT", "VIDEO",
        "POINT_CLOUD", "LLM",
    )
)  # fmt: skip
_BAD_BLANKS = re.compile(r"^\s|\s$|\s\s")
_KNOWN_KEYS = frozenset(
    (
        "global_key", "external_id", "media_type", "metadata_fields", "metadata", "attachments", "embeddings",
        "dataset_id",
    )
)  # fmt: skip


@dataclass(slots=True)
class Row:
    """A valid item. `key_type` is AUTO, GKEY or ID; only the fields in `given` are to be changed by an update."""

    position: int
    key_type: str
    key: str
    dataset: str
    given: set[str] = field(default_factory=set)
    row_data: str | None = None
    global_key: str | None = None
    external_id: str | None = None
    media_type: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    attachments: list[tuple[str, str, str | None]] = field(default_factory=list)
    vectors: list[tuple[str, bytes, str | None]] = field(default_factory=list)


class RowReader:
    """Checks items against the switches, the ontology and the custom embeddings of one moment."""

    def __init__(self, switches: Switches, ontology: Ontology, dimensions: dict[str, int]) -> None:
        """`dimensions` gives those of every custom embedding by its id."""
        self.switches = switches
        self.ontology = ontology
        self.dimensions = dimensions

    def read(self, position: int, item: dict[str, Any]) -> Row:
        """One item `{"id": {"type", "value"}, "payload": {…}}`.

        Raises:
            RowError: what is wrong with it.
        """
        if not isinstance(item, dict) or not isinstance(item.get("payload"), dict):
            raise RowError("Each item must be an object with id and payload")
        key, payload = item.get("id") or {}, item["payload"]
        row = Row(position, key.get("type", "AUTO"), key.get("value") or "", payload.get("dataset_id") or "")
        if row.key_type not in {"AUTO", "GKEY", "ID"}:
            raise RowError(f"Unknown key type '{row.key_type}'")
        self._read_scalars(row, payload)
        metadata = payload.get("metadata_fields")
        metadata = payload.get("metadata") if metadata is None else metadata
        if metadata is not None:
            row.given.add("metadata")
            row.metadata = self.ontology.read(_objects(metadata, "metadata"))
        if payload.get("attachments") is not None:
            row.given.add("attachments")
            row.attachments = [read_attachment(each) for each in _objects(payload["attachments"], "attachments")]
            most = self.switches.attachments_per_row
            if most and len(row.attachments) > most:
                raise RowError(f"{len(row.attachments)} attachments; at most {most} are allowed")
        if payload.get("embeddings") is not None:
            row.given.add("embeddings")
            row.vectors = [self.read_vector(each) for each in _objects(payload["embeddings"], "embeddings")]
            if len({vector[0] for vector in row.vectors}) != len(row.vectors):
                raise RowError("An embedding can only be specified once per DataRow")
        return row

    def _read_scalars(self, row: Row, payload: dict[str, Any]) -> None:
        row_data = payload.get("row_data")
        if row_data is None and ("tileLayerUrl" in payload or "conversationalData" in payload):
            # The older shapes put the content beside the other fields.
            row_data = {name: value for name, value in payload.items() if name not in _KNOWN_KEYS}
        if row_data is not None:
            row.given.add("row_data")
            row.row_data = read_row_data(row_data)
            most = self.switches.row_data_characters
            if len(row.row_data) > most:
                raise RowError(f"row_data has {len(row.row_data)} characters, at most {most} are allowed")
        if payload.get("global_key") is not None:
            row.given.add("global_key")
            row.global_key = self.read_global_key(payload["global_key"])
        if "external_id" in payload:
            row.given.add("external_id")
            row.external_id = _text_or_null(payload["external_id"], "external_id")
        if payload.get("media_type") is not None:
            row.given.add("media_type")
            row.media_type = payload["media_type"]
            if row.media_type not in MEDIA_TYPES:
                raise RowError(f"Invalid media type: {row.media_type!r}")

    def read_global_key(self, key: Any) -> str:
        """Raises: RowError."""
        if not isinstance(key, str) or not key:
            raise RowError(f"Invalid global key: {key!r} is not a text")
        if len(key) > self.switches.global_key_length:
            raise RowError(
                f"Invalid global key: '{key[:40]}…' has {len(key)} characters, "
                f"at most {self.switches.global_key_length} are allowed"
            )
        if self.switches.global_key_blanks == "fail" and _BAD_BLANKS.search(key):
            raise RowError(f"Invalid global key: '{key}' has leading, trailing or double blanks")
        return key

    def read_vector(self, entry: dict[str, Any]) -> tuple[str, bytes, str | None]:
        """Raises: RowError."""
        embedding = entry.get("embeddingId")
        dimensions = self.dimensions.get(embedding) if isinstance(embedding, str) else None
        if dimensions is None:
            raise RowError(f"Custom embedding not found: [{embedding}]")
        clusters = entry.get("clusters")
        return (
            str(embedding),
            pack_vector(entry.get("vector"), dimensions, self.switches.embedding_dimensions),
            orjson.dumps(clusters).decode() if clusters else None,
        )


def pack_vector(vector: Any, dimensions: int, most: int) -> bytes:
    """The numbers as 64-bit floats.

    Raises:
        RowError: not a list of finite numbers, or of the wrong length.
    """
    if not isinstance(vector, list):
        raise RowError("An embedding's vector must be a list of numbers")
    if len(vector) > most:
        raise RowError(f"An embedding's vector can have at most {most} dimensions, got {len(vector)}")
    if len(vector) != dimensions:
        raise RowError(f"Wrong number of dimensions: the embedding has {dimensions}, the vector {len(vector)}")
    try:
        numbers = array("d", vector)
    except (TypeError, OverflowError):
        raise RowError("An embedding's vector must be a list of numbers") from None
    # The sum of finite numbers of any sensible size is finite: one pass, in C.
    if not abs(sum(numbers)) < float("inf"):
        raise RowError("An embedding's vector must be a list of finite numbers")
    return numbers.tobytes()


def read_row_data(row_data: Any) -> str:
    """Text as it is, an object as JSON text.

    Raises:
        RowError: empty, neither text nor object, or an s3:// address.
    """
    if isinstance(row_data, dict) and row_data:
        return orjson.dumps(row_data).decode()
    if not isinstance(row_data, str) or not row_data:
        raise RowError("row_data must be a non-empty text or an object")
    if row_data.startswith("s3://"):
        raise RowError("row_data: s3 assets must start with 'https'.")
    return row_data


def read_attachment(entry: dict[str, Any]) -> tuple[str, str, str | None]:
    """Type, value and name.

    Raises:
        RowError: unknown type, or empty value.
    """
    kind, value = entry.get("type"), entry.get("value")
    if kind not in ATTACHMENT_TYPES:
        raise RowError(f"Unknown attachment type: {kind!r}")
    if not isinstance(value, str) or not value:
        raise RowError(f"Attachment value must be a non-empty text, got {value!r}")
    return str(kind), value, _text_or_null(entry.get("name"), "attachment name")


def _objects(entries: Any, what: str) -> list[dict[str, Any]]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise RowError(f"{what} must be a list of objects")
    return entries


def _text_or_null(value: Any, what: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise RowError(f"{what} must be a text, got {value!r}")
    return value
