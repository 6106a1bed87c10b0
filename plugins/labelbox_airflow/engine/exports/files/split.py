"""Which split a record belongs to: what its metadata says, or a share of all keys that stays as rows are added."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from labelbox_airflow.engine.errors import ConfigurationError, DataIOError, did_you_mean
from labelbox_airflow.engine.rows.spec import Spec

_HASHES = 2.0**64


class SplitSpec(Spec):
    """How records are split, for training; all records of a key are in one split."""

    column: str | None = Field(
        None, min_length=1, description="The column that says it, such as `metadata.split`; null = by ratios alone."
    )
    ratios: Mapping[str, float] = Field(
        default_factory=dict, description="Share of each split, such as {train: 0.8, test: 0.2}, where no column says."
    )
    key: str = Field(
        "global_key",
        min_length=1,
        description="What ratios go by; a patient's column keeps its rows together.",
    )
    seed: str = Field("", description="Another one makes other splits.")
    name: str = Field("split", min_length=1, description="The column that is added.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.column is None and not self.ratios:
            raise ValueError("split needs column or ratios")
        if any(not 0 < share <= 1 for share in self.ratios.values()):
            raise ValueError("ratios: each must be more than 0, and 1 at most")
        if self.ratios and not math.isclose(sum(self.ratios.values()), 1):
            raise ValueError(f"ratios: they add up to {sum(self.ratios.values()):g}, not to 1")
        return self


def with_split(
    schema: pa.Schema, batches: Iterable[pa.RecordBatch], spec: SplitSpec
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Return schema and batches with the column that says each record's split, null where nothing says.

    By ratio, the split of a key follows from the key and the seed alone, so it is the same in every release.

    :raises ConfigurationError: a column that the spec names is not there, or the one to add is
    :raises DataIOError: while batches are read: a record without a key
    """
    if spec.name in schema.names and spec.name != spec.column:
        raise ConfigurationError(
            f"there is a column '{spec.name}' already",
            where="split.name",
            remedy="Correct split.column or split.name.",
        )
    for field, path in (("column", spec.column), ("key", spec.key if spec.ratios else None)):
        if path is not None:
            _require(schema, path, f"split.{field}")
    kept = [column for column in schema if column.name != spec.name]
    wider = pa.schema([*kept, (spec.name, pa.string())])
    return wider, (_widened(batch, wider, spec) for batch in batches)


def _widened(batch: pa.RecordBatch, schema: pa.Schema, spec: SplitSpec) -> pa.RecordBatch:
    splits = pa.nulls(batch.num_rows, pa.string())
    if spec.column is not None:
        splits = _column(batch, spec.column).cast(pa.string())
    if spec.ratios and splits.null_count:
        splits = pc.coalesce(splits, _by_ratio(batch, spec))
    columns = [splits if column.name == spec.name else batch.column(column.name) for column in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _by_ratio(batch: pa.RecordBatch, spec: SplitSpec) -> pa.Array:
    keys = _column(batch, spec.key).cast(pa.string())
    if keys.null_count:
        raise DataIOError(
            f"a record has no {spec.key}, which the ratios go by",
            where="split.key",
            remedy="Name a column that all records have, such as data_row_id.",
        )
    distinct = keys.dictionary_encode()
    names, bounds = list(spec.ratios), list(accumulate(spec.ratios.values()))
    chosen = [_choose(key, spec.seed, names, bounds) for key in distinct.dictionary.to_pylist()]
    return pa.array(chosen, pa.string()).take(distinct.indices)


def _choose(key: str, seed: str, names: list[str], bounds: list[float]) -> str:
    digest = hashlib.blake2b(key.encode(), digest_size=8, key=hashlib.blake2b(seed.encode()).digest()).digest()
    share = int.from_bytes(digest, "big") / _HASHES
    return next((name for name, bound in zip(names, bounds, strict=True) if share < bound), names[-1])


def _require(schema: pa.Schema, path: str, where: str) -> None:
    names, kind = schema.names, None
    for part in [path] if path in names else path.split("."):
        if part not in names:
            raise ConfigurationError(f"'{path}' is no column", where=where, remedy=did_you_mean(part, names))
        kind = (schema if kind is None else kind).field(part).type
        names = [kind.field(index).name for index in range(kind.num_fields)] if pa.types.is_struct(kind) else []


def _column(batch: pa.RecordBatch, path: str) -> pa.Array:
    """Return a column, or with dots the field of a struct."""
    if path in batch.schema.names:
        return batch.column(path)
    first, *rest = path.split(".")
    return pc.struct_field(batch.column(first), rest)
