"""The directory that `make up` keeps everything in: what is where, what is running, and how it is removed.

Only the standard library is used here, so that `make clean` works without `.venv`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import stat
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STOP_SECONDS = 90.0


class LocalError(RuntimeError):
    """What the user is told when a command cannot do what it should."""


@dataclass
class PartStatus:
    """One part of the stack.

    :param state: waiting, starting, running, ended or stopped
    :param pid: process id, which is also that of its process group
    :param born: when that process started, in clock ticks since the machine did; tells it from a later one of its id
    """

    name: str
    log: str
    state: str = "waiting"
    address: str = ""
    pid: int = 0
    born: int = 0
    problem: str = ""


@dataclass
class Status:
    """What the supervisor says of the stack.

    :param phase: starting, running, stopping, stopped or failed
    :param repairs: how often parts that had ended were started again, or were tried to
    """

    pid: int = 0
    phase: str = "stopped"
    since: str = ""
    problem: str = ""
    url: str = ""
    syncs: str = ""
    repairs: int = 0
    notes: list[str] = field(default_factory=list)
    parts: list[PartStatus] = field(default_factory=list)

    @property
    def ended(self) -> list[PartStatus]:
        """The parts that ended by themselves."""
        return [part for part in self.parts if part.state == "ended"]


@dataclass(frozen=True)
class LocalDirectory:
    """Everything that belongs to the stack of one checkout."""

    path: Path

    @classmethod
    def of_checkout(cls) -> LocalDirectory:
        """Return `.local` of this checkout, or the directory that the variable LOCAL_DIRECTORY names."""
        return cls(Path(os.environ.get("LOCAL_DIRECTORY") or ROOT / ".local").absolute())

    @property
    def airflow_home(self) -> Path:
        """Airflow's home: its configuration file and the password of its user."""
        return self.path / "airflow"

    @property
    def logs(self) -> Path:
        """One file for each part; `tasks` has those of the tasks."""
        return self.path / "logs"

    @property
    def s3(self) -> Path:
        """Data of the S3 server."""
        return self.path / "s3"

    @property
    def labelbox(self) -> Path:
        """Data of the local Labelbox."""
        return self.path / "labelbox"

    @property
    def postgres(self) -> Path:
        """Data of Postgres; as root it may be a link to a directory elsewhere."""
        return self.path / "postgres"

    def make(self) -> None:
        """Make the directory.

        :raises LocalError: it belongs to somebody else
        """
        # Root's Postgres is another user, who must get through to its data but need not see what else is here.
        mode = 0o711 if os.geteuid() == 0 else 0o700
        self.path.mkdir(mode=mode, parents=True, exist_ok=True)
        owner = self.path.stat().st_uid
        if owner != os.geteuid():
            raise LocalError(
                f"{self.path} belongs to the user {owner}: run `make up` as that user, or `make clean` once."
            )
        for directory in (self.logs, self.airflow_home, self.s3, self.labelbox):
            directory.mkdir(mode=0o700, exist_ok=True)

    def place_postgres(self) -> Path:
        """Return the directory of Postgres, made elsewhere when root's Postgres could not enter this one."""
        if os.geteuid() == 0 and not self.postgres.exists() and not _open_to_others(self.path):
            name = hashlib.sha256(str(self.path).encode()).hexdigest()[:12]
            elsewhere = Path("/var/lib") / f"labelbox-airflow-{name}"
            elsewhere.mkdir(mode=0o711, exist_ok=True)
            self.postgres.unlink(missing_ok=True)
            self.postgres.symlink_to(elsewhere)
        return self.postgres.resolve()

    def status(self) -> Status:
        """Return what the supervisor wrote last; of one that was killed, that it ended."""
        try:
            content = json.loads((self.path / "status.json").read_text())
        except (FileNotFoundError, ValueError):
            return Status()
        parts = [PartStatus(**part) for part in content.pop("parts")]
        status = Status(**content, parts=parts)
        if status.phase in {"starting", "running", "stopping"} and not self.is_in_use():
            status.phase = "failed"
            status.problem = f"The supervisor was killed. Its log is {self.logs / 'supervisor.log'}."
        return status

    def write_status(self, status: Status) -> None:
        """Write what `status` reads, at once as a whole."""
        unfinished = self.path / ".status.json"
        unfinished.write_text(json.dumps(asdict(status), indent=1))
        unfinished.replace(self.path / "status.json")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Be the one supervisor of this directory.

        :raises BlockingIOError: there is another one
        """
        with (self.path / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield

    def is_in_use(self) -> bool:
        """Tell whether a supervisor is at work."""
        if not self.path.exists():
            return False
        try:
            with self.locked():
                return False
        except BlockingIOError:
            return True

    def stop(self) -> bool:
        """Stop the stack; return whether there was one. Its data stay.

        :raises LocalError: it does not stop
        """
        deadline = time.monotonic() + STOP_SECONDS
        asked: dict[int, int] = {}
        while self.is_in_use() or any(start and born(pid) == start for pid, start in asked.items()):
            pid = self.status().pid
            if pid and not asked:
                asked[pid] = born(pid)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            if time.monotonic() > deadline:
                raise LocalError(f"The supervisor (process {pid}) does not stop; see {self.logs / 'supervisor.log'}.")
            time.sleep(0.1)
        return self.end_leftovers() or bool(asked)

    def end_leftovers(self) -> bool:
        """Kill what a supervisor that was killed has left; return whether there was anything."""
        found = False
        for part in self.status().parts:
            if part.pid and born(part.pid) == part.born:
                found = True
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(part.pid, signal.SIGKILL)
        return found

    def remove(self) -> None:
        """Stop the stack and remove all that it keeps."""
        self.stop()
        if self.postgres.is_symlink():
            shutil.rmtree(self.postgres.resolve(), ignore_errors=True)
        if self.path.exists():
            shutil.rmtree(self.path)


def born(pid: int) -> int:
    """Return when a process started, in clock ticks since the machine did; 0 when it does not run."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if fields[0] == "Z" else int(fields[19])


def _open_to_others(path: Path) -> bool:
    return all(each.stat().st_mode & stat.S_IXOTH for each in (path, *path.parents))
