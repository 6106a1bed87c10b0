"""The services are private, leave nothing behind, and never outlive who started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from labelbox_local.stack import ChildProcess, ObjectStore, Service, ServiceError


class BrokenService(Service):
    """A service that says what is wrong and ends."""

    name = "broken"

    def _command(self) -> list[str]:
        return [sys.executable, "-c", "import sys; print('line one'); sys.exit('no such flag')"]

    def _is_ready(self) -> bool:
        return False


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def ends(pid: int, seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_running(pid)


def test_object_store_refuses_requests_without_its_keys(object_store: ObjectStore) -> None:
    object_store.create_bucket("stack-private")
    object_store.put("stack-private", "note.txt", b"hello")

    assert object_store.client().get_object(Bucket="stack-private", Key="note.txt")["Body"].read() == b"hello"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{object_store.endpoint_url}/stack-private/note.txt")


def test_object_store_keeps_its_data_over_a_restart(tmp_path: Path) -> None:
    store = ObjectStore(tmp_path / "store")
    with store:
        store.create_bucket("kept")
        store.put("kept", "note.txt", b"hello")
        pid = store.pid
    assert pid
    assert not is_running(pid)
    with store:
        assert store.client().get_object(Bucket="kept", Key="note.txt")["Body"].read() == b"hello"
    assert not list(Path("/tmp").glob(f"seaweedfs-*{store.port}*"))


def test_a_service_that_does_not_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"ended with code 1 instead of starting(?s:.*)line one\n    no such flag"):
        BrokenService(tmp_path).start()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_services_end_with_a_parent_that_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    program = (
        "import sys, time; from pathlib import Path; from labelbox_local.stack import ObjectStore, interruptible\n"
        "with interruptible(), ObjectStore(Path(sys.argv[1])) as store:\n"
        "    print(store.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        service = int(parent.stdout.readline())
        assert is_running(service)
        parent.send_signal(number)

    assert ends(service)


def test_a_child_takes_its_own_children_along(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "sleep 60 & echo $!; trap '' TERM; sleep 0.2"
    with ChildProcess(["sh", "-c", script], log=log) as child:
        assert child.wait() == 0
        grandchild = int(log.read_text())
        assert is_running(grandchild)

    assert ends(grandchild)


def test_a_failing_block_stops_the_child(tmp_path: Path) -> None:
    def fail(child: ChildProcess) -> None:
        with child:
            raise ZeroDivisionError

    child = ChildProcess(["sleep", "60"], log=tmp_path / "log")
    with pytest.raises(ZeroDivisionError):
        fail(child)

    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)
