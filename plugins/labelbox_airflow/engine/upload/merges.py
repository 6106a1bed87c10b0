"""Parts of data rows that exist already: merged into what Labelbox holds instead of replacing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pyarrow as pa

from labelbox_airflow.engine.api.data_rows import attachments_of, clear_metadata, merge_metadata
from labelbox_airflow.engine.api.embeddings import put_vectors
from labelbox_airflow.engine.metadata_schema import MetadataField, MetadataSchema
from labelbox_airflow.engine.rows.lists import CLEAR
from labelbox_airflow.engine.transport import Transport
from labelbox_airflow.engine.wire import EMBEDDING_PREFIX, METADATA_PREFIX


def merge_attachments(transport: Transport, rows: pa.RecordBatch, ids: Sequence[str]) -> pa.RecordBatch:
    """Return ``rows`` with the attachments that they have together with those Labelbox holds.

    One of the same type and name is replaced (an upsert replaces the list as a whole, LP test_data_rows_upsert.py).

    :param ids: data row id of each row
    """
    held = attachments_of(transport, ids)
    ours = (orjson.loads(text) for text in rows.column("attachments").to_pylist())
    merged = [orjson.dumps(_merged(held.get(id_, ()), items)).decode() for id_, items in zip(ids, ours, strict=True)]
    index = rows.schema.get_field_index("attachments")
    return rows.set_column(index, "attachments", pa.array(merged, pa.string()))


def _merged(held: Sequence[Mapping[str, Any]], ours: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    wanted = {(item["type"], item.get("name")): dict(item) for item in ours}
    kept = [_plain(item) for item in held if (item["type"], item.get("name") or None) not in wanted]
    return kept + [item for item in wanted.values() if item["value"] is not None]


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    plain = {"type": item["type"], "value": item["value"]}
    return {**plain, "name": item["name"]} if item.get("name") else plain


def write_metadata(
    transport: Transport, rows: pa.RecordBatch, schema: MetadataSchema, ids: Sequence[str | None]
) -> dict[str, str]:
    """Write the metadata of rows that exist, leaving fields of others alone; return failures by global key."""
    names = [name for name in rows.schema.names if name.startswith(METADATA_PREFIX)]
    values: dict[str, list[dict[str, Any]]] = {}
    cleared: dict[str, list[str]] = {}
    for row in rows.select(["global_key", *names]).to_pylist():
        key = row["global_key"]
        for name in names:
            text, field = row[name], schema[name.removeprefix(METADATA_PREFIX)]
            if text == CLEAR:
                cleared.setdefault(key, []).append(field.id)
            elif text is not None:
                values.setdefault(key, []).extend(_entries(field, orjson.loads(text)))
    known = {key: id_ for key, id_ in zip(rows.column("global_key").to_pylist(), ids, strict=True) if id_}
    failures = merge_metadata(transport, values, known)
    if cleared:
        failures.update(clear_metadata(transport, cleared, known))
    return failures


def _entries(field: MetadataField, value: Any) -> list[dict[str, Any]]:
    """An enum travels as two entries: the field's id and the option's (SDK data_row_metadata.py)."""
    if field.kind == "enum":
        return [{"schemaId": field.id, "value": {}}, {"schemaId": field.options[value], "value": {}}]
    return [{"schemaId": field.id, "value": value}]


def write_embeddings(
    transport: Transport, rows: pa.RecordBatch, embedding_ids: Mapping[str, str], ids: Sequence[str]
) -> None:
    """Write the vectors of rows that exist, embedding by embedding.

    :param ids: data row id of each row
    """
    for name in rows.schema.names:
        if name.startswith(EMBEDDING_PREFIX):
            vectors = zip(ids, rows.column(name).to_pylist(), strict=True)
            given = ((id_, vector) for id_, vector in vectors if vector is not None)
            put_vectors(transport, embedding_ids[name.removeprefix(EMBEDDING_PREFIX)], given)
