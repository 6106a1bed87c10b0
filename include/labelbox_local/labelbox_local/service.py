"""A server as a child process: started, waited for, and stopped with its block."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from labelbox_local.children import ChildProcess

HOST = "127.0.0.1"
START_SECONDS = 60.0
PORT_ATTEMPTS = 3


class ServiceError(RuntimeError):
    """A service did not start; the message ends with the last lines of its log."""


class Service:
    """What the services have in common; see the module for how they are used.

    :param directory: holds the service's data and log; made when missing, never removed here
    """

    name = "service"
    stop_signal = signal.SIGTERM
    user: int | None = None  # the uid it runs as, when not that of this process

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

    def start(self) -> None:
        """Start the service and wait until it answers.

        :raises ServiceError: it ended or did not answer within a minute
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        for attempts_left in reversed(range(PORT_ATTEMPTS)):
            try:
                self._start_once()
            except ServiceError as error:
                # Another process may take a port between our look and the service's bind.
                if not attempts_left or "address already in use" not in str(error).lower():
                    raise
            else:
                return

    def stop(self) -> None:
        """Stop the service; its data stays in the directory, so `start` finds it again."""
        child, self._child = self._child, None
        if child:
            child.stop()
            self._clean_up()

    def _start_once(self) -> None:
        self.log.unlink(missing_ok=True)
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
