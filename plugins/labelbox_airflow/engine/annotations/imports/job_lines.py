"""The planned lines of one job, as whole columns: most are sent, and get their outcome, without being looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby, pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from labelbox_airflow.engine.columns import text_bytes
from labelbox_airflow.engine.staging import Staging

Marks = npt.NDArray[np.int64]


class PlannedRow(NamedTuple):
    """A data row of a job; see :data:`~labelbox_airflow.engine.annotations.imports.plan.SCHEMA`."""

    key: str
    goes_first: str | None
    split: str | None


class PlannedLine(NamedTuple):
    """A line of a job; see :data:`~labelbox_airflow.engine.annotations.imports.plan.SCHEMA`."""

    job: int
    key: str
    line: bytes
    uuid: int
    content: int
    class_name: str
    origin: str | None
    goes_first: str | None
    split: str | None


class JobLines:
    """The lines of a job.

    :ivar number: which job of its unit
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.number: int = table.column("job")[0].as_py()

    def ndjson(self) -> bytes:
        """Return the file to upload."""
        return b"".join([text_bytes(chunk).tobytes() for chunk in self._table.column("line").chunks])

    def rows(self) -> list[PlannedRow]:
        """Return the data rows, in order."""
        columns = [self._table.column(name).to_pylist() for name in PlannedRow._fields]
        return list(dict.fromkeys(map(PlannedRow._make, zip(*columns, strict=True))))

    @property
    def uuids(self) -> Marks:
        """The first 64 bits of the uuid of each line."""
        return np.asarray(self._table.column("uuid").to_numpy())

    def replace_anything(self) -> bool:
        """Tell whether something has to go from Labelbox before the lines are sent."""
        return bool(self._table.column("goes_first").null_count < self._table.num_rows)

    def marks(self, refused: Mapping[int, Any]) -> Iterator[tuple[str, dict[int, int]]]:
        """Yield each data row, and what the ledger is to know of its lines: uuid → content, odd where refused."""
        uuids, contents = self.uuids, self._table.column("content").to_numpy()
        if refused:
            contents = contents | np.isin(uuids, list(refused))
        listed = uuids.tolist(), contents.tolist()
        keys = self._table.column("key").combine_chunks().dictionary_encode()
        numbers = keys.indices.to_numpy()
        ends = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
        names = keys.dictionary.to_pylist()
        for begin, end in pairwise(ends):
            of_row = zip(listed[0][begin:end], listed[1][begin:end], strict=True)
            yield names[numbers[begin]], dict(of_row)

    def taken(self, refused: Mapping[int, Any]) -> pa.Table:
        """Return the lines that Labelbox took."""
        return self._table.filter(pa.array(~np.isin(self.uuids, list(refused)))) if refused else self._table

    def sent_by_class(self, refused: Mapping[int, Any]) -> Counter[str]:
        """Count the lines that Labelbox took, without those that were sent again with others."""
        taken = self.taken(refused)
        counted = pc.value_counts(taken.filter(pc.is_valid(taken.column("origin"))).column("class_name"))
        return Counter({each["values"].as_py(): each["counts"].as_py() for each in counted})

    def refused(self, refused: Mapping[int, Any]) -> Iterator[PlannedLine]:
        """Yield the lines that Labelbox did not take, without those that were sent again with others."""
        if not refused:
            return
        among = self._table.filter(pa.array(np.isin(self.uuids, list(refused))))
        for row in among.filter(pc.is_valid(among.column("origin"))).to_pylist():
            yield PlannedLine(**row)


def planned_jobs(staging: Staging, unit: str) -> Iterator[JobLines]:
    """Yield the lines of a unit, job by job."""
    batches = staging.read_table(f"{unit}.arrow")
    for _, of_job in groupby(batches, lambda batch: batch.column("job")[0].as_py()):
        yield JobLines(pa.Table.from_batches(list(of_job)))
