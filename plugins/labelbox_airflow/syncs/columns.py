"""Which columns a sync uses, found in the columns, templates and joins that the sync file names."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.rows.attach import MappingSpec
from labelbox_airflow.engine.rows.spec import ValueSpec

if TYPE_CHECKING:
    from labelbox_airflow.syncs.spec import SyncSpec

VALUE_KEYS = frozenset({"column", "template", "value"})


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a sync file: the place in the file, as dotted keys, and one sentence about it."""

    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A column as the sync file names it: ``column`` of the main source, or ``source.column`` of a joined one."""

    path: str
    column: str


def template_columns(template: str) -> tuple[str, ...]:
    """Return the columns in the braces of ``template``, in order; ``{{`` and ``}}`` stand for the braces themselves.

    :raises ValueError: the braces do not match, are empty, or carry a conversion or format
    """
    columns = []
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"template '{template}': {error}; write {{{{ and }}}} for braces as such") from error
    for _, column, format_spec, conversion in parts:
        if column is None:
            continue
        if not column.strip():
            raise ValueError(f"template '{template}' has empty braces; write a column's name into them")
        if format_spec or conversion:
            raise ValueError(f"template '{template}': {{{column}}} takes a column's name alone, no format")
        columns.append(column)
    return tuple(columns)


def row_references(mapping: MappingSpec, *, conditions: bool = False) -> Iterator[Reference | Problem]:
    """Yield every column that the mapping uses, with its place in the sync file; a malformed template as a problem.

    :param conditions: those in SQL too, which takes a database engine to read: nothing for the parsing of DAG files
    """
    for path, value in _values(mapping):
        if value.column is not None:
            yield Reference(path, value.column)
        elif value.template is not None:
            try:
                yield from (Reference(path, column) for column in template_columns(value.template))
            except ValueError as error:
                yield Problem(path, str(error))
    if conditions and mapping.where is not None:
        yield from _condition_references(f"{mapping.place}.where", mapping.where)
    if mapping.version is not None:
        yield Reference(f"{mapping.place}.version", mapping.version)


def _condition_references(path: str, text: str) -> Iterator[Reference | Problem]:
    from labelbox_airflow.engine.sql import condition

    try:
        yield from (Reference(path, column) for column in condition(path, text).columns)
    except ConfigurationError as error:
        yield Problem(path, str(ConfigurationError(error.message, remedy=error.remedy)))


def _values(mapping: MappingSpec) -> Iterator[tuple[str, ValueSpec]]:
    place = mapping.place
    if isinstance(mapping.row_data, ValueSpec):
        yield f"{place}.row_data", mapping.row_data
    elif mapping.row_data is not None:
        yield from nested_values(f"{place}.row_data", mapping.row_data)
    yield f"{place}.global_key", mapping.global_key
    if mapping.external_id is not None:
        yield f"{place}.external_id", mapping.external_id
    for name, metadata in mapping.metadata.items():
        yield f"{place}.metadata.{name}", metadata
    for index, attachment in enumerate(mapping.attachments):
        yield f"{place}.attachments.{index}.value", attachment.value
    for name, embedding in mapping.embeddings.items():
        yield f"{place}.embeddings.{name}", embedding


def nested_values(path: str, content: Any) -> Iterator[tuple[str, ValueSpec]]:
    """Yield the values inside a structured ``row_data``: text is a column or template, ``{value: ...}`` a constant."""
    if isinstance(content, str):
        yield path, ValueSpec(template=content) if "{" in content else ValueSpec(column=content)
    elif isinstance(content, Mapping):
        if len(content) == 1 and VALUE_KEYS.issuperset(content):
            yield path, ValueSpec(**content)
        else:
            for key, inner in content.items():
                yield from nested_values(f"{path}.{key}", inner)
    elif isinstance(content, Sequence):
        for index, inner in enumerate(content):
            yield from nested_values(f"{path}.{index}", inner)


def references_of(spec: SyncSpec, *, conditions: bool = False) -> Iterator[Reference | Problem]:
    """Yield every column that a sync uses: those of its rows and, in SQL, those that select rows for its project."""
    yield from row_references(spec.mapping, conditions=conditions)
    if spec.project is None or not conditions:
        return
    from labelbox_airflow.engine.project.selection import expressions

    try:
        for expression in expressions(spec.project.select):
            yield from (Reference(expression.key, column) for column in expression.columns)
    except ConfigurationError as error:
        yield Problem(error.where or "project.select", str(ConfigurationError(error.message, remedy=error.remedy)))


def required_columns(spec: SyncSpec) -> dict[str, Sequence[str] | None]:
    """Return the columns that ``spec`` needs of each source beside those in SQL, each once; None = all of them."""
    needed: dict[str, dict[str, None]] = {name: {} for name in spec.row_sources}
    for reference in references_of(spec):
        if isinstance(reference, Reference):
            source, column = split_column(reference.column, spec)
            needed[source][column] = None
    for name, source_spec in spec.row_sources.items():
        how = source_spec.window if source_spec.transform is None else None  # a transform gets all columns
        if how is not None and how.column is not None:
            needed[name][how.column] = None
        if name != spec.main:
            on = spec.join_on(name)
            needed[name].update(dict.fromkeys(on))
            needed[spec.main].update(dict.fromkeys(on.values()))
    columns: dict[str, Sequence[str] | None] = {name: tuple(names) for name, names in needed.items()}
    if spec.mapping.column_grammar is not None:
        columns[spec.main] = None
    return columns


def split_column(column: str, spec: SyncSpec) -> tuple[str, str]:
    """Return (source, column) of a column as the sync file names it; a sidecar's belong to the objects' source."""
    source, _, name = column.partition(".")
    return (source, name) if source in spec.row_sources and name else (spec.main, column)
