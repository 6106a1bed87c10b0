"""A function of the user's own that reshapes the rows of a source before anything else sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import Field

from labelbox_airflow.engine.errors import DataIOError, SourceError
from labelbox_airflow.engine.rows.spec import Spec
from labelbox_airflow.sources.imported import IMPORT_PATH, imported

if TYPE_CHECKING:
    import pyarrow as pa

    from labelbox_airflow.engine.records import Batch
    from labelbox_airflow.engine.window import Window


class Source(Protocol):
    """What every source of rows can do."""

    def check(self) -> None:
        """Raise unless the source can be read."""

    def read(self, window: Window | None, columns: Sequence[str] | None = None) -> Iterator[Batch]:
        """Yield the rows that ``window`` selects, with ``columns``; all where these are None."""
        ...


class TransformSpec(Spec):
    """What all sources of rows have."""

    transform: str | None = Field(
        None,
        pattern=IMPORT_PATH,
        description="`package.module:function` that gets each pyarrow.RecordBatch and returns another.",
    )


class TransformedSource:
    """A source whose rows go through a function.

    The function gets all columns of the source. It may return fewer or more rows, where it keeps the columns whose
    names begin with ``\\x1f``, which tell where a row came from; filtering and taking rows does.

    :param path: ``package.module:function``
    """

    def __init__(self, source: Source, path: str) -> None:
        self._source, self._path = source, path

    def check(self) -> None:
        """Raise unless the source can be read, and the function imported."""
        imported(self._path, "transform")
        self._source.check()

    def read(self, window: Window | None, columns: Sequence[str] | None = None) -> Iterator[Batch]:
        """Yield the reshaped rows; ``columns`` are those wanted of them.

        :raises ConfigurationError: when the function cannot be imported
        :raises SourceError: when it fails, returns no batch, loses track of its rows, or lacks a column
        """
        function = imported(self._path, "transform")
        for batch in self._source.read(window):
            yield self._reshaped(batch, function, columns)

    def _reshaped(self, batch: Batch, function: Callable[..., Any], columns: Sequence[str] | None) -> Batch:
        from labelbox_airflow.engine.records import HIDDEN
        from labelbox_airflow.engine.tables.batches import common_types, require_columns

        marked = _marked(batch, HIDDEN)
        made = self._called(function, marked.rows, batch.place)
        rows = self._with_hidden(made, marked.rows, HIDDEN, batch.place)
        plain = [name for name in rows.schema.names if not name.startswith(HIDDEN)]
        wanted = require_columns(columns, plain, f"{batch.place} after {self._path}")
        positions = rows.column(f"{HIDDEN}position").to_pylist()
        rows = rows.drop_columns([f"{HIDDEN}position"])
        hidden = [name for name in rows.schema.names if name.startswith(HIDDEN)]
        return replace(marked, rows=common_types(rows.select([*wanted, *hidden])), positions=positions)

    def _called(self, function: Callable[..., Any], rows: pa.RecordBatch, place: str) -> pa.RecordBatch:
        import pyarrow as pa

        try:
            made = function(rows)
        except DataIOError:
            raise
        except Exception as error:  # whatever it may be
            raise SourceError(
                f"{self._path} failed ({type(error).__name__}: {error})",
                where=place,
                remedy="Correct the function; it gets a pyarrow.RecordBatch.",
            ) from error
        if isinstance(made, pa.Table):
            made = pa.RecordBatch.from_arrays([one.combine_chunks() for one in made.columns], schema=made.schema)
        if not isinstance(made, pa.RecordBatch):
            raise SourceError(
                f"{self._path} returned a {type(made).__name__}", where=place, remedy="Return a pyarrow.RecordBatch."
            )
        return made

    def _with_hidden(self, made: pa.RecordBatch, given: pa.RecordBatch, mark: str, place: str) -> pa.RecordBatch:
        """Return what the function made with the columns that it left out but should have kept."""
        lost = [name for name in given.schema.names if name.startswith(mark) and name not in made.schema.names]
        if lost and made.num_rows != given.num_rows:
            raise SourceError(
                f"{self._path} made {made.num_rows} rows of {given.num_rows}, and left out where each came from",
                where=place,
                remedy="Filter or take rows with all their columns, and drop columns afterwards by name.",
            )
        for name in lost:
            made = made.append_column(name, given.column(name))
        return made


def _marked(batch: Batch, mark: str) -> Batch:
    """Return ``batch`` with hidden columns that say where its rows came from, and when they became current."""
    import pyarrow as pa

    columns = {"position": pa.array(batch.positions, pa.int64())}
    given = {"origin": batch.origin_column, "time": batch.time_column}
    columns |= {key: batch.rows.column(name) for key, name in given.items() if name is not None}
    rows = batch.rows
    for key, column in columns.items():
        rows = rows.append_column(f"{mark}{key}", column)
    names = {f"{key}_column": f"{mark}{key}" for key, name in given.items() if name is not None}
    return replace(batch, rows=rows, **names)  # type: ignore[arg-type]
