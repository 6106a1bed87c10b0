"""What all kinds of tables share: lines go in, batches come out in which whole data rows can be replaced."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from labelbox_airflow.engine.collector import collector_paused
from labelbox_airflow.engine.exports.records.arrow import Rows, record_batch
from labelbox_airflow.engine.exports.records.line import ExportedRow, read_line
from labelbox_airflow.engine.tables.batches import BATCH_ROWS

BATCH_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Records:
    """Rows of a table, and the data rows they are all there is of.

    A sink deletes what it has of ``data_rows`` in ``projects`` (columns ``data_row_id``, ``project_id``), then inserts
    ``batch``: what has vanished from a data row vanishes from the table.

    :param data_rows: ids, each once; also of data rows that have no row in ``batch``
    :param projects: ids of the projects that were exported; None: all that there are, replace by data row alone
    """

    batch: pa.RecordBatch
    data_rows: list[str]
    projects: tuple[str, ...] | None = None


@dataclass(slots=True)
class _Gathered:
    """Rows and the data rows they are of, on their way into a batch; ``size`` is that of their lines in bytes."""

    groups: list[Rows] = field(default_factory=list)
    data_rows: dict[str, None] = field(default_factory=dict)
    count: int = 0
    size: int = 0

    def add(self, data_row_id: str, groups: Iterable[Rows], size: int) -> None:
        self.data_rows[data_row_id] = None
        for group in groups:
            self.groups.append(group)
            self.count += len(group.rows)
        self.size += size

    def is_full(self) -> bool:
        return max(self.count, len(self.data_rows)) >= BATCH_ROWS or self.size >= BATCH_BYTES


class RecordSet(ABC):
    """One kind of table that an export becomes.

    :param schema: columns in a stable order. A field made of something in Labelbox has its id in its metadata.
    :param projects: ids of the projects that the export covers; None: all, as far as the lines have them
    """

    schema: pa.Schema
    projects: tuple[str, ...] | None = None

    @abstractmethod
    def rows(self, exported: ExportedRow) -> Iterable[Rows]:
        """Yield the rows of the table that one exported data row becomes; there may be none."""

    def batches(self, lines: Iterable[bytes]) -> Iterator[Records]:
        """Yield batches; memory does not grow with the number of lines.

        All rows of a data row are in one batch, and each data row is in a batch once; so a data row that an export has
        twice is there as it came last, when batches are merged in their order.

        :param lines: of an export, one data row each
        :raises LabelboxError: a line that is no exported data row, or a value that its column cannot have
        """
        gathered = _Gathered()
        for number, line in enumerate(lines, start=1):
            exported = read_line(line, number)
            if exported.id in gathered.data_rows or gathered.is_full():
                yield self._records(gathered)
                gathered = _Gathered()
            with collector_paused():
                gathered.add(exported.id, self.rows(exported), len(line))
        if gathered.data_rows:
            yield self._records(gathered)

    @collector_paused()
    def _records(self, gathered: _Gathered) -> Records:
        batch = record_batch(gathered.groups, self.schema)
        return Records(batch, list(gathered.data_rows), self.projects)
