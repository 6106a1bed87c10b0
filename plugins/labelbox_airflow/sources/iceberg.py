"""Iceberg tables as sources: a catalog behind an Airflow connection and the name of a table become batches of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from labelbox_airflow.engine.errors import ConfigurationError, SourceError, SourceUnavailableError
from labelbox_airflow.engine.window import Window, WindowSpec
from labelbox_airflow.sources.transform import TransformSpec

if TYPE_CHECKING:
    import pyarrow as pa

    from labelbox_airflow.engine.errors import DataIOError
    from labelbox_airflow.engine.records import Batch


class IcebergSourceSpec(TransformSpec):
    """A table of an Iceberg catalog."""

    type: Literal["iceberg"]
    connection: str = Field(
        min_length=1,
        description="Airflow connection of the catalog: its extra has the properties of PyIceberg, such as type, uri "
        "and warehouse; its host is the uri of a REST catalog, its login and password the credential.",
    )
    catalog: str | None = Field(None, min_length=1, description="Name of the catalog; that of the connection if null.")
    table: str = Field(pattern=r"^[^.]+(\.[^.]+)+$", description="Namespace and name, such as `ml.receipts`.")
    snapshot: int | None = Field(None, description="Id of the snapshot that is read; the newest unless given.")
    timestamp: AwareDatetime | None = Field(None, description="Read the snapshot that was the newest at this moment.")
    window: WindowSpec | None = Field(None, description="How a run's window selects; without it every run reads all.")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.window is not None and self.window.by != "column":
            raise ValueError(f"window: an Iceberg table has no {self.window.by} to go by; use by: column")
        if self.snapshot is not None and self.timestamp is not None:
            raise ValueError("give snapshot or timestamp, not both")
        return self

    @property
    def waits(self) -> bool:
        """A snapshot is always whole."""
        return False


class IcebergSource:
    """Reads one table, in the snapshot that the spec names, or the newest.

    :param batch_rows: most rows in a batch
    """

    def __init__(self, spec: IcebergSourceSpec, *, batch_rows: int = 10_000) -> None:
        self.spec = spec
        self.place = f"{spec.connection}:{spec.table}"
        self._batch_rows = batch_rows

    def check(self) -> None:
        """Raise unless the catalog answers and has the table, and it the snapshot.

        :raises ConfigurationError: for an unknown connection, refused credentials, or pyiceberg not installed
        :raises SourceError: for a missing table or snapshot
        """
        self._snapshot(self._open())

    def read(self, window: Window | None, columns: Sequence[str] | None = None) -> Iterator[Batch]:
        """Return the rows that ``window`` selects, of one snapshot; columns and window are pushed down to the files.

        :param window: None reads everything, also where the source has a window
        :param columns: the columns wanted; all when None
        :raises ConfigurationError: as :meth:`check`
        :raises SourceError: as :meth:`check`, and for a column that is not there
        """
        from labelbox_airflow.engine.tables.within import read_within

        return read_within(self.spec.window, window, columns, partial(self._batches, self._open()))

    def _open(self) -> Any:
        from labelbox_airflow.sources.storage import require_connection

        try:
            from pyiceberg.catalog import load_catalog
        except ImportError as error:
            raise ConfigurationError(
                "reading Iceberg tables needs pyiceberg",
                where=self.place,
                remedy="Install airflow-provider-labelbox[iceberg].",
            ) from error
        properties = catalog_properties(require_connection(self.spec.connection, self.place))
        with self._errors():
            catalog = load_catalog(self.spec.catalog or self.spec.connection, **properties)
            return catalog.load_table(self.spec.table)

    @property
    def _is_pinned(self) -> bool:
        return self.spec.snapshot is not None or self.spec.timestamp is not None

    def _snapshot(self, table: Any) -> int | None:
        """Return the id of the snapshot to read; None for a table that nothing was written to."""
        if self.spec.snapshot is not None:
            found = table.snapshot_by_id(self.spec.snapshot)
        elif self.spec.timestamp is not None:
            found = table.snapshot_as_of_timestamp(int(self.spec.timestamp.astimezone(UTC).timestamp() * 1000))
        else:
            newest = table.current_snapshot()
            return None if newest is None else int(newest.snapshot_id)
        if found is None:
            raise SourceError(
                f"there is no snapshot {self.spec.snapshot or f'as old as {self.spec.timestamp}'}",
                where=self.place,
                remedy="It may have expired; leave snapshot and timestamp out for the newest.",
            )
        return int(found.snapshot_id)

    def _batches(self, table: Any, columns: Sequence[str] | None, reach: Window | None) -> Iterator[Batch]:
        from labelbox_airflow.engine.tables.batches import numbered, require_columns

        snapshot = self._snapshot(table)
        place = f"{self.place} snapshot {snapshot}"
        with self._errors():
            pinned = snapshot if self._is_pinned else None  # the newest may be older than the columns of the table
            schema = table.scan(snapshot_id=pinned).projection().as_arrow()
            wanted = tuple(require_columns(columns, schema.names, place))
            condition = self._condition(schema, reach)
            scan = table.scan(row_filter=condition, selected_fields=wanted, snapshot_id=pinned)
            found = (rows.select(list(wanted)) for rows in scan.to_arrow_batch_reader())
            yield from numbered(found, place, self._batch_rows)

    def _condition(self, schema: pa.Schema, reach: Window | None) -> Any:
        """Return what the window asks of the rows; those without a time are read too, to be rejected."""
        from pyiceberg.expressions import AlwaysTrue, And, GreaterThanOrEqual, IsNull, LessThanOrEqual, Or

        from labelbox_airflow.engine.tables.within import bounds_within

        how = self.spec.window
        if how is None or how.column is None or reach is None:
            return AlwaysTrue()
        bounds = bounds_within(schema.field(how.column).type, reach, how.zone)
        if bounds is None:
            return AlwaysTrue()
        least, most = (bound.isoformat() for bound in bounds)
        inside = And(GreaterThanOrEqual(how.column, least), LessThanOrEqual(how.column, most))
        return Or(inside, IsNull(how.column))

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn errors of catalog and storage into ones that name the table and the connection."""
        try:
            yield
        except Exception as error:
            if not type(error).__module__.startswith(("pyiceberg", "sqlalchemy", "requests")) and not isinstance(
                error, (OSError, ValueError, TypeError)
            ):
                raise
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> DataIOError:
        kind, via = type(error).__name__, f"(connection '{self.spec.connection}')"
        text = (str(error).splitlines() or [kind])[0][:300].rstrip(".")
        if kind.startswith("NoSuch"):
            return SourceError(f"there is no such table {via}", where=self.place, remedy="Correct table.")
        if kind in {"UnauthorizedError", "ForbiddenError", "OAuthError"}:
            remedy = "Correct login and password of the connection, or its rights."
            return ConfigurationError(f"the catalog denies access: {text} {via}", where=self.place, remedy=remedy)
        if isinstance(error, (ValueError, TypeError)) or kind in {"NotInstalledError", "ValidationError"}:
            remedy = "Correct the catalog's properties in the extra of the connection."
            return ConfigurationError(f"the catalog cannot be used: {text} {via}", where=self.place, remedy=remedy)
        return SourceUnavailableError(
            f"the table cannot be read ({kind}: {text}) {via}",
            where=self.place,
            remedy="Check that catalog and storage answer, and run again.",
        )


def catalog_properties(connection: Any) -> dict[str, str]:
    """Return the properties of PyIceberg that an Airflow connection gives."""
    properties = {name: str(value) for name, value in connection.extra_dejson.items() if value is not None}
    if connection.host and "uri" not in properties:
        properties["uri"] = connection.host
    if connection.login and connection.password and "credential" not in properties:
        properties["credential"] = f"{connection.login}:{connection.password}"
    return properties
