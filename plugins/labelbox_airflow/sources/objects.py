"""Tables in object storage: an Airflow connection and a URI become batches of rows."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from labelbox_airflow.engine.errors import ConfigurationError, SourceError
from labelbox_airflow.engine.rows.spec import Spec
from labelbox_airflow.engine.tables.options import CsvOptions, TableFormat, format_of
from labelbox_airflow.engine.window import (
    Window,
    WindowSpec,
    any_date,
    check_placeholders,
    date_in,
    dated,
    expand_path,
    is_dated,
    slot_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from labelbox_airflow.engine.records import Batch
    from labelbox_airflow.engine.tables.parquet import RowGroupTest
    from labelbox_airflow.sources.listing import StoredObject
    from labelbox_airflow.sources.storage import Storage


MANY_SLOTS = 1000  # beyond, listing all dates at once is cheaper than listing each


class TableSourceSpec(Spec):
    """CSV, NDJSON or Parquet files in object storage or on a local disk, read as one table."""

    type: Literal["table"]
    uri: str = Field(
        min_length=1,
        description="`s3://…`, `gs://…`, `abfs://…`, `file://…` or a path; globs and `{date:%Y-%m-%d}` are understood.",
    )
    connection: str | None = Field(
        None, min_length=1, description="Airflow connection; without it the cloud's own default credentials."
    )
    format: TableFormat = Field("auto", description="`auto` goes by the suffix, such as .csv, .csv.gz or .parquet.")
    csv: CsvOptions = Field(default_factory=lambda: CsvOptions())
    window: WindowSpec | None = Field(None, description="How a run's window selects; without it every run reads all.")
    wait_for: str | None = Field(None, description="Not built yet.")

    @model_validator(mode="after")
    def _uri_fits_window(self) -> Self:
        if self.wait_for is not None:
            raise ValueError("wait_for is not built yet in this version; leave it out")
        try:
            check_placeholders(self.uri)
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        if "@" in self.uri.partition("://")[2].partition("/")[0]:
            raise ValueError(f"the uri '{self.uri}' has an '@'; name the connection under connection:")
        by_path = self.window is not None and self.window.by == "path"
        if is_dated(self.uri) and not by_path:
            raise ValueError(f"the uri '{self.uri}' has a {{date:…}}; it needs window: {{by: path}}")
        if by_path and not is_dated(self.uri):
            raise ValueError(f"window: {{by: path}} needs a {{date:…}} in the uri, and '{self.uri}' has none")
        return self


class TableSource:
    """Reads the files of one table source.

    :param base: what a relative ``uri`` is relative to; the working directory when None
    :param batch_rows: most rows in a batch
    :ivar missing: the URIs, dates filled in, that matched nothing when files were last listed
    """

    def __init__(self, spec: TableSourceSpec, base: Path | None = None, *, batch_rows: int = 10_000) -> None:
        self.spec = spec
        self.missing: list[str] = []
        self._batch_rows = batch_rows
        self._uri = _absolute(spec.uri, base)
        self._opened: Storage | None = None

    def check(self) -> None:
        """Raise unless the connection works, its bucket is there, and, where the URI names one file, that file.

        :raises ConfigurationError: for an unknown connection or refused credentials
        :raises SourceError: for a missing bucket or file, or a storage that does not answer
        """
        from labelbox_airflow.sources.listing import is_glob

        if is_dated(self._uri) or is_glob(self._uri):
            self._storage.require_container(self._uri)
        else:
            self._list(self._uri)

    def places(self, window: Window | None) -> list[StoredObject]:
        """Return the files that :meth:`read` would read, in its order.

        A window by path: those of the paths that the window completes (see ``expand_path``), each with the end of
        its slot as time; paths without an object go to :attr:`missing`. By modified: those modified in the window.
        By column or without a window: all. Times are those of modification except for windows by path.

        :param window: None reads everything, also where the source has a window
        :raises ConfigurationError: for an unknown connection or refused credentials
        :raises SourceError: for a missing bucket, or a missing file where the URI names one
        """
        self.missing = []
        how = self.spec.window
        if how is not None and how.by == "path":
            return self._of_slots(how, window) if window else self._of_any_slot(how)
        found = self._list(self._uri)
        if how is not None and how.by == "modified" and window is not None:
            reach = how.reach(window)
            return [item for item in found if reach.contains(item.time)]
        return found

    def read(self, window: Window | None, columns: Sequence[str] | None = None) -> Iterator[Batch]:
        """Yield the rows that ``window`` selects, file by file; a batch never spans two files.

        :param window: None reads everything, also where the source has a window
        :param columns: the columns wanted; all when None
        :raises SourceError: when a file cannot be read as a table, lacks a column, is gone, or changed meanwhile
        """
        how = self.spec.window
        reach = how.reach(window) if how and window else None
        for item in self.places(window):
            if how is not None and how.column is not None and reach is not None:
                yield from self._read_within(item, columns, how, how.column, reach)
            else:
                yield from self._read_all(item, columns)

    @property
    def _storage(self) -> Storage:
        if self._opened is None:
            from labelbox_airflow.sources.storage import open_storage

            self._opened = open_storage(self._uri, self.spec.connection)
        return self._opened

    def _list(self, uri: str, *, may_be_missing: bool = False) -> list[StoredObject]:
        """Return the table files that ``uri`` matches, by name; note it as missing when there are none."""
        from labelbox_airflow.sources.listing import is_glob, matching

        found = matching(self._storage, uri, may_be_missing=may_be_missing)
        if is_glob(uri):
            found = [item for item in found if not _is_marker(item)]
        if not found:
            self.missing.append(uri)
        return found

    def _of_slots(self, how: WindowSpec, window: Window) -> list[StoredObject]:
        reach = how.reach(window)
        if (reach.end - reach.start) / how.slot > MANY_SLOTS:
            return [item for item in self._of_any_slot(how) if reach.start < item.time <= reach.end]
        found: dict[str, StoredObject] = {}
        for path in expand_path(self._uri, reach, how.slot, how.zone):
            items = self._list(path.uri, may_be_missing=True)
            found.update({item.place: replace(item, time=path.end) for item in items})
        return list(found.values())

    def _of_any_slot(self, how: WindowSpec) -> list[StoredObject]:
        """Return the files of every date, with the times they have in windows; by time and name."""
        dated = []
        for item in self._list(any_date(self._uri), may_be_missing=True):
            moment = date_in(self._uri, item.place, how.zone)
            if moment is not None:
                dated.append(replace(item, time=_slot_end(self._uri, moment, how) or item.time))
        return sorted(dated, key=lambda item: (item.time, item.place))

    def _read_all(
        self, item: StoredObject, columns: Sequence[str] | None, wanted_group: RowGroupTest | None = None
    ) -> Iterator[Batch]:
        from labelbox_airflow.engine.tables.read import read_table

        kind = format_of(item.place) if self.spec.format == "auto" else self.spec.format
        with self._storage.reading(item.place), self._storage.open(item, sought=kind == "parquet") as file:
            yield from read_table(
                file,
                item.place,
                columns,
                item.time,
                format=self.spec.format,
                csv=self.spec.csv,
                batch_rows=self._batch_rows,
                wanted_group=wanted_group,
            )

    def _read_within(
        self, item: StoredObject, columns: Sequence[str] | None, how: WindowSpec, column: str, reach: Window
    ) -> Iterator[Batch]:
        from labelbox_airflow.engine.tables.within import groups_within, rows_within

        with_column = None if columns is None else [*columns, column]
        for batch in self._read_all(item, with_column, groups_within(column, reach, how.zone)):
            _require(column, batch)
            selected = rows_within(batch, column, reach, how.zone)
            if columns is not None and column not in columns:
                selected = replace(selected, rows=selected.rows.select(list(dict.fromkeys(columns))))
            if selected.rows.num_rows or selected.rejected:
                yield selected


def _require(column: str, batch: Batch) -> None:
    """Raise where NDJSON, read with all its keys, has none of the window's column."""
    if column not in batch.rows.schema.names:
        raise SourceError(
            f"no row has the column '{column}', which the window goes by",
            where=batch.origin(0) if batch.positions else batch.place,
            remedy="Correct window.column, or the file.",
        )


def _absolute(uri: str, base: Path | None) -> str:
    """Return ``uri`` with a scheme, or as an absolute path."""
    if uri.startswith("file://"):
        return str(Path("/") / uri.removeprefix("file://").lstrip("/"))
    return uri if "://" in uri else os.path.normpath((base or Path.cwd()).resolve() / uri)


def _is_marker(item: StoredObject) -> bool:
    """Tell whether ``item`` is a note of another tool, such as ``_SUCCESS`` or ``.part-0.csv.crc``, and no table."""
    name = item.place.rpartition("/")[2]
    hidden = name.startswith(("_", ".")) or name.endswith("_$folder$")
    return hidden and format_of(name) is None


def _slot_end(uri: str, moment: datetime, how: WindowSpec) -> datetime | None:
    """Return the end of the slot whose path ``uri`` names at ``moment``; None when one path stands for several."""
    start, end = slot_of(moment, how.slot, how.zone)
    before, _ = slot_of(start - how.slot / 2, how.slot, how.zone)
    texts = [dated(uri, slot.astimezone(how.zone)) for slot in (before, start, end)]
    return None if texts[1] in {texts[0], texts[2]} else end
