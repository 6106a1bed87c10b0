"""The plan of an import: units of jobs on staging, each job an NDJSON file to be."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

import pyarrow as pa

from labelbox_airflow.engine.annotations.imports.spec import ImportKind
from labelbox_airflow.engine.staging import Staging, TableWriter

FILE = "annotations.json"
# How much Labelbox takes in one import is not documented; 11,000 rows failed, its own connectors send 10,000
# (github.com/Labelbox/labelbox-python/issues/1021).
JOB_ROWS = 5_000
JOB_LINES = 50_000
JOB_BYTES = 25_000_000
UNIT_JOBS = 8

SCHEMA = pa.schema(
    [
        ("job", pa.int32()),
        ("key", pa.string()),  # as the ledger knows the data row
        ("line", pa.binary()),  # NDJSON, with uuid and line end
        ("uuid", pa.int64()),  # the first 64 bits
        ("content", pa.int64()),
        ("class_name", pa.string()),
        ("origin", pa.string()),  # null: sent before, and again with the others of its job
        ("goes_first", pa.string()),  # ids of labels, or of data rows of a model run, that have to go; by blanks
        ("split", pa.string()),  # of the data row in a model run
    ]
)
_BATCH = 5_000


class RowLines(NamedTuple):
    """The lines of one data row, column by column; see :data:`SCHEMA`.

    :param origins: all None where the lines are sent again with the others of their former import
    """

    lines: Sequence[bytes]
    uuids: Sequence[int]
    contents: Sequence[int]
    class_names: Sequence[str]
    origins: Sequence[str | None]


@dataclass(slots=True)
class Job:
    """One import to be; the name holds a hash of what is in it.

    :ivar along: those of the lines that were sent before, and go again with others of their former import
    """

    name: str
    rows: int
    lines: int
    size: int
    along: int = 0


@dataclass(slots=True)
class ImportPlan:
    """What a run imports.

    :ivar appends: whether only what is new of a data row is sent, beside what was sent before
    :ivar read: annotations that were read
    :ivar planned: those that are to be sent
    :ivar units: name of a unit → its jobs
    """

    kind: ImportKind
    target: str
    appends: bool = False
    read: int = 0
    planned: int = 0
    units: dict[str, list[Job]] = field(default_factory=dict)

    def lines_of(self, unit: str) -> int:
        """Return how many annotations get their outcome when a unit is settled."""
        return sum(job.lines - job.along for job in self.units[unit])

    def write(self, staging: Staging) -> None:
        """Leave the plan for the tasks that send."""
        staging.write_json(FILE, dataclasses.asdict(self))

    @classmethod
    def read_from(cls, staging: Staging) -> ImportPlan:
        """Return the plan of a run.

        :raises FileNotFoundError: when nothing was planned
        """
        raw = staging.read_json(FILE)
        units = {name: [Job(**job) for job in jobs] for name, jobs in raw.pop("units").items()}
        return cls(**raw, units=units)


class PlanWriter:
    """Writes lines, row by row, into units of jobs.

    :param salt: goes into the names of the jobs: what else tells this import from others of equal content
    """

    def __init__(self, staging: Staging, sync: str, salt: str) -> None:
        self._staging, self._sync, self._salt = staging, sync, salt
        self._writer: TableWriter | None = None
        self._columns: list[list[Any]] = [[] for _ in SCHEMA]
        self._hash = blake2b(digest_size=10)
        self._job = Job("", 0, 0, 0)
        self.units: dict[str, list[Job]] = {}

    def add(self, key: str, lines: RowLines, goes_first: str | None = None, split: str | None = None) -> None:
        """Add the lines of one data row."""
        count, whole = len(lines.lines), b"".join(lines.lines)
        if self._job.lines and (
            self._job.rows >= JOB_ROWS or self._job.lines + count > JOB_LINES or self._job.size + len(whole) > JOB_BYTES
        ):
            self._end_job()
        self._hash.update(whole)
        number = len(self._jobs()) if self._writer is not None else 0
        row = (
            [number] * count,
            [key] * count,
            *lines,
            [goes_first] * count,
            [split] * count,
        )
        for column, values in zip(self._columns, row, strict=True):
            column += values
        self._job.rows += 1
        self._job.lines += count
        self._job.size += len(whole)
        self._job.along += lines.origins.count(None)
        if self._writer is None:
            self._begin_unit()
        if len(self._columns[0]) >= _BATCH:
            self._flush()

    def close(self) -> None:
        """Complete the last unit."""
        if self._job.lines:
            self._end_job()
        self._end_unit()

    def _jobs(self) -> list[Job]:
        return next(reversed(self.units.values()))

    def _begin_unit(self) -> None:
        name = f"annotations-{len(self.units):04d}"
        self.units[name] = []
        self._writer = self._staging.table_writer(f"{name}.arrow", SCHEMA)

    def _end_job(self) -> None:
        self._flush()  # a batch has lines of one job
        self._hash.update(self._salt.encode())
        name = f"{self._sync[:60]} {self._hash.hexdigest()}"
        self._jobs().append(dataclasses.replace(self._job, name=name))
        self._hash, self._job = blake2b(digest_size=10), Job("", 0, 0, 0)
        if len(self._jobs()) >= UNIT_JOBS:
            self._end_unit()

    def _end_unit(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None

    def _flush(self) -> None:
        if self._columns[0] and self._writer is not None:
            arrays = [pa.array(column, kind.type) for column, kind in zip(self._columns, SCHEMA, strict=True)]
            self._writer.write(pa.RecordBatch.from_arrays(arrays, schema=SCHEMA))
        self._columns = [[] for _ in SCHEMA]
