"""Values of a batch: the column a value spec points at, as a list with one entry a row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from string import Formatter
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from labelbox_airflow.engine.columns import Pieces
from labelbox_airflow.engine.errors import SourceError, did_you_mean
from labelbox_airflow.engine.rows.spec import ValueSpec

Values = Callable[[pa.RecordBatch], list[Any]]


def template_columns(template: str) -> list[str]:
    """Return the columns in the braces of ``template``, in order."""
    return [name for _, name, _, _ in Formatter().parse(template) if name]


def columns_of(spec: ValueSpec) -> list[str]:
    """Return the columns that ``spec`` reads."""
    if spec.template is not None:
        return template_columns(spec.template)
    return [spec.column] if spec.column is not None else []


def values_of(spec: ValueSpec) -> Values:
    """Return the function that reads ``spec`` from a batch. A template with a null in it is null."""
    if spec.column is not None:
        return _column(spec.column)
    if spec.template is not None:
        return _template(spec.template)
    return lambda rows: [spec.value] * rows.num_rows


def text_column(spec: ValueSpec, rows: pa.RecordBatch) -> pa.Array | None:
    """Return what :func:`values_of` reads as one column, None where it is not made of columns of text alone."""
    indices = {name: rows.schema.get_field_index(name) for name in columns_of(spec)}
    if not indices or any(index < 0 or not pa.types.is_string(rows.schema.types[index]) for index in indices.values()):
        return None
    if spec.column is not None:
        return rows.column(indices[spec.column])
    parsed = Formatter().parse(spec.template or "")
    pieces = [piece for text, name, _, _ in parsed for piece in (text, rows.column(indices[name]) if name else "")]
    return pc.binary_join_element_wise(*pieces, "")


def texts_of(spec: ValueSpec) -> Callable[[pa.RecordBatch], pa.Array]:
    """Return the function that reads ``spec`` from a batch as a column of texts."""
    values = values_of(spec)

    def read(rows: pa.RecordBatch) -> pa.Array:
        column = text_column(spec, rows)
        return pa.array(texts(values(rows)), pa.string()) if column is None else column

    return read


def column_values(rows: pa.RecordBatch, name: str) -> list[Any]:
    """Return the values of one column, by its exact name.

    :raises SourceError: when the batch has no such column
    """
    index = rows.schema.get_field_index(name)
    if index < 0:
        raise SourceError(f"there is no column '{name}'", remedy=did_you_mean(name, rows.schema.names))
    values: list[Any] = rows.column(index).to_pylist()
    return values


def as_text(value: Any) -> str | None:
    """Return ``value`` as text: whole floats and booleans as a person would write them; None for NaN."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return None if value != value else str(value)


def texts(values: Iterable[Any]) -> list[str | None]:
    """Return ``values`` as texts."""
    return [value if value is None or value.__class__ is str else as_text(value) for value in values]


def join_present(columns: Sequence[pa.Array], separator: str) -> pa.Array:
    """Join the texts of each row, leaving out nulls; a row of nulls alone becomes empty text."""
    empty = reduce(pc.and_, (pc.is_null(column) for column in columns))
    if pc.any(empty).as_py():  # Arrow (seen in 26.0) drops such rows, and all after them would move up
        columns = [pc.if_else(empty, "", columns[0]), *columns[1:]]
    return pc.binary_join_element_wise(*columns, separator, null_handling="skip")


def join_entries(entries: Sequence[Pieces], *, before: str = "", after: str = "") -> pa.Array:
    """Join the entries of each row with commas, leaving out those with a null in them.

    :param before: text before the entries of each row, and ``after`` behind them
    """
    if any(isinstance(piece, pa.Array) and piece.null_count for entry in entries for piece in entry):
        entries = [[join_present([pc.binary_join_element_wise(*entry, "") for entry in entries], ",")]]
    _, *pieces = (piece for entry in entries for piece in (",", *entry))
    return pc.binary_join_element_wise(before, *pieces, after, "")


def _column(name: str) -> Values:
    return lambda rows: column_values(rows, name)


def _template(template: str) -> Values:
    names = template_columns(template)
    pieces = [(literal, name) for literal, name, _, _ in Formatter().parse(template)]
    if len(pieces) == 1 and pieces[0][1]:
        before, only = pieces[0]
        return lambda rows: [v if v is None else before + v for v in texts(column_values(rows, only or ""))]
    if not names:
        constant = "".join(literal for literal, _ in pieces)
        return lambda rows: [constant] * rows.num_rows
    pattern = "".join(literal.replace("%", "%%") + ("%s" if name else "") for literal, name in pieces)

    def render(rows: pa.RecordBatch) -> list[str | None]:
        columns = [texts(column_values(rows, name)) for name in names]
        return [None if None in row else pattern % row for row in zip(*columns, strict=True)]

    return render
