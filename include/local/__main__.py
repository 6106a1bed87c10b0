"""`make up`, `make status`, `make down`, and what `make clean` removes of it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from include.local.directory import ROOT, LocalDirectory, LocalError, PartStatus, Status

UP_SECONDS = 600.0


def main(arguments: list[str]) -> int:
    """Run one command; return the exit code."""
    commands = {"up": up, "down": down, "status": show_status, "clean": clean, "supervise": supervise}
    if len(arguments) != 1 or arguments[0] not in commands:
        print(f"usage: python -m include.local {'|'.join(commands)}", file=sys.stderr)
        return 2
    try:
        return commands[arguments[0]](LocalDirectory.of_checkout())
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1


def up(directory: LocalDirectory) -> int:
    """Start the stack and say where it is; when it runs already, start what has ended of it."""
    if directory.is_in_use():
        return _up_again(directory)
    directory.make()
    print(f"==> Starting Postgres, S3, the local Labelbox and Airflow in {_shown(directory.path)}", flush=True)
    started = time.monotonic()
    try:
        supervisor = _start_supervisor(directory)
        status = _await_running(directory, supervisor)
    except KeyboardInterrupt:
        directory.stop()
        print("\nInterrupted; everything is stopped.", file=sys.stderr)
        return 130
    print(f"\n==> Airflow is ready after {time.monotonic() - started:.0f} seconds: {status.url}")
    print(_how_to_use(directory, status))
    return 0


def down(directory: LocalDirectory) -> int:
    """Stop the stack; its data stay."""
    if directory.stop():
        print(f"Stopped. The data stay in {_shown(directory.path)} for the next `make up`; `make clean` removes them.")
    else:
        print("Nothing is running.")
    return 0


def show_status(directory: LocalDirectory) -> int:
    """Say how each part is; 0 when all are well, 1 when not."""
    status = directory.status()
    if not directory.is_in_use():
        print(f"Nothing is running. {status.problem}".rstrip())
        return 1
    print(f"{status.phase} since {status.since}: {status.url}")
    unwell = {part.name for part in status.ended} | _without_heartbeat(status)
    for part in status.parts:
        says = part.problem or ("has given no sign of life for a while" if part.name in unwell else "")
        print(_part_line(part, f"{says}; its log is {_shown(Path(part.log))}" if says else ""))
    if status.ended:
        print("`make up` starts again what has ended.")
    return 1 if unwell or status.phase != "running" else 0


def clean(directory: LocalDirectory) -> int:
    """Stop the stack and remove its data."""
    directory.remove()
    return 0


def supervise(directory: LocalDirectory) -> int:
    """Be the process that `up` starts."""
    from include.local import supervisor

    return supervisor.supervise(directory)


def _up_again(directory: LocalDirectory) -> int:
    status = directory.status()
    if status.phase != "running":
        print(f"It is {status.phase} at the moment; `make status` tells how far it is.")
        return 1
    if status.ended:
        print(f"Starting again: {', '.join(part.name for part in status.ended)}", flush=True)
        status = _repair(directory, status)
    if status.ended:
        raise LocalError("\n".join(f"The {part.name} {part.problem}" for part in status.ended))
    print(f"It is running since {status.since}: {status.url}")
    print(_how_to_use(directory, status))
    return 0


def _repair(directory: LocalDirectory, before: Status) -> Status:
    os.kill(before.pid, signal.SIGUSR1)
    deadline = time.monotonic() + UP_SECONDS
    while directory.is_in_use() and time.monotonic() < deadline:
        status = directory.status()
        if status.repairs > before.repairs:
            return status
        time.sleep(0.2)
    raise LocalError("The supervisor did not start it again; `make down` and `make up` will.")


def _start_supervisor(directory: LocalDirectory) -> subprocess.Popen[bytes]:
    """Start it apart from the terminal, so that it goes on when the terminal is closed."""
    with (directory.logs / "supervisor.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "include.local", "supervise"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _await_running(directory: LocalDirectory, supervisor: subprocess.Popen[bytes]) -> Status:
    """Say of each part when it runs, until all do.

    :raises LocalError: with what the supervisor says is wrong
    """
    said: set[str] = set()
    while True:
        ended = supervisor.poll() is not None
        status = directory.status()
        if status.pid == supervisor.pid:
            for part in status.parts:
                if part.state == "running" and part.name not in said:
                    said.add(part.name)
                    print(_part_line(part), flush=True)
            if status.phase == "running":
                return status
        if ended:
            log = directory.logs / "supervisor.log"
            mine = status.problem if status.pid == supervisor.pid else ""
            raise LocalError(mine or f"The supervisor ended; its log is {log}.")
        time.sleep(0.1)


def _part_line(part: PartStatus, problem: str = "") -> str:
    process = f"process {part.pid}" if part.pid else ""
    return f"     {part.name:<16}{part.state:<10}{process:<16}{problem or part.address}".rstrip()


def _without_heartbeat(status: Status) -> set[str]:
    """Return the running parts of Airflow that the API does not call healthy."""
    from datetime import UTC, datetime

    from include.local import api

    airflow = {"api-server", "scheduler", "dag-processor", "triggerer"}
    running = {part.name for part in status.parts if part.state == "running" and part.name in airflow}
    return running - api.healthy_components(status.url, datetime.min.replace(tzinfo=UTC)) if running else set()


def _how_to_use(directory: LocalDirectory, status: Status) -> str:
    from include.local.settings import USER, read_settings

    lines = [
        ("log in", f"{USER} / {read_settings(directory).password}"),
        ("syncs", _shown(Path(status.syncs))),
        ("logs", f"{_shown(directory.logs)} (one for each part; tasks/ has those of the tasks)"),
        ("how it is", "make status"),
        ("stop", "make down (the data stay)"),
    ]
    return "\n".join(
        [*(f"     {what:<12}{where}" for what, where in lines), *(f"     {note}" for note in status.notes)]
    )


def _shown(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(path.absolute().relative_to(ROOT))
    return str(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
