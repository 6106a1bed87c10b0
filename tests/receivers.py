"""Where alerts arrive in tests: a mail server that wants a login, and the receiver of a Slack webhook."""

from __future__ import annotations

import asyncio
import json
import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Any, Self, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

LOGIN = "labelbox-sync"
PASSWORD = "a-mail-password-nobody-may-see"
TOKEN = "T000/B000/a-webhook-token-nobody-may-see"
SENDER = "airflow@example.com"


class MailServer:
    """A real SMTP server with AUTH on a free port of 127.0.0.1; keeps what it is sent, unless it ``refuses``."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[list[str]] = []
        self.refuses = False
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        listening = self._loop.create_server(self._session, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result(30)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        """Keep a mail."""
        if self.refuses:
            return "451 come back later"
        content = cast(bytes, envelope.content)
        self.mails.append(cast(EmailMessage, message_from_bytes(content, policy=policy.default)))
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 kept"

    def airflow_connection(self, password: str = PASSWORD) -> str:
        """Return the JSON of an `smtp` connection, for AIRFLOW_CONN_…."""
        extra = {"disable_ssl": True, "disable_tls": True, "from_email": SENDER, "retry_limit": 0, "timeout": 5}
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": self.port, "login": LOGIN}
        return json.dumps({**connection, "password": password, "extra": extra})

    def subjects(self) -> list[str]:
        """Return the subjects of the mails, in the order they came."""
        return [str(mail["Subject"]) for mail in self.mails]

    async def _hang_up(self) -> None:
        self._server.close()
        sessions = asyncio.all_tasks() - {asyncio.current_task()}
        for session in sessions:
            session.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    def _session(self) -> SMTP:
        return SMTP(self, authenticator=self._authenticate, auth_required=True, auth_require_tls=False, loop=self._loop)

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (LOGIN.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)


class SlackWebhook:
    """An HTTP server on a free port of 127.0.0.1 that takes messages as Slack's incoming webhooks do."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.status = 200
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def airflow_connection(self) -> str:
        """Return the JSON of a `slackwebhook` connection, for AIRFLOW_CONN_…."""
        host = f"http://127.0.0.1:{self._server.server_port}/services"
        return json.dumps({"conn_type": "slackwebhook", "host": host, "password": TOKEN})

    def texts(self) -> list[str]:
        """Return the short texts of the messages, in the order they came."""
        return [message["text"] for message in self.messages]


def html_of(mail: EmailMessage) -> str:
    """Return the HTML of a mail."""
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def body_of(mail: EmailMessage) -> str:
    """Return a mail as text: each element of its HTML on a line of its own."""
    text = unescape(re.sub(r"<[^>]+>", "\n", html_of(mail)))
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def text_of(message: dict[str, Any]) -> str:
    """Return all that a Slack message shows."""
    shown = []
    for block in message["blocks"]:
        shown += [element["text"] for element in block.get("elements", [])]
        shown += [block["text"]["text"]] if "text" in block else []
    return "\n".join(shown)


def _handler(webhook: SlackWebhook) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            right = self.path == f"/services/{TOKEN}"
            status = webhook.status if right else 403
            if status == 200:
                webhook.messages.append(json.loads(content))
            body = b"ok" if status == 200 else b"invalid_token"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    return Handler
