"""The list parts of a data row: metadata, attachments, embeddings, as columns of JSON text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from labelbox_airflow.engine.columns import Pieces, json_pieces
from labelbox_airflow.engine.metadata_schema import MetadataField, MetadataSchema, SchemaAddition
from labelbox_airflow.engine.rows.metadata import Convert, convert_column, converter
from labelbox_airflow.engine.rows.problems import Problems
from labelbox_airflow.engine.rows.spec import AttachmentSpec, EmbeddingSpec, MetadataKind, MetadataSpec, PartsSpec
from labelbox_airflow.engine.rows.urls import AssetUrlError, are_plain_urls, asset_url
from labelbox_airflow.engine.rows.values import join_entries, text_column, texts, values_of

MAX_OPTION = 100  # characters of an option's name; SDK data_row_metadata.py
CLEAR = "null"
"""The JSON text of a metadata value that is to be cleared; a null in the column leaves what is there."""


class MetadataReader:
    """Reads one metadata field; gathers the enum options Labelbox does not have yet where they may be added."""

    def __init__(self, name: str, spec: MetadataSpec, held: MetadataField | None, *, clear: bool) -> None:
        self.name = name
        self.kind: MetadataKind = held.kind if held is not None else spec.kind or "string"
        self.new_options: set[str] = set()
        self._known = frozenset(held.options if held is not None else ())
        self._spec = spec
        self._values = values_of(spec)
        self._null = CLEAR if clear else None
        self._convert = self._option_converter(spec) if self.kind == "enum" else converter(self.kind, spec)

    def read(self, rows: pa.RecordBatch, problems: Problems) -> pa.Array:
        """Return the values as JSON text; null leaves what is in Labelbox, :data:`CLEAR` clears it."""
        values = text_column(self._spec, rows)
        converted = self._convert_column(values) if values is not None else None
        if converted is not None:
            return converted if self._null is None else converted.fill_null(self._null)
        convert, null = self._convert, self._null
        result: list[str | None] = []
        for index, value in enumerate(self._values(rows)):
            try:
                result.append(null if value is None else convert(value))
            except ValueError as error:
                problems.add(index, f"bad_{self.kind}", f"metadata.{self.name}", value, str(error))
                result.append(None)
        return pa.array(result, pa.string())

    def _convert_column(self, values: pa.Array) -> pa.Array | None:
        """Convert a column of texts; None where a value needs a closer look."""
        if self.kind != "enum":
            return convert_column(self.kind, self._spec, values)
        encoded = values.dictionary_encode()
        try:
            options = pa.array([self._convert(option) for option in encoded.dictionary.to_pylist()], pa.string())
        except ValueError:
            return None
        return options.take(encoded.indices)

    def note_options(self, accepted: pa.Array) -> None:
        """Gather the options that rows which go on need and Labelbox lacks."""
        if self.kind == "enum":
            used = {orjson.loads(text) for text in pc.unique(accepted).to_pylist() if text not in {None, CLEAR}}
            self.new_options |= used - self._known

    def addition(self) -> SchemaAddition:
        """Return what this run needs the field to be."""
        return SchemaAddition(self.kind, frozenset(self.new_options))

    def _option_converter(self, spec: MetadataSpec) -> Convert:
        convert = converter("string", spec)
        known, add = self._known, spec.new_options == "add"

        def option(value: Any) -> str:
            text = convert(value)
            name = texts([value])[0] or ""
            if name in known:
                return text
            if not add:
                options = ", ".join(sorted(known)[:10]) or "none"
                raise ValueError(f"is no option of this enum (options: {options}); set new_options: add to add it")
            if not 1 <= len(name) <= MAX_OPTION:
                raise ValueError(f"is no name for an option: 1 to {MAX_OPTION} characters")
            return text

        return option


class AttachmentsReader:
    """Reads the attachments as one JSON list a row, in the order of (type, name)."""

    def __init__(self, spec: PartsSpec, attachments: Sequence[AttachmentSpec]) -> None:
        self._clear = spec.when_null == "clear"
        self._s3_region = spec.s3_region
        self._presigned = spec.presigned_urls == "allow"
        self._readers = [(a, *_attachment_wrap(a)) for a in sorted(attachments, key=lambda a: (a.type, a.name or ""))]

    def read(self, rows: pa.RecordBatch, problems: Problems) -> pa.Array:
        """Return the lists as JSON text, ``[]`` where a row has none; ``"value":null`` clears an attachment."""
        entries = [self._entry(rows, problems, *reader) for reader in self._readers]
        return join_entries(entries, before="[", after="]")

    def _entry(
        self, rows: pa.RecordBatch, problems: Problems, attachment: AttachmentSpec, before: str, after: str
    ) -> Pieces:
        empty = f"{before}null{after}" if self._clear else None
        values = text_column(attachment.value, rows)
        if values is not None and (attachment.type == "RAW_TEXT" or are_plain_urls(values)):
            pieces = [before, *json_pieces(values), after]
            if empty is None or not values.null_count:
                return pieces
            return [pc.binary_join_element_wise(*pieces, "").fill_null(empty)]
        field = f"attachments.{attachment.type}.{attachment.name or ''}".rstrip(".")
        cells: list[str | None] = []
        for index, value in enumerate(texts(values_of(attachment.value)(rows))):
            try:
                cells.append(empty if value is None else before + self._value(attachment, value) + after)
            except AssetUrlError as error:
                problems.add(index, error.code, field, value, str(error))
                cells.append(None)
        return [pa.array(cells, pa.string())]

    def _value(self, attachment: AttachmentSpec, value: str) -> str:
        if attachment.type != "RAW_TEXT":
            value = asset_url(value, s3_region=self._s3_region, presigned=self._presigned)
        return orjson.dumps(value).decode()


def _attachment_wrap(attachment: AttachmentSpec) -> tuple[str, str]:
    name = f',"name":{orjson.dumps(attachment.name).decode()}' if attachment.name else ""
    return f'{{"type":"{attachment.type}"{name},"value":', "}"


class EmbeddingReader:
    """Reads one embedding: a vector a row, from a list column or from JSON text."""

    def __init__(self, name: str, spec: EmbeddingSpec) -> None:
        self.name = name
        self.dimensions = spec.dimensions
        self._values = values_of(spec)

    def read(self, rows: pa.RecordBatch, problems: Problems) -> tuple[pa.Array, list[bytes | None]]:
        """Return the vectors as JSON text of 32-bit floats, and as their bytes for the fingerprint."""
        cells: list[str | None] = []
        floats: list[bytes | None] = []
        for index, value in enumerate(self._values(rows)):
            try:
                text, content = (None, None) if value is None else self._vector(value)
            except ValueError as error:
                problems.add(index, "bad_embedding", f"embeddings.{self.name}", None, str(error))
                text, content = None, None
            cells.append(text)
            floats.append(content)
        return pa.array(cells, pa.string()), floats

    def _vector(self, value: Any) -> tuple[str, bytes]:
        vector = orjson.loads(value) if isinstance(value, str) else value
        if not isinstance(vector, list):
            raise ValueError("is no list of numbers")  # noqa: TRY004
        if len(vector) != self.dimensions:
            raise ValueError(f"has {len(vector):,} dimensions; the sync says {self.dimensions:,}")
        if not {int, float}.issuperset(map(type, vector)):
            raise ValueError("holds something that is no number")
        with np.errstate(over="ignore"):
            numbers = np.asarray(vector, np.float32)
        if not np.isfinite(numbers).all():
            raise ValueError("holds a number that is not finite")
        return orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY).decode(), numbers.tobytes()


def metadata_readers(spec: PartsSpec, schema: MetadataSchema) -> list[MetadataReader]:
    """Return a reader for each metadata field of ``spec``, by name."""
    clear = spec.when_null == "clear"
    return [MetadataReader(name, s, schema.get(name), clear=clear) for name, s in sorted(spec.metadata.items())]
