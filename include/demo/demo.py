"""A table in a private bucket becomes data rows in Labelbox, and a model's boxes pre-labels of them, through Airflow.

`make demo` starts an S3 server and a local Labelbox, puts the sample receipts into a bucket and runs the DAG of
include/syncs/receipts.yaml: a first load, the same day again, and the next day after the table was edited. Then that of
include/syncs/receipts_prelabels.yaml sends those that a model is unsure of to people, with its boxes. It ends with
code 1 when a run does not do exactly what it should. Everything is made in one temporary directory and removed
afterwards, unless KEEP=1.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labelbox_local.stack import ChildProcess, LocalLabelbox, ObjectStore, ServiceError, interruptible

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLES = ROOT / "include" / "samples"
SYNC = "receipts"
PRELABELS = "receipts_prelabels"
BUCKET = "receipts"
INTEGRATION = "receipts-bucket"
TABLE = "tables/receipts.csv"
OUTCOMES = ("created", "updated", "unchanged", "superseded", "rejected")
KEEP = os.environ.get("KEEP", "") not in {"", "0"}

_LOG_LINE = re.compile(r"^\S+ \[(?P<level>\w+) *\] (?P<text>.*?) +\[(?P<logger>[\w.]+)\](?: |$)")
_EXCEPTION = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Failure): ")
_TASK_STARTS = re.compile(r"^\[DAG TEST\] starting task_id=(?P<task>\S+) map_index=(?P<index>-?\d+)")


class DemoError(RuntimeError):
    """A step did not do what it should."""


@dataclass(frozen=True)
class Run:
    """One run of the DAG.

    :param date: logical date; a daily run reads the day before it
    :param expected: how many rows must end in each outcome
    :param annotations: how many annotations must
    """

    title: str
    date: str
    expected: Mapping[str, int]
    sync: str = SYNC
    annotations: Mapping[str, int] = field(default_factory=dict)


FIRST_LOAD = Run("First load", "2026-01-06", {"created": 24})
SAME_AGAIN = Run("The same day again", "2026-01-06", {"unchanged": 24})
AFTER_EDITS = Run(
    "The next day, after the table was edited",
    "2026-01-07",
    {"created": 3, "updated": 2, "unchanged": 22, "rejected": 3},
)


FROM_A_MODEL = Run(
    "What a model found in them: its scores as metadata, its boxes (COCO) as pre-labels",
    "2026-01-08",
    {"updated": 24},
    PRELABELS,
    {"sent": 44, "rejected": 1},
)


@dataclass(frozen=True)
class Deployment:
    """Airflow on SQLite in one directory, pointed at the running services."""

    directory: Path
    store: ObjectStore
    labelbox: LocalLabelbox

    @property
    def staging(self) -> Path:
        """Where the runs keep their files, the reports among them."""
        return self.directory / "staging"

    def environment(self) -> dict[str, str]:
        """Return the environment of Airflow's processes: the caller's, without its Airflow and cloud settings."""
        own = ("AIRFLOW_", "LABELBOX_", "AWS_", "RECEIPTS_")
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(own) or name == "AWS_CA_BUNDLE"
        }
        home, scratch = self.directory / "airflow", self.directory / "tmp"
        scratch.mkdir(exist_ok=True)
        return inherited | {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW_CONN_AWS_DEFAULT": self.store.airflow_connection(),
            "AIRFLOW_CONN_LABELBOX_DEFAULT": self.labelbox.airflow_connection(),
            "AWS_EC2_METADATA_DISABLED": "true",
            "LABELBOX_SYNCS_DIR": str(ROOT / "include" / "syncs"),
            "AIRFLOW__LABELBOX__LEDGER": f"sqlite:///{self.directory}/ledger.db",
            "AIRFLOW__LABELBOX__STAGING": f"file://{self.staging}",
            "RECEIPTS_BUCKET": BUCKET,
            "RECEIPTS_INTEGRATION": INTEGRATION,
            "RECEIPTS_REGION": self.store.region,
            "TMPDIR": str(scratch),
        }

    def airflow(self, *arguments: str, log: str) -> None:
        """Run an `airflow` command and say what our tasks say.

        :raises DemoError: the command failed; with the end of its log
        """
        path = self.directory / log
        command = [sys.executable, "-m", "airflow", *arguments]
        with ChildProcess(command, log=path, directory=self.directory, environment=self.environment()) as child:
            for line in _lines_while_running(path, child):
                _say_progress(line)
            if child.exit_code:
                raise DemoError(f"`airflow {' '.join(arguments)}` failed. The end of its log:\n{child.last_lines()}")

    def newest_report(self, sync: str) -> dict[str, Any]:
        """Return the report of the run of a sync that ended last."""
        reports = sorted(self.staging.glob(f"{sync}/*/report.json"), key=lambda path: path.stat().st_mtime_ns)
        if not reports:
            raise DemoError(f"The run left no report.json under {self.staging / sync}.")
        report: dict[str, Any] = json.loads(reports[-1].read_text())
        return report


def main() -> int:
    """Run the demo; return the exit code."""
    started = time.monotonic()
    try:
        with interruptible(), scratch_directory() as directory:
            demonstrate(directory)
            say(f"Done in {time.monotonic() - started:.0f} seconds. Where to look:")
            print(where_to_look(directory))
    except (DemoError, ServiceError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; everything is stopped.", file=sys.stderr)
        return 130
    return 0


def demonstrate(directory: Path) -> None:
    """Start everything and make the runs."""
    say("Starting an S3 server (SeaweedFS) and the local Labelbox")
    with ObjectStore(directory / "s3") as store, LocalLabelbox(directory / "labelbox") as labelbox:
        note(f"S3 at {store.endpoint_url}, Labelbox at {labelbox.endpoint}")
        store.create_bucket(BUCKET)
        count = store.put_directory(BUCKET, SAMPLES / "receipts")
        note(f"private bucket s3://{BUCKET} with {count} objects; the table is {TABLE}")
        # As an administrator would in Labelbox, so that it can show the pictures.
        labelbox.delegate_access(INTEGRATION, store, BUCKET)
        note(f"IAM integration '{INTEGRATION}' in Labelbox, which may read that bucket")
        deployment = Deployment(directory, store, labelbox)
        say("Preparing Airflow's database (SQLite)")
        deployment.airflow("db", "migrate", log="migrate.log")
        reports = [perform(deployment, 1, FIRST_LOAD), perform(deployment, 2, SAME_AGAIN)]
        say("Editing the table in the bucket: 2 rows corrected, 3 added, 3 added that cannot be taken")
        store.put(BUCKET, TABLE, (SAMPLES / "edited" / "receipts.csv").read_bytes())
        reports.append(perform(deployment, 3, AFTER_EDITS))
        reports.append(perform(deployment, 4, FROM_A_MODEL))
        say("The runs side by side")
        print(comparison(reports))


def perform(deployment: Deployment, number: int, run: Run) -> dict[str, Any]:
    """Make one run, which says what it does; return its report.

    :raises DemoError: the outcomes are not the expected ones
    """
    say(f"Run {number}: {run.title} (airflow dags test {run.sync} {run.date})")
    deployment.labelbox.admin("DELETE", "calls")
    deployment.airflow("dags", "test", run.sync, run.date, log=f"run-{number}.log")
    report = deployment.newest_report(run.sync)
    calls = deployment.labelbox.admin("GET", "calls")
    # A mutation by form, but it only tests whether Labelbox can read the bucket.
    looks = calls["operations"].get("ValidateIamIntegrationPyApi", 0)
    note(f"calls to Labelbox: {calls['read'] + looks} that look, {calls['write'] - looks} that change something")
    expected = {outcome: run.expected.get(outcome, 0) for outcome in OUTCOMES}
    found = {outcome: report["outcomes"][outcome] for outcome in OUTCOMES}
    if found != expected:
        raise DemoError(f"Run {number} should have ended with {expected}, not with {found}.")
    annotations = {
        outcome: count for outcome, count in (report["annotations"] or {}).get("outcomes", {}).items() if count
    }
    if annotations != run.annotations:
        raise DemoError(f"The annotations of run {number} should have ended with {run.annotations}, not {annotations}.")
    return report


def comparison(reports: list[dict[str, Any]]) -> str:
    """Return the outcomes of all runs as one table."""
    lines = [_line(f"run {number}", _counts(report)) for number, report in enumerate(reports, 1)]
    return "\n".join(["", _line("", ["rows read", *OUTCOMES]), *lines])


def _counts(report: Mapping[str, Any]) -> list[int]:
    return [report["read"], *(report["outcomes"][outcome] for outcome in OUTCOMES)]


def _line(name: str, cells: Iterable[object]) -> str:
    return f"     {name:<10}" + "".join(f"{cell!s:>12}" for cell in cells)


def where_to_look(directory: Path) -> str:
    """Return where the things just seen are."""
    places = [
        ("the sync files", "include/syncs/"),
        ("the sample data", "include/samples/"),
        ("how to use real Labelbox and real clouds", "README.md"),
    ]
    if KEEP:
        places += [
            ("the logs of the runs", f"{directory}/run-*.log"),
            ("the reports", f"{directory}/staging/*/*/report.json"),
            ("the ledger (SQLite)", f"{directory}/ledger.db"),
        ]
    else:
        places.append(("logs, reports and ledger of the runs", "KEEP=1 make demo"))
    return "\n".join(f"     {what:<42}{where}" for what, where in places)


@contextlib.contextmanager
def scratch_directory() -> Iterator[Path]:
    """Give a directory that is gone afterwards, unless KEEP=1."""
    directory = Path(tempfile.mkdtemp(prefix="labelbox-demo-"))
    try:
        yield directory
    finally:
        if KEEP:
            print(f"\nKept: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)


def say(text: str) -> None:
    """Say what comes next."""
    print(f"\n==> {text}", flush=True)


def note(text: str) -> None:
    """Say a detail."""
    print(f"     {text}", flush=True)


def _lines_while_running(log: Path, child: ChildProcess) -> Iterator[str]:
    """Yield the lines of a log as they are completed, until the child has ended and all is read."""
    with log.open(errors="replace") as file:
        begun, running = "", True
        while running:
            running = child.exit_code is None
            *lines, begun = (begun + file.read()).split("\n")
            yield from lines
            if running:
                time.sleep(0.1)


def _say_progress(line: str) -> None:
    """Say which task starts, what our own code logs, and what fails; the rest of Airflow's log stays in the file."""
    found = _LOG_LINE.match(line)
    if not found:
        if _EXCEPTION.match(line):
            note(f"  {line}")
        return
    if task := _TASK_STARTS.match(found["text"]):
        index = f" {task['index']}" if int(task["index"]) >= 0 else ""
        note(f"{task['task']}{index}")
    elif "labelbox_airflow" in found["logger"]:
        note(f"  {found['text']}")


if __name__ == "__main__":
    sys.exit(main())
