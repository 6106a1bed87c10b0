"""Delta tables as sources: an Airflow connection and a folder become batches of rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labelbox_airflow.engine.errors import ConfigurationError, SourceError, SourceUnavailableError
from labelbox_airflow.sources.location import absolute_uri
from labelbox_airflow.sources.storage_options import storage_options

if TYPE_CHECKING:
    import pyarrow as pa

    from labelbox_airflow.engine.records import Batch
    from labelbox_airflow.engine.window import Window
    from labelbox_airflow.sources.tables import TableSourceSpec

_COLOR = re.compile(r"\x1b\[[0-9;]*m")
_FORBIDDEN = re.compile(r"AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|Forbidden|Unauthorized|\b40[13]\b")
_MISSING = re.compile(r"NoSuchBucket|NoSuchKey|not found|\b404\b", re.I)


class DeltaSource:
    """Reads one Delta table, in the version that the spec names, or the newest.

    :param base: what a relative ``uri`` is relative to; the working directory when None
    :param batch_rows: most rows in a batch
    """

    def __init__(self, spec: TableSourceSpec, base: Path | None = None, *, batch_rows: int = 10_000) -> None:
        self.spec = spec
        self._uri = absolute_uri(spec.uri, base)
        self._batch_rows = batch_rows

    def check(self) -> None:
        """Raise unless the table is there, in the version asked for.

        :raises ConfigurationError: for an unknown connection, refused credentials, or deltalake not installed
        :raises SourceError: for a missing table or version
        """
        self._open()

    def read(self, window: Window | None, columns: Sequence[str] | None = None) -> Iterator[Batch]:
        """Return the rows that ``window`` selects, of one version of the table whatever is written meanwhile.

        Columns and window are pushed down to the files; their order, and so the row numbers, may differ in each run.

        :param window: None reads everything, also where the source has a window
        :param columns: the columns wanted; all when None
        :raises ConfigurationError: as :meth:`check`
        :raises SourceError: as :meth:`check`, and for a column that is not there
        """
        from labelbox_airflow.engine.tables.within import read_within

        return read_within(self.spec.window, window, columns, partial(self._batches, self._open()))

    def _open(self) -> Any:
        try:
            from deltalake import DeltaTable
        except ImportError as error:
            raise ConfigurationError(
                "reading Delta tables needs deltalake",
                where=self._uri,
                remedy="Install airflow-provider-labelbox[delta].",
            ) from error
        options, pin = storage_options(self._uri, self.spec.connection), self.spec.delta
        with self._errors():
            table = DeltaTable(self._uri, version=pin.version, storage_options=options)
            if pin.timestamp is not None:
                table.load_as_version(pin.timestamp.astimezone(UTC))
        return table

    def _batches(self, table: Any, columns: Sequence[str] | None, reach: Window | None) -> Iterator[Batch]:
        import pyarrow as pa

        from labelbox_airflow.engine.tables.batches import numbered, require_columns

        place = f"{self._uri} version {table.version()}"
        schema = pa.schema(table.schema().to_arrow())
        wanted = require_columns(columns, schema.names, place)
        with self._errors():
            found = table.scan(columns=wanted, predicate=self._predicate(schema, reach))
            yield from numbered(map(pa.record_batch, found), place, self._batch_rows)

    def _predicate(self, schema: pa.Schema, reach: Window | None) -> str | None:
        """Return what the window asks of the rows as SQL; those without a time are read too, to be rejected."""
        from labelbox_airflow.engine.tables.within import bounds_within

        how = self.spec.window
        if how is None or how.column is None or reach is None or how.column not in schema.names:
            return None
        bounds = bounds_within(schema.field(how.column).type, reach, how.zone)
        if bounds is None:
            return None
        column = '"' + how.column.replace('"', '""') + '"'
        least, most = map(_literal, bounds)
        return f"({column} >= {least} AND {column} <= {most}) OR {column} IS NULL"

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn errors of the library into ones that name the table and the connection."""
        from deltalake.exceptions import DeltaError, TableNotFoundError

        via = f" (connection '{self.spec.connection}')" if self.spec.connection else ""
        try:
            yield
        except TableNotFoundError as error:
            raise SourceError(f"there is no Delta table{via}", where=self._uri, remedy="Correct uri.") from error
        except (DeltaError, OSError) as error:
            raise self._failed(_plain(error), via) from error

    def _failed(self, text: str, via: str) -> ConfigurationError | SourceError:
        if _FORBIDDEN.search(text):
            remedy = "Correct its credentials, or let them list and read the table's folder."
            return ConfigurationError(f"the storage denies access: {text}{via}", where=self._uri, remedy=remedy)
        if "specified end version" in text:
            remedy = "Correct delta.version, or leave it out for the newest."
            return SourceError(f"there is no version {self.spec.delta.version}{via}", where=self._uri, remedy=remedy)
        if _MISSING.search(text):
            remedy = "Correct uri; or run again, where files of the table were removed while it was read."
            return SourceUnavailableError(f"the table is not whole: {text}{via}", where=self._uri, remedy=remedy)
        return SourceUnavailableError(
            f"the table cannot be read: {text}{via}", where=self._uri, remedy="Check connection and endpoint."
        )


def _literal(value: date | datetime) -> str:
    return f"{'TIMESTAMP' if isinstance(value, datetime) else 'DATE'} '{value.isoformat()}'"


def _plain(error: Exception) -> str:
    """Return the message in one line, without colors, arrows, and the queries of URLs."""
    text = re.sub(r"\?[^\s\"'>]*", "", _COLOR.sub("", str(error)).replace("\u21b3", ""))
    return " ".join(text.split())[:300].rstrip(".")
