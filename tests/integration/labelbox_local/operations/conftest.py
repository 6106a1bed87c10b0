"""The tests here drive every operation the SDK is known to send, and look at its answer and at what it left behind.

A test ends by naming the operations it must have sent. `fresh` is another client of the same server, that has kept
nothing, for reading what an operation left behind. It also asks for what is gone, so its answers may be errors.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from labelbox import Client, ModelRun
from labelbox.schema import model_run as model_run_module
from tests.integration.labelbox_local.conftest import Server

_GRAPHQL = {"/graphql", "/_gql"}
_NAME = re.compile(rb"(?:query|mutation)\s+(\w+)")


@dataclass
class Line:
    """What went over the wire: the names of operations, REST calls, and the answers that were errors."""

    names: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def listen(self, client: Client, *, errors: bool = True) -> None:
        """Note what the client sends and, with `errors`, which answers were errors."""
        send = client.connection.send

        def heard(request: Any, **options: Any) -> Any:
            answer = send(request, **options)
            name = self.note(request)
            if errors and (problem := _problem(request, answer)):
                self.errors.append(f"{name}: {problem}")
            return answer

        client.connection.send = heard

    def note(self, request: Any) -> str:
        """The operation of a GraphQL request, or what a REST call asks for."""
        path = _path(request)
        if path in _GRAPHQL:
            name: str = _NAME.search(request.body)[1].decode()
        else:
            name = f"{request.method} {re.sub(r'c[a-z0-9]{24}', '{id}', path)}"
        self.names.add(name)
        return name

    def check(self, *names: str) -> None:
        """All of these were sent, and nothing was answered with an error."""
        assert self.errors == []
        assert set(names) - self.names == set()


def _path(request: Any) -> str:
    return str(request.path_url).partition("?")[0]


def _problem(request: Any, answer: Any) -> str | None:
    """The answer, if it is an error."""
    # Files of lines are JSON line by line only.
    content = json.loads(answer.content) if answer.content and _path(request) in _GRAPHQL else {}
    return answer.text if answer.status_code >= 400 or "errors" in content else None


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def client(server: Server, line: Line) -> Client:
    made = server.client()
    made.enable_experimental = True
    line.listen(made)
    return made


@pytest.fixture
def fresh(server: Server, line: Line) -> Client:
    made = server.client()
    made.enable_experimental = True
    line.listen(made, errors=False)
    return made


@pytest.fixture(autouse=True)
def quick_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK looks at the tasks of model runs every five seconds."""
    real = time.sleep
    monkeypatch.setattr(model_run_module.time, "sleep", lambda seconds: real(min(seconds, 0.05)))


@pytest.fixture
def run(client: Client, ontology: Any) -> Iterator[ModelRun]:
    model = client.create_model(f"model {uuid4()}", ontology.uid)
    yield model.create_model_run("run", {})
    model.delete()
