"""Child processes that end with whoever started them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import NoReturn, Self

STOP_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1
_LOG_LINES = 15


class ChildProcess:
    """A command in a process group of its own that never outlives its parent.

    Start it from a thread that lives as long as the process is needed: Linux ends the child with that thread.

    :param command: program and arguments
    :param log: file that standard output and standard error are appended to; None leaves them where they are
    :param directory: working directory
    :param user: uid, and gid, that the command runs as; None is the user of this process
    :param stop_signal: what asks the command to end, here and when its parent has died
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path | None = None,
        directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
        user: int | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.log = log
        self._stop_signal = stop_signal
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(log.open("ab")) if log else None
            self._process = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                cwd=directory,
                env=environment,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                start_new_session=True,
                preexec_fn=_die_with_parent(stop_signal),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id, which is also the id of the process group."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code, or None while the command runs."""
        return self._process.poll()

    def wait(self) -> int:
        """Wait for the command to end by itself and return its exit code."""
        return self._process.wait()

    def stop(self) -> None:
        """End the whole process group: asked first, killed after ten seconds."""
        if self.exit_code is None:
            self._signal(self._stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        self._signal(signal.SIGKILL)
        self._process.wait()

    def last_lines(self) -> str:
        """Return the end of the log, indented."""
        if self.log is None or not self.log.exists():
            return ""
        lines = self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return "\n".join(f"    {line}" for line in lines)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP unwind the program like Ctrl-C, so that every `with` block cleans up."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, _exit_on_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _exit_on_signal(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _die_with_parent(stop_signal: signal.Signals) -> Callable[[], None] | None:
    """Return what the child runs before it becomes the command, or None where the kernel has no such thing."""
    if not sys.platform.startswith("linux"):
        return None
    set_option = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask_kernel() -> None:
        # Not SIGKILL: the services clean up, and stop within seconds.
        set_option(_PR_SET_PDEATHSIG, stop_signal)
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel
