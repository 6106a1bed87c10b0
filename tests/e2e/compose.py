"""The services of docker-compose.yml as plain processes on 127.0.0.1, each as if it had a machine of its own.

A service runs the command, the environment and the health check of the file; the image's files are copied to a home of
its own, and nothing is inherited but the search path for programs. Only what a container would bring itself is put in
place: other ports, other directories, and names for workers that are on one machine here.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from labelbox_local.stack import ChildProcess

ROOT = Path(__file__).resolve().parents[2]
HOME = "/opt/airflow"
HEALTHY_SECONDS = 300.0


def _load_checks() -> Any:
    specification = importlib.util.spec_from_file_location("compose_checks", ROOT / ".ci" / "compose.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


checks = _load_checks()


class Services:
    """Starts services of docker-compose.yml, and stops what it started.

    :param directory: gets a directory for every process
    :param variables: what .env would say
    :param addresses: what stands in the place of an address of the file, such as ``redis:6379``
    :param files: what files of the image hold instead, by path below /opt/airflow
    """

    def __init__(
        self,
        directory: Path,
        variables: Mapping[str, str],
        addresses: Mapping[str, str],
        files: Mapping[str, str],
    ) -> None:
        self.directory = directory
        self._files = files
        compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
        for content in compose["services"].values():
            content["environment"] = {
                name: variables[name] if value is None else value for name, value in content["environment"].items()
            }
        self._compose = checks.substitute(compose, variables)
        self._addresses = addresses
        self._running: dict[str, ChildProcess] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ThreadPoolExecutor() as threads:
            list(threads.map(ChildProcess.stop, self._running.values()))
        for name, child in self._running.items():  # pytest shows it when the test has failed
            print(f"--- {name}\n{child.last_lines()}")

    def config(self, name: str) -> str:
        """Return the content of a config of the file."""
        content: str = self._compose["configs"][name]["content"]
        return content

    def home(self, name: str) -> Path:
        """Return the directory that is /opt/airflow for a process."""
        return self.directory / name / "home"

    def run(self, service: str) -> str:
        """Run a service that ends by itself, and return what it said."""
        child = self.start(service)
        code = child.wait()
        assert child.log
        output = child.log.read_text(errors="replace")
        assert code == 0, output
        return output

    def start(
        self, service: str, name: str = "", arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None
    ) -> ChildProcess:
        """Start a service, under another name where there are several of one, with more arguments and environment."""
        name = name or service
        self._make_directories(name, self._compose["services"][service].get("build", {}).get("target"))
        self._running[name] = child = ChildProcess(
            [*self._local(name, self._compose["services"][service]["command"]), *arguments],
            log=self.directory / name / "log",
            directory=self.home(name),
            environment={**self.environment(service, name), **(environment or {})},
        )
        return child

    def execute(self, service: str, *command: str) -> str:
        """Run a command as `docker compose exec` would, and return what it printed."""
        done = subprocess.run(
            command, cwd=self.home(service), env=self.environment(service), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def environment(self, service: str, name: str = "") -> dict[str, str]:
        """Return the environment of a service: what the file says, and what every container has."""
        name = name or service
        content = self._local(name, self._compose["services"][service]["environment"])
        return {key: str(value) for key, value in content.items()} | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.home(name)),
            "HOSTNAME": name,
            "TMPDIR": str(self.directory / name / "tmp"),
            "AIRFLOW_HOME": str(self.home(name)),
            "PYTHONUNBUFFERED": "1",
        }

    def await_healthy(self, service: str, name: str = "", environment: Mapping[str, str] | None = None) -> None:
        """Run the health check of the file until it succeeds."""
        name = name or service
        kind, *command = self._local(name, self._compose["services"][service]["healthcheck"]["test"])
        if kind == "CMD-SHELL":
            command = ["sh", "-c", *command]
        full = {**self.environment(service, name), **(environment or {})}
        deadline = time.monotonic() + HEALTHY_SECONDS
        while True:
            check = subprocess.run(command, cwd=self.directory, env=full, capture_output=True, text=True, check=False)
            if check.returncode == 0:
                return
            child = self._running.get(name)
            assert child is None or child.exit_code is None, f"{name} has ended:\n{child.last_lines()}"
            assert time.monotonic() < deadline, f"{name} is not healthy:\n{check.stdout}{check.stderr}"
            time.sleep(0.5)

    def _make_directories(self, name: str, target: str | None) -> None:
        """Make the directories of a process, with what the Dockerfile copies below /opt/airflow."""
        for directory in ("home", "tmp", "data"):
            (self.directory / name / directory).mkdir(parents=True)
        if target is None:
            return
        lines = checks.instructions((ROOT / "Dockerfile").read_text(), target)
        copies = re.findall(rf"^COPY (\S+) {HOME}/(\S+)$", lines, re.MULTILINE)
        assert copies
        for source, place in copies:
            shutil.copytree(ROOT / source, self.home(name) / place, ignore=shutil.ignore_patterns("__pycache__"))
        for path, content in self._files.items():
            (self.home(name) / path).write_text(content)

    def _local(self, name: str, value: Any) -> Any:
        """Return a part of the file with the addresses and directories of this machine."""
        if isinstance(value, dict):
            return {key: self._local(name, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._local(name, item) for item in value]
        if not isinstance(value, str):
            return value
        for address, here in self._addresses.items():
            value = value.replace(address, here)
        value = re.sub(r"^/data\b", str(self.directory / name / "data"), value)
        return value.replace(HOME, str(self.home(name)))
