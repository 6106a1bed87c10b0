"""What Labelbox holds of rows it has already, as the fingerprints that a sync's own rows would have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa

from labelbox_airflow.engine.api.data_rows import batched
from labelbox_airflow.engine.api.exports import KEYS_PER_EXPORT, export_dataset
from labelbox_airflow.engine.fingerprint import fingerprint
from labelbox_airflow.engine.metadata_schema import MetadataSchema
from labelbox_airflow.engine.rows.attach import MappingSpec
from labelbox_airflow.engine.rows.mapping import embedding_fingerprint, metadata_fingerprints
from labelbox_airflow.engine.rows.metadata import moment
from labelbox_airflow.engine.rows.urls import strip_signature
from labelbox_airflow.engine.transport import Transport
from labelbox_airflow.engine.units import Marks


class HeldRow(NamedTuple):
    """A data row as Labelbox holds it: its id and the fingerprints of the parts the sync owns."""

    global_key: str
    data_row_id: str
    marks: Marks


def held_rows(
    transport: Transport, dataset_id: str, spec: MappingSpec, schema: MetadataSchema, keys: Iterable[str] | None = None
) -> Iterator[HeldRow]:
    """Read data rows of a dataset by export and yield them as a sync with ``spec`` would have written them.

    :param keys: only these global keys; None for the whole dataset
    """
    reader = _Reader(spec, schema)
    requests = [()] if keys is None else batched(keys, KEYS_PER_EXPORT)
    for wanted in requests:
        exported = export_dataset(transport, dataset_id, keys=wanted, embeddings=bool(spec.embeddings))
        for rows in batched(exported, 5000):
            yield from reader.read(rows)


class _Reader:
    """Fingerprints exported rows the way the mapping fingerprints source rows."""

    def __init__(self, spec: MappingSpec, schema: MetadataSchema) -> None:
        self._spec, self._schema = spec, schema
        self._attachments = {(a.type, a.name or "") for a in spec.attachments}

    def read(self, rows: list[dict[str, Any]]) -> Iterator[HeldRow]:
        """Yield the rows that have a global key; others cannot be the sync's."""
        rows = [row for row in rows if row["data_row"].get("global_key")]
        if not rows:
            return
        columns = (  # in the order of PARTS
            [self._row_data(row) for row in rows],
            [self._external_id(row) for row in rows],
            self._metadata(rows),
            [self._attachment_mark(row) for row in rows],
            [self._embedding_mark(row) for row in rows],
        )
        for row, *marks in zip(rows, *columns, strict=True):
            yield HeldRow(row["data_row"]["global_key"], row["data_row"]["id"], tuple(marks))

    def _row_data(self, row: Mapping[str, Any]) -> int | None:
        if self._spec.row_data is None:
            return None
        value = row["data_row"]["row_data"]
        if isinstance(value, str) and value.startswith("{") and self._spec.media_type != "TEXT":
            with suppress(orjson.JSONDecodeError):
                value = orjson.loads(value)  # a structured row_data may be exported as text
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
        return fingerprint((strip_signature(text) if self._spec.presigned_urls == "allow" else text).encode())

    def _external_id(self, row: Mapping[str, Any]) -> int | None:
        value = row["data_row"].get("external_id")
        return fingerprint(orjson.dumps(value)) if self._spec.external_id is not None and value else None

    def _metadata(self, rows: list[dict[str, Any]]) -> list[int | None]:
        if not self._spec.metadata:
            return [None] * len(rows)
        held = [{f["schema_name"]: f["value"] for f in row.get("metadata_fields") or ()} for row in rows]
        columns = {
            name: pa.array([self._metadata_text(name, values.get(name)) for values in held], pa.string())
            for name in self._spec.metadata
        }
        marks: list[int | None] = metadata_fingerprints(columns).to_pylist()
        return marks

    def _metadata_text(self, name: str, value: Any) -> str | None:
        if value is None:
            return "null" if self._spec.when_null == "clear" else None
        if isinstance(value, list):  # an enum is exported as a list of its option
            value = value[0]["schema_name"] if value else None
        kind = self._schema[name].kind if name in self._schema else "string"
        if kind == "number":
            return orjson.dumps(float(value)).decode()
        if kind == "datetime":
            return moment(value, UTC, None)
        return orjson.dumps(value).decode()

    def _attachment_mark(self, row: Mapping[str, Any]) -> int | None:
        if not self._attachments:
            return None
        owned = {
            (a["type"], a.get("name") or ""): a["value"]
            for a in row.get("attachments") or ()
            if (a["type"], a.get("name") or "") in self._attachments
        }
        items = []
        for type_, name in sorted(self._attachments):
            value = owned.get((type_, name))
            if value is None and self._spec.when_null == "leave":
                continue
            value = strip_signature(value) if value and self._spec.presigned_urls == "allow" else value
            items.append({"type": type_, **({"name": name} if name else {}), "value": value})
        return fingerprint(orjson.dumps(items))

    def _embedding_mark(self, row: Mapping[str, Any]) -> int | None:
        if not self._spec.embeddings:
            return None
        held = {e["name"]: e["values"][0]["value"] for e in row.get("embeddings") or () if e.get("values")}
        vectors = {name: held.get(name) for name in self._spec.embeddings}
        return embedding_fingerprint(
            {name: None if v is None else np.asarray(v, np.float32).tobytes() for name, v in vectors.items()}
        )
