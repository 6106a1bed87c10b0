"""A server as a child process: started, waited for, and stopped with its block."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from labelbox_local.children import ChildProcess

START_SECONDS = 60.0
PORT_ATTEMPTS = 3

Rights = Literal["all", "read", "none"]
"""What an account of an object store may do: everything, list and read, or nothing that a sync needs."""


class ServiceError(RuntimeError):
    """A service did not start; the message ends with the last lines of its log."""


class Service:
    """What the services have in common; see the module for how they are used.

    :param directory: holds the service's data and log, and its keys and ports for the next start; made when missing,
        never removed here
    """

    name = "service"
    stop_signal = signal.SIGTERM
    user: int | None = None  # the uid it runs as, when not that of this process
    kept: Sequence[str] = ()  # attributes that the directory keeps for the next start

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.log = self.directory / f"{self.name}.log"
        self._child: ChildProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """Process id while the service runs."""
        return self._child.pid if self._child else None

    @property
    def exit_code(self) -> int | None:
        """Exit code of a service that ended by itself; None while it runs and after it was stopped."""
        return self._child.exit_code if self._child else None

    def start(self) -> None:
        """Start the service and wait until it answers.

        :raises ServiceError: it ended or did not answer within a minute
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        # Keys are kept before they are first used, ports after they proved free.
        self._keep()
        for attempts_left in reversed(range(PORT_ATTEMPTS)):
            try:
                self._start_once()
            except ServiceError as error:
                # Another process may take a port between our look and the service's bind.
                if not attempts_left or "address already in use" not in str(error).lower():
                    raise
            else:
                self._keep()
                return

    def stop(self) -> None:
        """Stop the service; its data stays in the directory, so `start` finds it again."""
        child, self._child = self._child, None
        if child:
            child.stop()
            self._clean_up()

    def last_lines(self) -> str:
        """Return the end of the log, indented, while there is a process."""
        return self._child.last_lines() if self._child else ""

    def _recall(self) -> None:
        """Take over what an earlier start kept; to be called at the end of `__init__`."""
        with contextlib.suppress(FileNotFoundError):
            for name, value in json.loads(self._kept_file.read_text()).items():
                setattr(self, name, value)

    def _keep(self) -> None:
        if self.kept:
            text = json.dumps({name: getattr(self, name) for name in self.kept})
            write_private(self._kept_file, text)

    @property
    def _kept_file(self) -> Path:
        return self.directory / "kept.json"

    def _start_once(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.log.replace(self.log.with_suffix(".previous.log"))
        self._child = ChildProcess(
            self._command(),
            log=self.log,
            directory=self.directory,
            environment=os.environ | self._environment(),
            user=self.user,
            stop_signal=self.stop_signal,
        )
        try:
            self._await_ready(self._child)
        except BaseException:
            self.stop()
            raise

    def _await_ready(self, child: ChildProcess) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if child.exit_code is not None:
                problem = f"ended with code {child.exit_code} instead of starting"
            elif time.monotonic() > deadline:
                problem = f"did not answer within {START_SECONDS:.0f} seconds"
            else:
                time.sleep(0.05)
                continue
            raise ServiceError(f"The {self.name} {problem}. The end of {self.log}:\n{child.last_lines()}")

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _environment(self) -> dict[str, str]:
        return {}

    def _is_ready(self) -> bool:
        raise NotImplementedError

    def _clean_up(self) -> None:
        """Remove what the service left outside its directory."""


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read; whoever reads it meanwhile sees the old text or the new one."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    unfinished.replace(path)
