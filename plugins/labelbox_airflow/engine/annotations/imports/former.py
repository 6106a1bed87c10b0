"""What earlier imports hold: pre-labels go by the job, so those that have not changed are sent again with the rest."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import pyarrow as pa

from labelbox_airflow.engine.annotations.imports.plan import RowLines
from labelbox_airflow.engine.ledger import Ledger, Run
from labelbox_airflow.engine.staging import Staging

LINES = pa.schema(
    [
        ("key", pa.string()),
        ("line", pa.binary()),
        ("uuid", pa.int64()),
        ("content", pa.int64()),
        ("class_name", pa.string()),
    ]
)
_SUFFIX = ".arrow"


class FormerLines:
    """The lines of imports whose pre-labels are in Labelbox, kept on staging for as long as they are.

    :ivar jobs: ids of the imports that have to go
    :ivar lost: data rows whose annotations have to be sent again, but whose lines are gone
    """

    def __init__(self, ledger: Ledger, staging: Staging, run: Run, target: str) -> None:
        self._ledger, self._run, self._target = ledger, run, target
        self._kept = staging.kept("prelabels")
        self._names = frozenset(self._kept.names())
        self._sent: set[str] = set()
        self._unsent = ledger.unsent_annotated(run.owner, target)
        self.jobs: list[str] = []
        self.lost: list[str] = []

    def remove_unneeded(self) -> None:
        """Remove the lines of imports that hold nothing any more."""
        for name in self._names:
            job = name.removesuffix(_SUFFIX)
            if not self._ledger.annotated_by(self._run.owner, self._target, [job]):
                self._kept.remove(name)

    def problem(self, job: str, key: str) -> str | None:
        """Return why what an import holds for a data row cannot be replaced, None when it can."""
        if job in self.jobs or f"{job}{_SUFFIX}" in self._names:
            return None
        if set(self._ledger.annotated_by(self._run.owner, self._target, [job])) <= {key}:
            return None
        return (
            f"it was sent by the import {job} together with others, whose lines are gone from staging; delete that "
            "import's pre-labels in Labelbox, or set changed: append or leave"
        )

    def note(self, key: str, job: str | None) -> None:
        """Note that a data row is sent, and which import has to go for it."""
        if job is not None and job not in self.jobs:
            self.jobs.append(job)
        if job is not None or key in self._unsent:
            self._sent.add(key)

    def survivors(self) -> Iterator[tuple[str, RowLines]]:
        """Yield the data rows that are not sent again by themselves, but go with their import; and their lines."""
        held = self._ledger.annotated_by(self._run.owner, self._target, self.jobs) | self._unsent
        by_job: dict[str, list[str]] = {}
        for key, row in held.items():
            if key not in self._sent and row.job is not None:
                by_job.setdefault(row.job, []).append(key)
        for job in sorted(by_job):
            wanted = set(by_job[job])
            for key, lines in groupby(self._lines(job), itemgetter(0)):
                if key in wanted:
                    wanted.discard(key)
                    _, texts, uuids, contents, names = zip(*lines, strict=True)
                    yield key, RowLines(texts, uuids, contents, names, [None] * len(texts))
            self.lost += sorted(wanted)

    def _lines(self, job: str) -> Iterator[tuple[Any, ...]]:
        if f"{job}{_SUFFIX}" not in self._names:
            return
        for batch in self._kept.read_table(f"{job}{_SUFFIX}"):
            columns = [column.to_pylist() for column in batch.columns]
            yield from zip(*columns, strict=True)


def keep_lines(staging: Staging, job: str, lines: pa.Table) -> None:
    """Keep the lines that an import holds, data row by data row.

    :param lines: with the columns of :data:`LINES`, and others
    """
    writer = staging.kept("prelabels").table_writer(f"{job}{_SUFFIX}", LINES)
    for batch in lines.select(LINES.names).cast(LINES).to_batches():
        writer.write(batch)
    writer.close()
