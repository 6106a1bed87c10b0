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

from labelbox_airflow.engine.columns import json_texts, text_buffers
from labelbox_airflow.engine.errors import LabelboxError
from labelbox_airflow.engine.metadata_schema import MetadataField, MetadataSchema
from labelbox_airflow.engine.rows.lists import CLEAR
from labelbox_airflow.engine.rows.values import join_present

MAX_CHUNK = 10_000_000  # bytes of JSON a chunk; SDK schema/internal/datarow_upload_constants.py
METADATA_PREFIX = "metadata/"
EMBEDDING_PREFIX = "embedding/"

Pieces = list[pa.Array | str]
"""Text of each row: columns, and what is the same in every row."""


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
        self._end = f',"dataset_id":{_json(dataset_id)}}}}}'
        self._media_type = [f',"media_type":{_json(media_type)}'] if media_type else []
        self._schema = schema
        self._embedding_ids = embedding_ids

    def creates(self, rows: pa.RecordBatch) -> pa.Array:
        """Return one item a row that creates it with all its parts, as JSON text."""
        keys = json_texts(rows.column("global_key"))
        parts = [*_keyed("row_data", rows), *_keyed("external_id", rows), *self._media_type]
        parts += [*self._metadata(rows), *_attachments(rows), *self._embeddings(rows)]
        return _joined('{"id":{"type":"AUTO","value":""},"payload":{"global_key":', keys, *parts, self._end)

    def updates(self, rows: pa.RecordBatch, parts: Sequence[str], ids: Sequence[str] | None = None) -> pa.Array:
        """Return one item a row that writes ``parts`` of a row that exists; a list that is written is replaced.

        :param ids: data row ids, where a row must not be written to another data row that has got its key
        """
        writers: dict[str, Callable[[pa.RecordBatch], Pieces]] = {
            "row_data": lambda r: _keyed("row_data", r),
            "external_id": lambda r: _keyed("external_id", r),
            "metadata": self._metadata,
            "attachments": _attachments,
            "embeddings": self._embeddings,
        }
        keys = json_texts(rows.column("global_key"))
        pieces = [piece for part in parts for piece in writers[part](rows)]
        kind, identifiers = ("GKEY", keys) if ids is None else ("ID", json_texts(pa.array(ids, pa.string())))
        begin = f'{{"id":{{"type":"{kind}","value":'
        return _joined(begin, identifiers, '},"payload":{"global_key":', keys, *pieces, self._end)

    def _metadata(self, rows: pa.RecordBatch) -> Pieces:
        columns = [name for name in rows.schema.names if name.startswith(METADATA_PREFIX)]
        fields = [self._metadata_field(name.removeprefix(METADATA_PREFIX), rows.column(name)) for name in columns]
        return _listed("metadata_fields", fields)

    def _metadata_field(self, name: str, values: pa.Array) -> Pieces:
        """Return one metadata field as JSON text, null where the value is null or is to be cleared.

        :raises LabelboxError: when Labelbox lacks the field, or an enum option that is used
        """
        held = self._schema.get(name)
        if held is None:
            raise LabelboxError(f"there is no metadata field '{name}' in Labelbox", remedy="Was it deleted just now?")
        cleared = pc.equal(values, CLEAR)
        if pc.any(cleared).as_py():
            values = pc.if_else(cleared, pa.scalar(None, pa.string()), values)
        if held.kind == "enum":
            return [_enum(held, values)]
        return [f'{{"schemaId":"{held.id}","value":', values, "}"]

    def _embeddings(self, rows: pa.RecordBatch) -> Pieces:
        columns = [name for name in rows.schema.names if name.startswith(EMBEDDING_PREFIX)]
        ids = [_json(self._embedding_ids[name.removeprefix(EMBEDDING_PREFIX)]) for name in columns]
        vectors = [
            [f'{{"embeddingId":{id_},"vector":', rows.column(name), "}"] for name, id_ in zip(columns, ids, strict=True)
        ]
        return _listed("embeddings", vectors)


def chunks(items: Iterable[pa.Array], *, limit: int = MAX_CHUNK) -> Iterator[bytes]:
    """Join items into JSON arrays of at most ``limit`` bytes; a larger item is a chunk of its own."""
    pieces: list[memoryview] = []
    size = 1
    for array in items:
        for piece in _pieces(array, max(limit // 8, 1)):  # small pieces fill a chunk to the brim
            if pieces and size + len(piece) > limit:
                yield _closed(pieces)
                size = 1
            pieces.append(piece)
            size += len(piece)
    if pieces:
        yield _closed(pieces)


def _pieces(items: pa.Array, limit: int) -> Iterator[memoryview]:
    """Cut the text of an array, a comma behind each item, into runs of whole items of at most ``limit`` bytes."""
    offsets, content = text_buffers(pc.binary_join_element_wise(items, "", ","))
    first, count = 0, len(items)
    while first < count:
        last = int(np.searchsorted(offsets, offsets[first] + limit - 1, side="right")) - 1
        last = max(first + 1, min(last, count))
        yield content[offsets[first] : offsets[last]]
        first = last


def _closed(pieces: list[memoryview]) -> bytes:
    """Make a chunk of pieces and empty their list, so that they take no memory while the chunk is on its way."""
    chunk = b"".join([b"[", *pieces[:-1], pieces[-1][:-1], b"]"])
    pieces.clear()
    return chunk


def manifest(chunk_urls: Sequence[str], item_count: int) -> bytes:
    """Return the manifest of a task (SDK schema/internal/data_row_uploader.py)."""
    return orjson.dumps({"source": "SDK", "item_count": item_count, "chunk_uris": list(chunk_urls)})


def _keyed(name: str, rows: pa.RecordBatch) -> Pieces:
    if name not in rows.schema.names:
        return []
    values = rows.column(name)
    if values.null_count:
        return [pc.binary_join_element_wise(f',"{name}":', values, "")]
    return [f',"{name}":', values]


def _attachments(rows: pa.RecordBatch) -> Pieces:
    if "attachments" not in rows.schema.names:
        return []
    texts = rows.column("attachments")
    offsets, content = text_buffers(texts)
    if b'"value":null' in bytes(content[offsets[0] : offsets[-1]]):
        texts = pa.array([_without_cleared(text) for text in texts.to_pylist()], pa.string())
    return [',"attachments":', texts]


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


def _listed(name: str, entries: Sequence[Pieces]) -> Pieces:
    """Return a list of entries, each of some pieces; those with a null are left out."""
    if any(isinstance(piece, pa.Array) and piece.null_count for entry in entries for piece in entry):
        entries = [[join_present([pc.binary_join_element_wise(*entry, "") for entry in entries], ",")]]
    listed = [piece for entry in entries for piece in (",", *entry)]
    return [f',"{name}":[', *listed[1:], "]"] if entries else []


def _joined(*pieces: pa.Array | str) -> pa.Array:
    """Join the pieces of each row; a null is nothing."""
    return pc.binary_join_element_wise(*pieces, "", null_handling="replace", null_replacement="")


def _json(value: str) -> str:
    return orjson.dumps(value).decode()
