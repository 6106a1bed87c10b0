"""The inputs of a sync: a main source, and side sources joined to it row by row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from labelbox_airflow.sources.delta import DeltaSource
from labelbox_airflow.sources.iceberg import IcebergSource, IcebergSourceSpec
from labelbox_airflow.sources.objects import ObjectSource, ObjectSourceSpec
from labelbox_airflow.sources.plugin import PluginSource, PluginSourceSpec
from labelbox_airflow.sources.sql import SqlSource, SqlSourceSpec
from labelbox_airflow.sources.tables import TableSource, TableSourceSpec
from labelbox_airflow.sources.transform import Source, TransformedSource

if TYPE_CHECKING:
    from labelbox_airflow.engine.records import Batch
    from labelbox_airflow.engine.window import Window


SourceSpec = TableSourceSpec | ObjectSourceSpec | SqlSourceSpec | IcebergSourceSpec | PluginSourceSpec


@dataclass(frozen=True)
class Input:
    """One source of a sync.

    :param columns: the columns that are needed of it; None for all
    :param join: columns of this source → columns of the main one; empty for the main one itself
    :param missing: what to do with a main row that finds no match here
    """

    name: str
    spec: SourceSpec
    columns: Sequence[str] | None = None
    join: Mapping[str, str] = field(default_factory=dict)
    missing: Literal["reject", "leave"] = "reject"


def open_source(spec: SourceSpec, base: Path | None = None) -> Source:
    """Return the source that ``spec`` describes, with its transform.

    :param base: directory that a relative URI is relative to
    """
    source = _plain_source(spec, base)
    return TransformedSource(source, spec.transform) if spec.transform is not None else source


def _plain_source(spec: SourceSpec, base: Path | None) -> Source:
    if isinstance(spec, SqlSourceSpec):
        return SqlSource(spec, base)
    if isinstance(spec, IcebergSourceSpec):
        return IcebergSource(spec)
    if isinstance(spec, PluginSourceSpec):
        return PluginSource(spec, base)
    if isinstance(spec, ObjectSourceSpec):
        return ObjectSource(spec, base)
    return DeltaSource(spec, base) if spec.format == "delta" else TableSource(spec, base)


def also_reading(inputs: Sequence[Input], columns: Iterable[str]) -> list[Input]:
    """Return the inputs with further columns to read.

    :param columns: ``source.column`` of a joined source, or a column of the first one
    """
    main, wanted = inputs[0].name, {each.name: dict.fromkeys(each.columns or ()) for each in inputs}
    for column in columns:
        source, _, name = column.partition(".")
        if source in wanted and name:
            wanted[source][name] = None
        else:
            wanted[main][column] = None
    return [each if each.columns is None else replace(each, columns=tuple(wanted[each.name])) for each in inputs]


def read_inputs(inputs: Sequence[Input], window: Window | None, base: Path | None = None) -> Iterator[Batch]:
    """Yield the rows of the first input, with the columns of the others added as ``name.column``.

    :param window: what the run reads; None for everything
    :param base: directory that relative URIs are relative to
    """
    from labelbox_airflow.engine.joins import JoinIndex  # keeps pyarrow out of DAG parsing

    main, *sides = inputs
    with ExitStack() as stack:
        indexes: list[tuple[Input, JoinIndex]] = []
        for side in sides:
            index = stack.enter_context(JoinIndex(list(side.join)))
            for batch in open_source(side.spec, base).read(window, side.columns):
                index.add(batch)
                if batch.rejected:  # a side row that cannot be read is a source row too
                    yield replace(batch, rows=batch.rows.slice(0, 0), positions=())
            indexes.append((side, index))
        for batch in open_source(main.spec, base).read(window, main.columns):
            joined = batch
            for side, index in indexes:
                added = [column for column in side.columns or () if column not in side.join]
                joined = index.join(joined, side.join, prefix=side.name, columns=added, missing=side.missing)
            yield joined
