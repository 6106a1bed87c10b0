"""Tables in object storage: an Airflow connection and a URI become batches of rows."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from labelbox_airflow.engine.globs import is_glob
from labelbox_airflow.engine.tables.options import CsvOptions, DeltaOptions, ExcelOptions, TableFormat, format_of
from labelbox_airflow.engine.window import Window, WindowSpec, is_dated
from labelbox_airflow.sources.location import Location, LocationSpec
from labelbox_airflow.sources.transform import TransformSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labelbox_airflow.engine.records import Batch
    from labelbox_airflow.engine.tables.parquet import RowGroupTest
    from labelbox_airflow.sources.listing import StoredObject


class TableSourceSpec(TransformSpec, LocationSpec):
    """CSV, NDJSON, JSON, Parquet or Excel files, or a Delta table, in object storage or on a local disk."""

    type: Literal["table"]
    format: TableFormat = Field("auto", description="`auto` goes by the suffix, such as .csv, .csv.gz or .parquet.")
    csv: CsvOptions = Field(default_factory=lambda: CsvOptions())
    excel: ExcelOptions = Field(default_factory=ExcelOptions, description="Where the table is in Excel workbooks.")
    delta: DeltaOptions = Field(default_factory=DeltaOptions, description="Which version of a Delta table is read.")

    @model_validator(mode="after")
    def _delta_is_a_folder(self) -> Self:
        if self.format != "delta":
            if "delta" in self.model_fields_set:
                raise ValueError("delta goes with format: delta; leave it out")
            return self
        if is_glob(self.uri) or is_dated(self.uri):
            raise ValueError("format: delta takes the folder of one table as uri, without globs and dates")
        if self.window is not None and self.window.by != "column":
            raise ValueError(f"window: a Delta table has no {self.window.by} to go by; use by: column")
        if self.waits:
            raise ValueError("wait_for and settle are for files; a Delta table is always whole")
        return self


class TableFile(NamedTuple):
    """A file to read, and when its rows became current: its modification, or the end of its path's slot."""

    item: StoredObject
    time: datetime


class TableSource:
    """Reads the files of one table source.

    :param base: what a relative ``uri`` is relative to; the working directory when None
    :param batch_rows: most rows in a batch
    """

    def __init__(self, spec: TableSourceSpec, base: Path | None = None, *, batch_rows: int = 10_000) -> None:
        self.spec = spec
        self._batch_rows = batch_rows
        self._location = Location(spec, base)

    @property
    def missing(self) -> list[str]:
        """The URIs, dates filled in, that matched nothing when files were last listed."""
        return self._location.missing

    def check(self) -> None:
        """Raise unless the source can be read; see :meth:`Location.check`."""
        self._location.check()

    def files(self, window: Window | None) -> list[TableFile]:
        """Return the files that :meth:`read` would read, in its order.

        A window by path: those of the paths that the window completes (see ``expand_path``), each with the end of
        its slot as time; paths without an object go to :attr:`missing`. By modified: those modified in the window.
        By column or without a window: all. Times are those of modification except for windows by path.

        :param window: None reads everything, also where the source has a window
        :raises ConfigurationError: for an unknown connection or refused credentials
        :raises SourceError: for a missing bucket, or a missing file where the URI names one
        """
        how = self.spec.window
        reach = how.reach(window) if how is not None and how.by == "modified" and window is not None else None
        found: dict[str, TableFile] = {}
        for selection in self._location.selections(window):
            for item in self._location.each(selection.uri):
                time = selection.time_of(item)
                marker = is_glob(selection.uri) and _is_marker(item)
                if time is not None and not marker and (reach is None or reach.contains(time)):
                    found[item.place] = TableFile(item, time)
        files = sorted(found.values(), key=lambda file: file.item.place)
        return sorted(files, key=lambda file: file.time) if how is not None and how.by == "path" else files

    def read(self, window: Window | None, columns: Sequence[str] | None = None) -> Iterator[Batch]:
        """Yield the rows that ``window`` selects, file by file; a batch never spans two files.

        :param window: None reads everything, also where the source has a window
        :param columns: the columns wanted; all when None
        :raises SourceError: when a file cannot be read as a table, lacks a column, is gone, or changed meanwhile
        """
        how = self.spec.window
        reach = how.reach(window) if how and window else None
        for file in self.files(window):
            if how is not None and how.column is not None and reach is not None:
                yield from self._read_within(file, columns, how, how.column, reach)
            else:
                yield from self._read_all(file, columns)

    def _read_all(
        self, table: TableFile, columns: Sequence[str] | None, wanted_group: RowGroupTest | None = None
    ) -> Iterator[Batch]:
        from labelbox_airflow.engine.tables.read import read_table

        item, storage = table.item, self._location.storage
        kind = format_of(item.place) if self.spec.format == "auto" else self.spec.format
        with storage.reading(item.place), storage.open(item, sought=kind == "parquet") as file:
            yield from read_table(
                file,
                item.place,
                columns,
                table.time,
                format=self.spec.format,
                csv=self.spec.csv,
                excel=self.spec.excel,
                batch_rows=self._batch_rows,
                wanted_group=wanted_group,
            )

    def _read_within(
        self, file: TableFile, columns: Sequence[str] | None, how: WindowSpec, column: str, reach: Window
    ) -> Iterator[Batch]:
        from labelbox_airflow.engine.tables.within import each_within, groups_within

        with_column = None if columns is None else [*columns, column]
        batches = self._read_all(file, with_column, groups_within(column, reach, how.zone))
        yield from each_within(batches, columns, column, reach, how.zone)


def _is_marker(item: StoredObject) -> bool:
    """Tell whether ``item`` is a note of another tool, such as ``_SUCCESS`` or Excel's ``~$a.xlsx``, and no table."""
    hidden = item.name.startswith(("_", ".")) or item.name.endswith("_$folder$")
    return item.name.startswith("~$") or (hidden and format_of(item.name) in {None, "json"})
