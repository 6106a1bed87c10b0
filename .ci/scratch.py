"""Runs a command with a temporary directory of its own, and leaves neither that nor a process behind.

``scratch.py COMMAND…`` sets TMPDIR for the command, passes Ctrl-C and SIGTERM on to it, and afterwards, however it
ended, ends what is left of its process group and removes the directory. When this process itself is killed, the
command gets a Ctrl-C.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType

_PR_SET_PDEATHSIG = 1


def main(command: list[str]) -> int:
    """Run the command and return its exit code."""
    directory = tempfile.mkdtemp(prefix="labelbox-")
    if os.geteuid() == 0:
        # The Postgres of the tests then runs as another user, who must get to its data.
        Path(directory).chmod(0o711)
    try:
        return _run(command, os.environ | {"TMPDIR": directory})
    finally:
        _remove(directory)


def _run(command: list[str], environment: dict[str, str]) -> int:
    process = subprocess.Popen(command, env=environment, process_group=0, preexec_fn=_end_with_parent)  # noqa: S603

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        # Every tool unwinds on Ctrl-C; few do on SIGTERM.
        _signal(process.pid, signal.SIGINT)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        code = process.wait()
    finally:
        _signal(process.pid, signal.SIGKILL)
    return code if code >= 0 else 128 - code


def _end_with_parent() -> None:
    # Linux alone has this; elsewhere the command ends by itself.
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _remove(directory: str) -> None:
    # A service that lost its parent may still write for a moment while it stops.
    for _ in range(50):
        shutil.rmtree(directory, ignore_errors=True)
        if not Path(directory).exists():
            return
        time.sleep(0.1)
    print(f"{directory} could not be removed.", file=sys.stderr)


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
