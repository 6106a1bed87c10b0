"""The process that `make up` leaves running: it starts the parts, watches them, and stops them with itself.

It runs apart from the terminal. SIGTERM stops the stack, SIGUSR1 starts again what has ended. What it knows is in the
status file of the directory, what it does in `logs/supervisor.log`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from include.local import api
from include.local.airflow_part import COMMANDS, AirflowPart
from include.local.directory import ROOT, LocalDirectory, LocalError, PartStatus, Status, born
from include.local.settings import (
    SAMPLE_BUCKET,
    SAMPLE_INTEGRATION,
    STAGING_BUCKET,
    USER,
    Settings,
    airflow_environment,
    keep_settings,
    settings_file,
)

from labelbox_local.service import write_private
from labelbox_local.stack import (
    ChildProcess,
    LocalLabelbox,
    ObjectStore,
    Postgres,
    Service,
    ServiceError,
    interruptible,
)

HEALTHY_SECONDS = 300.0
DAGS_SECONDS = 60.0

Part = Service | AirflowPart


class Supervisor:
    """Runs the stack of one directory; see the module."""

    def __init__(self, directory: LocalDirectory) -> None:
        self.directory = directory
        self.postgres = Postgres(directory.place_postgres(), durable=True)
        self.store = ObjectStore(directory.s3)
        self.labelbox = LocalLabelbox(directory.labelbox)
        self.parts: dict[str, Part] = {part.name: part for part in (self.postgres, self.store, self.labelbox)}
        for part in (self.postgres, self.store, self.labelbox):
            part.log = directory.logs / f"{part.name}.log"
        names = [*self.parts, *COMMANDS]
        self.status = Status(
            pid=os.getpid(),
            phase="starting",
            since=now().isoformat(sep=" ", timespec="seconds"),
            parts=[PartStatus(name, str(directory.logs / f"{name}.log")) for name in names],
        )
        self._settings: Settings | None = None
        self._start_again = False

    def run(self) -> None:
        """Start everything, watch it, and stop it when asked to."""
        self.directory.end_leftovers()
        self._write()
        signal.signal(signal.SIGUSR1, self._on_start_again)
        failure = ""
        try:
            with interruptible():
                self._start()
                self._watch()
        except (ServiceError, LocalError) as error:
            failure = str(error)
            say(failure)
        except Exception as error:
            failure = f"{type(error).__name__}: {error}. More is in {self.directory.logs / 'supervisor.log'}."
            raise
        finally:
            gone = not settings_file(self.directory).exists()
            # Whoever asks again has to wait for the first time to be done.
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            self._stop(failure)
            if gone and self._settings:
                shutil.rmtree(self.postgres.directory, ignore_errors=True)

    def _start(self) -> None:
        for service in (self.postgres, self.store, self.labelbox):
            self._start_service(service)
        self._put_samples()
        database, ledger = self.postgres.database("airflow"), self.postgres.database("ledger")
        self._settings = settings = keep_settings(self.directory)
        environment = airflow_environment(self.directory, settings, database)
        self.status.syncs = environment["LABELBOX_SYNCS_DIR"]
        self._prepare_database(environment, ledger)
        started = datetime.now(UTC)
        for name in COMMANDS:
            self.parts[name] = AirflowPart(name, self.directory.logs / f"{name}.log", environment)
            self._launch(name)
        self._await_healthy(set(COMMANDS), started)
        self._await_dags(settings)
        self.status.phase, self.status.url = "running", settings.url
        self._write()
        say("running")

    def _start_service(self, service: Service) -> None:
        status = self._status_of(service.name)
        status.state = "starting"
        self._write()
        service.start()
        address = getattr(service, "endpoint_url", None) or getattr(service, "base_url", None)
        self._note_running(service.name, address or f"127.0.0.1:{self.postgres.port}")

    def _launch(self, name: str) -> None:
        self.parts[name].start()
        status = self._status_of(name)
        status.state, status.pid, status.problem = "starting", self.parts[name].pid or 0, ""
        status.born = born(status.pid)
        self._write()

    def _note_running(self, name: str, address: str = "") -> None:
        status = self._status_of(name)
        status.state, status.address, status.problem = "running", address, ""
        status.pid = self.parts[name].pid or 0
        status.born = born(status.pid)
        self._write()
        say(f"{name} runs as process {status.pid} {address}")

    def _put_samples(self) -> None:
        """Fill the bucket once, so that it can be edited; let Labelbox read it wherever it is now."""
        if not self.store.has_bucket(SAMPLE_BUCKET):
            self.store.create_bucket(SAMPLE_BUCKET)
            self.store.put_directory(SAMPLE_BUCKET, ROOT / "include" / "samples" / "receipts")
        if not self.store.has_bucket(STAGING_BUCKET):
            self.store.create_bucket(STAGING_BUCKET)
        self.labelbox.delegate_access(SAMPLE_INTEGRATION, self.store, SAMPLE_BUCKET)

    def _prepare_database(self, environment: Mapping[str, str], ledger: str) -> None:
        connections = {
            "aws_default": _connection(self.store.airflow_connection()),
            "labelbox_default": _connection(self.labelbox.airflow_connection(), timeout=60, patience=120),
            "labelbox_ledger": _ledger_connection(ledger),
        }
        write_private(self.directory.airflow_home / "connections.json", json.dumps(connections))
        log = self.directory.logs / "prepare.log"
        log.unlink(missing_ok=True)
        command = [sys.executable, "-m", "include.local.prepare"]
        with ChildProcess(command, log=log, directory=ROOT, environment=environment) as child:
            if child.wait():
                raise LocalError(f"Airflow's database could not be prepared. The end of {log}:\n{child.last_lines()}")
        self.status.notes = [line for line in log.read_text().splitlines() if line.startswith("The connection ")]

    def _await_healthy(self, names: set[str], since: datetime) -> None:
        url = self._settings.url if self._settings else ""
        waiting = set(names)
        deadline = time.monotonic() + HEALTHY_SECONDS
        while waiting:
            self._refuse_ended(names)
            for name in sorted(waiting & api.healthy_components(url, since)):
                self._note_running(name, url if name == "api-server" else "")
                waiting.discard(name)
            if waiting and time.monotonic() > deadline:
                name = min(waiting)
                raise LocalError(self._complaint(name, f"is not well after {HEALTHY_SECONDS:.0f} seconds"))
            time.sleep(0.25)

    def _await_dags(self, settings: Settings) -> None:
        """Wait until the DAGs have been read, so that nobody finds an empty page."""
        deadline = time.monotonic() + DAGS_SECONDS
        while time.monotonic() < deadline:
            self._refuse_ended(set(COMMANDS))
            # A busy machine answers late; that is no reason to stop all that has come up.
            with contextlib.suppress(OSError):
                token = api.log_in(settings.url, USER, settings.password)
                dags, errors = (
                    api.call(f"{settings.url}/api/v2/{what}", token=token) for what in ("dags", "importErrors")
                )
                if dags["total_entries"] or errors["total_entries"]:
                    self.status.notes += [_import_note(error) for error in errors["import_errors"]]
                    return
            time.sleep(0.5)

    def _refuse_ended(self, names: set[str]) -> None:
        for name in sorted(names):
            code = self.parts[name].exit_code
            if code is not None:
                raise LocalError(self._complaint(name, f"ended with code {code} instead of starting"))

    def _complaint(self, name: str, problem: str) -> str:
        part = self.parts[name]
        return f"The {name} {problem}. The end of {part.log}:\n{part.last_lines()}"

    def _watch(self) -> None:
        """Note what ends, until the stack is to stop; also when somebody has removed the directory."""
        while settings_file(self.directory).exists():
            for name, part in self.parts.items():
                code = part.exit_code
                if code is not None and self._status_of(name).state == "running":
                    self._note_ended(name, code)
            if self._start_again:
                self._start_again = False
                self._start_ended()
            time.sleep(0.5)

    def _note_ended(self, name: str, code: int) -> None:
        status = self._status_of(name)
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        status.state, status.problem = "ended", f"{how} at {now():%H:%M:%S}"
        self._write()
        say(f"{name} {status.problem}")
        self.parts[name].stop()  # and with it the processes it had started

    def _start_ended(self) -> None:
        for status in self.status.ended:
            try:
                self._start_part(status.name)
            except (ServiceError, LocalError) as error:
                self.parts[status.name].stop()
                status.state, status.problem = "ended", str(error)
                say(status.problem)
        self.status.repairs += 1
        self._write()

    def _start_part(self, name: str) -> None:
        part, since = self.parts[name], datetime.now(UTC)
        if isinstance(part, Service):
            self._start_service(part)
        else:
            self._launch(name)
            self._await_healthy({name}, since)

    def _stop(self, failure: str) -> None:
        self.status.phase, self.status.problem = "stopping", failure
        self._write()
        say("stopping")
        # Airflow first, and its API last of it: tasks that end say so there.
        for names in (
            ["scheduler", "dag-processor", "triggerer"],
            ["api-server"],
            ["local-labelbox"],
            [self.store.name],
        ):
            self._stop_parts(names)
        self._stop_parts([self.postgres.name])
        self.status.phase = "failed" if failure else "stopped"
        self._write()
        say(self.status.phase)

    def _stop_parts(self, names: list[str]) -> None:
        running = [name for name in names if name in self.parts]
        with ThreadPoolExecutor(len(names)) as threads:
            list(threads.map(lambda name: self.parts[name].stop(), running))
        for name in names:
            status = self._status_of(name)
            status.pid = status.born = 0
            if status.state != "ended":
                status.state = "stopped"

    def _on_start_again(self, _number: int, _frame: Any) -> None:
        self._start_again = True

    def _status_of(self, name: str) -> PartStatus:
        return next(part for part in self.status.parts if part.name == name)

    def _write(self) -> None:
        with contextlib.suppress(FileNotFoundError):  # the directory was removed
            self.directory.write_status(self.status)


def supervise(directory: LocalDirectory) -> int:
    """Run the stack until it is stopped; 0 when it was asked to, 3 when there is another supervisor."""
    try:
        with directory.locked():
            Supervisor(directory).run()
    except BlockingIOError:
        return 3
    return 0


def now() -> datetime:
    """Return the moment, in the time zone of the machine."""
    return datetime.now().astimezone()


def say(text: str) -> None:
    """Say something in the supervisor's log."""
    print(f"{now():%Y-%m-%d %H:%M:%S} {text}", flush=True)


def _import_note(error: Mapping[str, str]) -> str:
    reason = error["stack_trace"].strip().rpartition("\n")[2]
    return f"{error['filename']} cannot be imported: {reason}"


def _connection(text: str, **extra: Any) -> dict[str, Any]:
    """Return the values of an Airflow connection, with more extra ones: the form shows only fields that have a value.

    The port is 0, for Airflow 3.3.2 refuses to test a connection without a port (apache/airflow#73298).
    """
    values: dict[str, Any] = json.loads(text)
    return values | {"port": 0, "extra": values["extra"] | extra}


def _ledger_connection(url: str) -> dict[str, Any]:
    """Return the values of an Airflow connection for a SQLAlchemy URL of Postgres."""
    parts = urlsplit(url)
    return {
        "conn_type": "postgres",
        "host": parts.hostname,
        "port": parts.port,
        "login": parts.username,
        "password": parts.password,
        "schema": parts.path.removeprefix("/"),
    }
