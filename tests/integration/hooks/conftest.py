"""A loopback server that answers as a test scripts it, and a clock that does not wait."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from labelbox_airflow.hooks.connection import LabelboxConnection
from labelbox_airflow.hooks.sender import Sender
from labelbox_airflow.hooks.transport import LabelboxTransport

API_KEY = "key-that-must-never-show"


@dataclass
class Request:
    """What the server received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class ScriptedServer:
    """Gives the scripted answers one by one, then repeats the last one for ever."""

    requests: list[Request] = field(default_factory=list)
    url: str = ""
    _script: deque[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=deque)
    _last: Callable[[BaseHTTPRequestHandler], None] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answers(
        self,
        payload: Any = None,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        announce: int | None = None,
    ) -> None:
        """Answer the next request with ``payload`` as JSON, or with ``body`` as it is."""
        content = json.dumps(payload).encode() if body is None else body

        def reply(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(content) if announce is None else announce))
            handler.end_headers()
            handler.wfile.write(content)
            handler.close_connection = announce is not None

        self._script.append(reply)

    def fails(self, code: str, message: str = "as scripted", status: int = 200, **extensions: Any) -> None:
        """Answer the next request with a GraphQL error."""
        self.answers({"errors": [{"message": message, "extensions": {"code": code, **extensions}}]}, status=status)

    def resets(self) -> None:
        """Reset the connection of the next request instead of answering it."""

        def reset(handler: BaseHTTPRequestHandler) -> None:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
            handler.wfile = open("/dev/null", "wb")  # noqa: SIM115, PTH123
            handler.close_connection = True

        self._script.append(reset)

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        with self._lock:
            self.requests.append(Request(handler.command, handler.path, dict(handler.headers), body))
            if self._script:
                self._last = self._script.popleft()
            act = self._last
        assert act is not None, "the test has scripted no answer"
        act(handler)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            scripted.handle(self)

        do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            return

    http = Server(("127.0.0.1", 0), Handler)
    scripted.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield scripted
    http.shutdown()
    http.server_close()
    thread.join()


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def connection(server: ScriptedServer) -> LabelboxConnection:
    return LabelboxConnection(
        conn_id="labelbox_test",
        api_key=API_KEY,
        endpoint=f"{server.url}/graphql",
        rest_endpoint=f"{server.url}/api/v1",
        timeout=5,
    )


@pytest.fixture
def transport(connection: LabelboxConnection, clock: Clock) -> Iterator[LabelboxTransport]:
    with LabelboxTransport(connection, sender=Sender(connection, sleep=clock.sleep, clock=clock)) as made:
        yield made


@pytest.fixture
def airflow_connection(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give Airflow a connection to the scripted server and return its id."""
    stored = {"conn_type": "labelbox", "password": API_KEY, "host": f"{server.url}/graphql", "extra": {"timeout": 5}}
    monkeypatch.setenv("AIRFLOW_CONN_LABELBOX_TEST", json.dumps(stored))
    return "labelbox_test"


@pytest.fixture
def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
