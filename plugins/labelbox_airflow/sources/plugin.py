"""Sources of third parties: one function that yields Arrow batches, found by an entry point or import path."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from labelbox_airflow.engine.errors import DataIOError, SourceUnavailableError
from labelbox_airflow.engine.window import Window, WindowSpec
from labelbox_airflow.sources.imported import IMPORT_PATH, imported, plugged_in
from labelbox_airflow.sources.transform import TransformSpec

if TYPE_CHECKING:
    import pyarrow as pa

    from labelbox_airflow.engine.records import Batch

GROUP = "labelbox_airflow.sources"


class PluginSourceSpec(TransformSpec):
    """A source that another package brings: a function
    ``read(*, connection, options, window, columns, base) -> Iterator[pyarrow.RecordBatch]``.

    ``window`` is None for everything, else has ``start`` and ``end``; ``columns`` is None for all, and others than
    these are left out; ``base`` is the directory of the sync file.
    """

    type: Literal["plugin"]
    plugin: str = Field(
        min_length=1,
        description="Name of an entry point in the group labelbox_airflow.sources, or `package.module:function`.",
    )
    connection: str | None = Field(None, min_length=1, description="Airflow connection that the function is given.")
    options: dict[str, Any] = Field(default_factory=dict, description="What the function is given besides.")
    window: WindowSpec | None = Field(None, description="How a run's window selects; without it every run reads all.")

    @model_validator(mode="after")
    def _window_fits(self) -> Self:
        if self.window is not None and self.window.by not in {"column", "query"}:
            by = self.window.by
            raise ValueError(f"window: a plugin has no {by} to go by; use by: column, or by: query where it selects")
        return self

    @property
    def waits(self) -> bool:
        """A plugin waits by itself."""
        return False


class PluginSource:
    """Reads what a plugin yields.

    :param base: the directory that the plugin may read files from; the working directory when None
    :param batch_rows: most rows in a batch
    """

    def __init__(self, spec: PluginSourceSpec, base: Path | None = None, *, batch_rows: int = 10_000) -> None:
        self.spec = spec
        self.place = f"{spec.connection}:{spec.plugin}" if spec.connection else spec.plugin
        self._base = base or Path.cwd()
        self._batch_rows = batch_rows

    def check(self) -> None:
        """Raise unless the plugin is installed and its connection there.

        :raises ConfigurationError: when one of them is not
        """
        from labelbox_airflow.sources.storage import require_connection

        self._function()
        if self.spec.connection is not None:
            require_connection(self.spec.connection, self.place)

    def read(self, window: Window | None, columns: Sequence[str] | None = None) -> Iterator[Batch]:
        """Return the rows that the plugin yields for ``window``.

        :raises ConfigurationError: when the plugin is not installed
        :raises SourceError: for a column that is not there, or what else the plugin raises
        :raises SourceUnavailableError: when the plugin fails with an error of another kind
        """
        from labelbox_airflow.engine.tables.within import read_within

        return read_within(self.spec.window, window, columns, self._batches)

    def _function(self) -> Callable[..., Any]:
        name = self.spec.plugin
        return imported(name, "plugin") if re.match(IMPORT_PATH, name) else plugged_in(name, GROUP, "plugin")

    def _batches(self, columns: Sequence[str] | None, reach: Window | None) -> Iterator[Batch]:
        from labelbox_airflow.engine.tables.batches import numbered

        yield from numbered(self._yielded(columns, reach), self.place, self._batch_rows)

    def _yielded(self, columns: Sequence[str] | None, reach: Window | None) -> Iterator[pa.RecordBatch]:
        from labelbox_airflow.engine.tables.batches import require_columns

        spec = self.spec
        try:
            found = self._function()(
                connection=spec.connection, options=spec.options, window=reach, columns=columns, base=self._base
            )
            for rows in found:
                yield rows.select(require_columns(columns, rows.schema.names, self.place))
        except DataIOError:
            raise
        except Exception as error:  # whatever it may be
            raise SourceUnavailableError(
                f"the plugin failed ({type(error).__name__}: {error})",
                where=self.place,
                remedy="Correct the plugin or its options.",
            ) from error
