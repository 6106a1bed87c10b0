"""The mapping of a sync, compiled: a batch of source rows in, mapped rows and rejected rows out."""

from __future__ import annotations

import logging
from calendar import timegm
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from zoneinfo import ZoneInfo

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from labelbox_airflow.engine.columns import json_texts
from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.fingerprint import column_fingerprints, fingerprint, row_fingerprints
from labelbox_airflow.engine.metadata_schema import MetadataSchema, SchemaAddition, check_fields
from labelbox_airflow.engine.records import Batch, Rejected
from labelbox_airflow.engine.rows.assets import AssetReader, structured_columns
from labelbox_airflow.engine.rows.attach import AttachSpec, MappingSpec
from labelbox_airflow.engine.rows.keys import KeyReader
from labelbox_airflow.engine.rows.lists import AttachmentsReader, EmbeddingReader, metadata_readers
from labelbox_airflow.engine.rows.metadata import parse_moment
from labelbox_airflow.engine.rows.problems import Problems
from labelbox_airflow.engine.rows.spec import AttachmentSpec, MetadataSpec, RowsSpec, ValueSpec
from labelbox_airflow.engine.rows.urls import strip_signature
from labelbox_airflow.engine.rows.values import column_values, columns_of, join_entries, texts_of

_log = logging.getLogger(__name__)

PARTS = ("row_data", "external_id", "metadata", "attachments", "embeddings")
"""The parts of a data row that change on their own; each has a fingerprint column ``fingerprint.<part>``."""


@dataclass(frozen=True, slots=True)
class KeyedBatch:
    """A batch whose rows have keys: what is needed to tell new from known before mapping the rest.

    :param rows: index in the batch of each row that has a usable key and version
    :param keys: its global key
    :param versions: its version, microseconds since 1970 or the number the source gives
    :param sources: fingerprint of the raw row
    """

    batch: Batch
    rows: Sequence[int]
    keys: Sequence[str]
    versions: Sequence[int]
    sources: Sequence[int]
    rejected: Sequence[Rejected]


@dataclass(frozen=True, slots=True)
class MappedBatch:
    """Rows ready to be compared and sent.

    ``rows`` has the columns global_key, version, origin, source, ``fingerprint.<part>`` (null where the sync does
    not own the part) and, as JSON text, row_data, external_id, ``metadata/<field>``, attachments,
    ``embedding/<name>``; where the sync uploads local files also local_file.
    """

    rows: pa.RecordBatch
    rejected: Sequence[Rejected]


