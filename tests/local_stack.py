"""The stack of `make up` as tests use it: in a directory of its own, removed afterwards."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from include.local import api
from include.local.directory import LocalDirectory, born

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Stack:
    """The commands of a stack in a directory of its own.

    :param settings: variables of the environment that the commands are run in
    """

    directory: LocalDirectory
    settings: Mapping[str, str] = field(default_factory=dict)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run `make COMMAND` as make does."""
        environment = os.environ | {"LOCAL_DIRECTORY": str(self.directory.path), **self.settings}
        return subprocess.run(
            [sys.executable, "-m", "include.local", command],
            cwd=ROOT,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def well(self, command: str) -> str:
        """Run a command that must succeed and return what it says."""
        done = self.run(command)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def up(self) -> tuple[str, str]:
        """Bring it up, or find it up; return where it says Airflow is, and the password it says."""
        said = self.well("up")
        url = re.search(r"(?:is ready after|is running since) .*: (http://127\.0\.0\.1:\d+)$", said, re.MULTILINE)
        password = re.search(r"log in +admin / (\S+)", said)
        assert url, said
        assert password, said
        return url[1], password[1]

    def airflow(self) -> Callable[..., Any]:
        """Log in and return what calls the REST API."""
        url, password = self.up()
        token = api.log_in(url, "admin", password)
        return lambda path, **options: api.call(f"{url}/api/v2/{path}", token=token, **options)

    def remove(self) -> None:
        """Remove all that it made, and see to it that nothing is left."""
        elsewhere = self.directory.postgres.resolve()
        self.well("clean")
        assert self.processes() == []
        assert not self.directory.path.exists()
        assert not elsewhere.exists()

    def processes(self) -> list[str]:
        """Return the command lines of all processes that work in the directory."""
        places = {str(self.directory.path), str(self.directory.postgres.resolve())}
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (process / "cmdline").read_text() + (process / "environ").read_text(errors="replace")
                if born(int(process.name)) and any(place in words for place in places):
                    found.append((process / "cmdline").read_text().replace("\0", " "))
        return found


def wait_until(condition: Callable[[], Any], seconds: float = 120) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.3)
    return found
