"""The wire form of data rows: mapped columns in, JSON chunks for ``upsertDataRows`` out.

The form is that of the SDK (schema/internal/data_row_uploader.py, data_row_upsert_item.py): chunk files with JSON
arrays of ``{"id": {"type", "value"}, "payload": {...}}``, then a manifest that names them. JSON text is joined column
by column, so that no Python object is made for a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from labelbox_airflow.engine.errors import LabelboxError
from labelbox_airflow.engine.metadata_schema import MetadataField, MetadataSchema
from labelbox_airflow.engine.rows.lists import CLEAR
from labelbox_airflow.engine.rows.values import join_present

MAX_CHUNK = 10_000_000  # bytes of JSON a chunk; SDK schema/internal/datarow_upload_constants.py
METADATA_PREFIX = "metadata/"
EMBEDDING_PREFIX = "embedding/"


class WireFormat:
    """Turns mapped rows into the items Labelbox reads.

    :param dataset_id: the dataset the rows belong to
    :param media_type: hint for Labelbox's own checks, or None
    :param schema: metadata fields by name, complete for the columns that are to be written
    :param embedding_ids: ids of the custom embeddings by name
    """

    def __init__(
        self,
        dataset_id: str,
        media_type: str | None,
        schema: MetadataSchema,
        embedding_ids: Mapping[str, str],
    ) -> None:
        self._dataset = f'"dataset_id":{_json(dataset_id)}'
        self._media_type = f'"media_type":{_json(media_type)}' if media_type else None
        self._schema = schema
        self._embedding_ids = embedding_ids

    def creates(self, rows: pa.RecordBatch) -> pa.Array:
        """Return one item a row that creates it with all its parts, as JSON text."""
        parts = [_keyed("row_data", rows), _keyed("external_id", rows), self._media_type]
        parts += [self._metadata(rows), _attachments(rows), self._embeddings(rows)]
        return self._items('{"id":{"type":"AUTO","value":""},"payload":{"global_key":', rows, parts)

    def updates(self, rows: pa.RecordBatch, parts: Sequence[str]) -> pa.Array:
        """Return one item a row that writes ``parts`` of a row that exists; a list that is written is replaced."""
        writers: dict[str, Callable[[pa.RecordBatch], pa.Array | str | None]] = {
            "row_data": lambda r: _keyed("row_data", r),
            "external_id": lambda r: _keyed("external_id", r),
            "metadata": self._metadata,
            "attachments": _attachments,
            "embeddings": self._embeddings,
        }
        keys = [orjson.dumps(key).decode() for key in rows.column("global_key").to_pylist()]
        before = pa.array(
            [f'{{"id":{{"type":"GKEY","value":{key}}},"payload":{{"global_key":' for key in keys], pa.string()
        )
        return self._items(before, rows, [writers[part](rows) for part in parts])

    def _items(self, before: pa.Array | str, rows: pa.RecordBatch, parts: Sequence[pa.Array | str | None]) -> pa.Array:
        keys = pa.array([orjson.dumps(key).decode() for key in rows.column("global_key").to_pylist()], pa.string())
        given = [part for part in parts if part is not None]
        payload = _join([keys, *given, self._dataset], rows.num_rows, separator=",")
        return pc.binary_join_element_wise(before, payload, "}}", "")

    def _metadata(self, rows: pa.RecordBatch) -> pa.Array | None:
        columns = [name for name in rows.schema.names if name.startswith(METADATA_PREFIX)]
        if not columns:
            return None
        fields = [self.metadata_field(name.removeprefix(METADATA_PREFIX), rows.column(name)) for name in columns]
        return _listed("metadata_fields", join_present(fields, ","))

    def metadata_field(self, name: str, values: pa.Array) -> pa.Array:
        """Return one metadata field as JSON text, null where the value is null or is to be cleared.

        :raises LabelboxError: when Labelbox lacks the field, or an enum option that is used
        """
        held = self._schema.get(name)
        if held is None:
            raise LabelboxError(f"there is no metadata field '{name}' in Labelbox", remedy="Was it deleted just now?")
        values = pc.if_else(pc.equal(values, CLEAR), pa.scalar(None, pa.string()), values)
        if held.kind == "enum":
            return _enum(held, values)
        return pc.binary_join_element_wise(f'{{"schemaId":"{held.id}","value":', values, "}", "")

    def _embeddings(self, rows: pa.RecordBatch) -> pa.Array | None:
        columns = [name for name in rows.schema.names if name.startswith(EMBEDDING_PREFIX)]
        if not columns:
            return None
        vectors = [
            pc.binary_join_element_wise(
                f'{{"embeddingId":{_json(self._embedding_ids[name.removeprefix(EMBEDDING_PREFIX)])},"vector":',
                rows.column(name),
                "}",
                "",
            )
            for name in columns
        ]
        return _listed("embeddings", join_present(vectors, ","))


def chunks(items: Iterable[pa.Array], *, limit: int = MAX_CHUNK) -> Iterator[bytes]:
    """Join items into JSON arrays of at most ``limit`` bytes; a larger item is a chunk of its own."""
    pieces: list[bytes] = []
    size = 1
    for array in items:
        for piece in _pieces(array, max(limit // 8, 1)):  # small pieces fill a chunk to the brim
            if pieces and size + len(piece) > limit:
                yield _closed(pieces)
                pieces, size = [], 1
            pieces.append(piece)
            size += len(piece)
    if pieces:
        yield _closed(pieces)


def _pieces(items: pa.Array, limit: int) -> Iterator[bytes]:
    """Cut the text of an array, a comma behind each item, into runs of whole items of at most ``limit`` bytes."""
    listed = pc.binary_join_element_wise(items, "", ",")
    offsets = np.frombuffer(listed.buffers()[1], np.int32)[listed.offset : listed.offset + len(listed) + 1]
    content = memoryview(listed.buffers()[2]) if len(listed) else memoryview(b"")
    first = 0
    while first < len(listed):
        last = int(np.searchsorted(offsets, offsets[first] + limit - 1, side="right")) - 1
        last = max(first + 1, min(last, len(listed)))
        yield bytes(content[offsets[first] : offsets[last]])
        first = last


def _closed(pieces: list[bytes]) -> bytes:
    whole = bytearray(b"[")
    for piece in pieces:
        whole += piece
    whole[-1:] = b"]"
    return bytes(whole)


def manifest(chunk_urls: Sequence[str], item_count: int) -> bytes:
    """Return the manifest of a task (SDK schema/internal/data_row_uploader.py)."""
    return orjson.dumps({"source": "SDK", "item_count": item_count, "chunk_uris": list(chunk_urls)})


def _keyed(name: str, rows: pa.RecordBatch) -> pa.Array | None:
    if name not in rows.schema.names:
        return None
    return pc.binary_join_element_wise(f'"{name}":', rows.column(name), "")


def _attachments(rows: pa.RecordBatch) -> pa.Array | None:
    if "attachments" not in rows.schema.names:
        return None
    texts = rows.column("attachments")
    if pc.any(pc.match_substring(texts, '"value":null')).as_py():
        texts = pa.array([_without_cleared(text) for text in texts.to_pylist()], pa.string())
    return pc.binary_join_element_wise('"attachments":', texts, "")


def _without_cleared(text: str) -> str:
    return orjson.dumps([item for item in orjson.loads(text) if item["value"] is not None]).decode()


def _enum(held: MetadataField, values: pa.Array) -> pa.Array:
    """An enum travels as two entries: the field's id and the option's (SDK data_row_metadata.py)."""
    encoded = values.dictionary_encode()
    fragments = []
    for text in encoded.dictionary.to_pylist():
        option = held.options.get(orjson.loads(text))
        if option is None:
            raise LabelboxError(
                f"the metadata field '{held.name}' has no option {text}", remedy="Was it deleted just now?"
            )
        fragments.append(f'{{"schemaId":"{held.id}","value":{{}}}},{{"schemaId":"{option}","value":{{}}}}')
    return pa.array(fragments, pa.string()).take(encoded.indices)


def _listed(name: str, joined: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(f'"{name}":[', joined, "]", "")


def _join(parts: Sequence[pa.Array | str], length: int, *, separator: str) -> pa.Array:
    if all(isinstance(part, str) for part in parts):
        return pa.array([separator.join(str(part) for part in parts)] * length, pa.string())
    return pc.binary_join_element_wise(*parts, separator, null_handling="skip")


def _json(value: str) -> str:
    return orjson.dumps(value).decode()