class RowMapping:
    """How a source row becomes a data row, compiled once for a table's columns.

    :param spec: the ``rows:`` or ``attach:`` of the sync file
    :param schema: the metadata fields of Labelbox by name
    :param columns: the columns of the source; needed when the former connectors' column grammar is read
    """

    def __init__(self, spec: MappingSpec, schema: MetadataSchema, columns: Sequence[str] = ()) -> None:
        self.spec = expand_column_grammar(spec, columns)
        check_fields(schema, {name: s for name, s in self.spec.metadata.items() if name not in spec.metadata})
        self._keys = KeyReader(self.spec.global_key, self.spec.row_data)
        self._assets = AssetReader(self.spec) if isinstance(self.spec, RowsSpec) else None
        self._external_id = texts_of(self.spec.external_id) if self.spec.external_id is not None else None
        self._metadata = metadata_readers(self.spec, schema)
        self._attachments = AttachmentsReader(self.spec, self.spec.attachments)
        self._embeddings = [EmbeddingReader(name, s) for name, s in sorted(self.spec.embeddings.items())]
        self.columns = sorted(set(mapping_columns(self.spec)))
        self._digest = blake2b(self.spec.model_dump_json(exclude={"where"}).encode(), digest_size=16).digest()

    def key(self, batch: Batch, *, default_version: int) -> KeyedBatch:
        """Read key, version and source fingerprint of every row.

        :param default_version: version of rows whose source gives none and whose batch has no time
        """
        problems = Problems()
        keys = self._keys.read(batch.rows, problems)
        versions = self._versions(batch, default_version, problems)
        watched = (batch.rows, self.columns) if self._assets is None else self._assets.watched(batch.rows, self.columns)
        sources = row_fingerprints(*watched, mapping=self._digest).tolist()
        rejected = problems.rejected(batch, keys)
        if not problems:
            return KeyedBatch(batch, range(len(keys)), [key for key in keys if key], versions, sources, rejected)
        rows = [index for index in range(len(keys)) if index not in problems]
        return KeyedBatch(
            batch,
            rows,
            [keys[i] or "" for i in rows],
            [versions[i] for i in rows],
            [sources[i] for i in rows],
            rejected,
        )

    def map(self, keyed: KeyedBatch, chosen: Sequence[int]) -> MappedBatch:
        """Map the rows at the positions ``chosen`` of ``keyed``; rows with a wrong value are rejected one by one."""
        batch = _take(keyed.batch, [keyed.rows[i] for i in chosen])
        keys: list[str | None] = [keyed.keys[i] for i in chosen]
        problems = Problems()
        columns: dict[str, pa.Array] = {
            "global_key": pa.array(keys, pa.string()),
            "version": pa.array([keyed.versions[i] for i in chosen], pa.int64()),
            "source": pa.array([keyed.sources[i] for i in chosen], pa.int64()),
            "origin": batch.origins(),
        }
        self._map_parts(batch.rows, columns, problems)
        if isinstance(self.spec, AttachSpec) and self.spec.missing == "later":
            values = [batch.rows.column(name) for name in self.columns]
            columns["source_row"] = pa.StructArray.from_arrays(values, self.columns)
        mapped = pa.RecordBatch.from_pydict(columns)
        if problems:
            mapped = mapped.take(pa.array([i for i in range(len(keys)) if i not in problems], pa.int64()))
        for reader in self._metadata:
            reader.note_options(mapped.column(f"metadata/{reader.name}"))
        return MappedBatch(mapped, problems.rejected(batch, keys))

    def additions(self) -> dict[str, SchemaAddition]:
        """Return the metadata fields and enum options that the rows mapped so far need."""
        return {reader.name: reader.addition() for reader in self._metadata}

    def _map_parts(self, rows: pa.RecordBatch, columns: dict[str, pa.Array], problems: Problems) -> None:
        signed = self.spec.presigned_urls == "allow"
        if self._assets is not None:
            columns["row_data"] = self._assets.column(rows, problems)
            columns["fingerprint.row_data"] = _fingerprints(columns["row_data"], signed=signed)
            columns.update(self._assets.files(columns, problems))
        if self._external_id is not None:
            columns["external_id"] = json_texts(self._external_id(rows))
            columns["fingerprint.external_id"] = _fingerprints(columns["external_id"])
        if self._metadata:
            for reader in self._metadata:
                columns[f"metadata/{reader.name}"] = reader.read(rows, problems)
            columns["fingerprint.metadata"] = metadata_fingerprints(
                {reader.name: columns[f"metadata/{reader.name}"] for reader in self._metadata}
            )
        if self.spec.attachments:
            columns["attachments"] = self._attachments.read(rows, problems)
            columns["fingerprint.attachments"] = _fingerprints(columns["attachments"], signed=signed)
        self._map_embeddings(rows, columns, problems)

    def _map_embeddings(self, rows: pa.RecordBatch, columns: dict[str, pa.Array], problems: Problems) -> None:
        contents: list[list[bytes | None]] = []
        for reader in self._embeddings:
            columns[f"embedding/{reader.name}"], floats = reader.read(rows, problems)
            contents.append(floats)
        if contents:
            names = [reader.name for reader in self._embeddings]
            marks = [embedding_fingerprint(dict(zip(names, row, strict=True))) for row in zip(*contents, strict=True)]
            columns["fingerprint.embeddings"] = pa.array(marks, pa.int64())

    def _versions(self, batch: Batch, default: int, problems: Problems) -> list[int]:
        if self.spec.version is None and batch.time_column is not None:
            times: list[int] = batch.rows.column(batch.time_column).cast(pa.int64()).to_pylist()
            return times
        if self.spec.version is None:
            version = default if batch.time is None else microseconds(batch.time)
            return [version] * batch.rows.num_rows
        zone = ZoneInfo("UTC")
        versions: list[int] = []
        for index, value in enumerate(column_values(batch.rows, self.spec.version)):
            try:
                versions.append(_version(value, zone))
            except ValueError as error:
                problems.add(index, "bad_version", "version", value, str(error))
                versions.append(0)
        return versions


