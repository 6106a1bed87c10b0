"""An export on its way to staging: started, waited for, and read, by as many processes as it takes, each step once.

The tasks of Labelbox are in the ledger's journal before they are waited for, so that a retry takes them up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

import orjson
import pyarrow as pa

from labelbox_airflow.engine.api.tasks import task_state
from labelbox_airflow.engine.errors import LabelboxError, LabelboxUnavailableError
from labelbox_airflow.engine.exports import tasks
from labelbox_airflow.engine.exports.request import ExportRequest, WireExport
from labelbox_airflow.engine.exports.stream import SpoiledExportError, lines
from labelbox_airflow.engine.ledger import Ledger, Run
from labelbox_airflow.engine.staging import Staging
from labelbox_airflow.engine.transport import Transport

LINES, SUMMARY = "export.arrow", "export.json"
UNIT = "export"
AT_ONCE = 5  # of one run; a project has 10 at a time (docs.labelbox.com/docs/limits)
_SCHEMA = pa.schema([("line", pa.large_binary())])
_BATCH_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Collected:
    """What an export came to: lines, which are data rows, and their bytes."""

    lines: int
    size: int


class StagedExport:
    """The export of one run.

    Call :meth:`advance` until it returns None, waiting in between, then :meth:`collect`.
    """

    def __init__(
        self, transport: Transport, ledger: Ledger, staging: Staging, *, run: Run, request: ExportRequest
    ) -> None:
        self._transport, self._ledger, self._staging, self._run = transport, ledger, staging, run
        self._exports = list(request.wire())

    def advance(self) -> str | None:
        """Start what is not started and may be; return a task that runs, None when all have ended well.

        :raises LabelboxUnavailableError: one has failed, and is forgotten, so that a retry starts it anew
        """
        running: list[str] = []
        for number, export in enumerate(self._exports):
            task_id = self._noted(number, export)
            if task_id is None:
                if len(running) >= AT_ONCE:
                    return running[0]
                try:
                    task_id = self._start(number, export)
                except tasks.TooManyExportsError:
                    if running:
                        return running[0]
                    raise
            if self._is_running(number, task_id):
                running.append(task_id)
        return running[0] if running else None

    def wait(self, seconds: float, *, sleep: Callable[[float], None] = time.sleep) -> str | None:
        """Advance for so many seconds, looking ever less often; return what :meth:`advance` does in the end."""
        deadline, pause = time.monotonic() + seconds, 0.5
        while (running := self.advance()) is not None and time.monotonic() + pause <= deadline:
            sleep(pause)
            pause = min(pause * 1.5, 30.0)
        return running

    def collect(self) -> Collected:
        """Read all lines into a file on staging, which is complete when this returns, and end the run.

        :raises SpoiledExportError: Labelbox delivers something else than it announced; a retry exports anew
        """
        self._staging.make()
        writer = self._staging.table_writer(LINES, _SCHEMA)
        try:
            for batch in _batches(self._all_lines()):
                writer.write(batch)
        finally:
            writer.close()
        collected = Collected(writer.rows, writer.size)
        self._staging.write_json(SUMMARY, {"lines": collected.lines, "bytes": collected.size})
        self._ledger.settle(self._run, UNIT, counts={}, rejected=())  # a task that is cleared exports anew
        self._ledger.finish_run(self._run, state="success", rows_read=collected.lines, rows_filtered=0, watermark=None)
        return collected

    def _all_lines(self) -> Iterator[bytes]:
        for number, export in enumerate(self._exports):
            task_id = self._noted(number, export)
            if task_id is None:
                raise LabelboxError("an export was not started", remedy="Call advance() before collect().")
            try:
                yield from lines(self._transport, task_id)
            except SpoiledExportError:
                self._forget(number)
                raise

    def _is_running(self, number: int, task_id: str) -> bool:
        try:
            state = task_state(self._transport, task_id)
            if state.is_running:
                return True
            state.require_complete()
        except LabelboxUnavailableError:
            self._forget(number)
            raise
        return False

    def _start(self, number: int, export: WireExport) -> str:
        self._ledger.intend(self._run, UNIT, str(number), _hash_of(export))
        task_id = tasks.start(self._transport, export, f"{self._run.sync} {self._run.run_id}"[:200])
        self._ledger.submitted(self._run, UNIT, str(number), task_id)
        return task_id

    def _noted(self, number: int, export: WireExport) -> str | None:
        noted = self._ledger.journal(self._run, UNIT, str(number))
        return noted.task_id if noted is not None and noted.content == _hash_of(export) else None

    def _forget(self, number: int) -> None:
        self._ledger.submitted(self._run, UNIT, str(number), None)


def collected_lines(staging: Staging) -> Iterator[bytes]:
    """Yield the lines that :meth:`StagedExport.collect` left on staging, in bounded memory.

    :raises LabelboxError: there are none: the task that exports has not ended
    """
    try:
        staging.read_json(SUMMARY)
    except FileNotFoundError:
        raise LabelboxError(
            "there is no export on staging", where=staging.url(SUMMARY), remedy="Clear the task that exports."
        ) from None
    for batch in staging.read_table(LINES):
        for value in batch.column(0):
            yield value.as_py()


def _batches(exported: Iterator[bytes]) -> Iterator[pa.RecordBatch]:
    held: list[bytes] = []
    size = 0
    for line in exported:
        held.append(line)
        size += len(line)
        if size >= _BATCH_BYTES:
            yield pa.record_batch([pa.array(held, pa.large_binary())], schema=_SCHEMA)
            held, size = [], 0
    if held:
        yield pa.record_batch([pa.array(held, pa.large_binary())], schema=_SCHEMA)


def _hash_of(export: WireExport) -> str:
    said = orjson.dumps([export.mutation, export.input], option=orjson.OPT_SORT_KEYS)
    return blake2b(said, digest_size=16).hexdigest()