def microseconds(moment: datetime) -> int:
    """Return ``moment`` as microseconds since 1970 UTC."""
    return timegm(moment.utctimetuple()) * 1_000_000 + moment.microsecond


def metadata_fingerprints(columns: dict[str, pa.Array]) -> pa.Array:
    """Return one fingerprint a row over metadata values by name; null where all are null (nothing is owned)."""
    joined = join_entries([[f"{orjson.dumps(name).decode()}:", columns[name]] for name in sorted(columns)])
    empty = pc.equal(joined, "")
    return column_fingerprints(pc.if_else(empty, None, joined) if pc.any(empty).as_py() else joined)


def embedding_fingerprint(vectors: dict[str, bytes | None]) -> int | None:
    """Return the fingerprint over float32 vectors by name; None where there are none."""
    held = [name.encode() + b"\0" + content for name, content in sorted(vectors.items()) if content is not None]
    return fingerprint(b"\1".join(held)) if held else None


def mapping_columns(spec: MappingSpec) -> list[str]:
    """Return every column the mapping reads."""
    values: list[ValueSpec] = [spec.global_key, *spec.metadata.values(), *spec.embeddings.values()]
    values += [attachment.value for attachment in spec.attachments]
    values += [spec.external_id] if spec.external_id is not None else []
    columns = [column for value in values for column in columns_of(value)]
    if isinstance(spec.row_data, ValueSpec):
        columns += columns_of(spec.row_data)
    elif spec.row_data is not None:
        columns += structured_columns(spec.row_data)
    return columns + ([spec.version] if spec.version is not None else [])


def expand_column_grammar(spec: MappingSpec, columns: Sequence[str]) -> MappingSpec:
    """Return ``spec`` with the fields that columns of the former connectors name, such as
    ``metadata///enum///country`` and ``attachment///IMAGE///thumbnail``; what ``spec`` maps itself stays.

    :raises ConfigurationError: for a metadata or attachment type that does not exist
    """
    grammar = spec.column_grammar
    if grammar is None:
        return spec
    metadata, attachments = dict(spec.metadata), list(spec.attachments)
    for column in columns:
        part, _, rest = column.partition(grammar.divider)
        kind, _, name = rest.partition(grammar.divider)
        if part in {"annotation", "prediction"} and name:
            _log.warning("The column '%s' is not read: %ss are not built yet in this version", column, part)
        if part not in {"metadata", "attachment"} or not name or (part == "metadata" and name in spec.metadata):
            continue
        try:
            if part == "metadata":
                metadata[name] = MetadataSpec.model_validate(
                    {
                        "column": column,
                        "kind": kind.lower(),
                        "new_field": grammar.new_fields,
                        "new_options": grammar.new_options,
                    }
                )
            else:
                attachments.append(
                    AttachmentSpec.model_validate({"type": kind, "name": name, "value": {"column": column}})
                )
        except ValueError as error:
            raise ConfigurationError(
                f"the column '{column}' has the type '{kind}', which is no {part} type",
                remedy="Rename the column, or leave rows.column_grammar out.",
            ) from error
    return spec.model_copy(update={"metadata": metadata, "attachments": attachments, "column_grammar": None})


def _fingerprints(texts: pa.Array, *, signed: bool = False) -> pa.Array:
    if signed:
        texts = pa.array([text and strip_signature(text) for text in texts.to_pylist()], pa.string())
    return column_fingerprints(texts)


def _version(value: object, zone: ZoneInfo) -> int:
    if isinstance(value, bool) or value is None:
        raise ValueError("is empty; every row needs a version where the sync maps one")
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, (float, Decimal)) and value == value // 1:  # whole numbers of warehouses and pandas
        value = int(value)
    version = value if isinstance(value, int) else microseconds(parse_moment(value, zone))
    if not -(2**63) <= version < 2**63:
        raise ValueError("is larger than 64 bits")
    return version


def _take(batch: Batch, rows: Sequence[int]) -> Batch:
    if len(rows) == batch.rows.num_rows:
        return batch
    taken = batch.rows.take(pa.array(rows, pa.int64()))
    return replace(batch, rows=taken, positions=[batch.positions[i] for i in rows], rejected=())
