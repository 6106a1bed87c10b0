"""One local Labelbox for the session, and the unmodified SDK as its client."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest
from labelbox import Classification, Client, LabelImport, MediaType, OntologyBuilder, Option, Tool
from labelbox.schema import task as task_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PACKAGE = Path(__file__).parents[3] / "include" / "labelbox_local"


@dataclass
class Server:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    data: Path
    lines: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        return self.url.removesuffix("/graphql")

    def client(self, key: str = "any-key") -> Client:
        return Client(api_key=key, endpoint=self.url, rest_endpoint=f"{self.base}/api/v1")

    def admin(self, method: str, what: str, **body: Any) -> Any:
        headers = {"Authorization": "Bearer any-key"}
        answer = httpx.request(method, f"{self.base}/admin/{what}", json=body if method in {"POST", "PUT"} else None,
                               headers=headers)  # fmt: skip
        assert answer.status_code == 200, answer.text
        return answer.json()

    def graphql(self, query: str, variables: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        headers = headers or {"Authorization": "Bearer any-key"}
        return httpx.post(self.url, json={"query": query, "variables": variables}, headers=headers)

    def stop(self) -> int:
        self.process.terminate()
        code = self.process.wait(timeout=30)
        assert self.process.stdout is not None
        self.lines += self.process.stdout.readlines()
        return code


def start_server(data: Path, *arguments: str) -> Server:
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    process = subprocess.Popen(
        [sys.executable, "-m", "labelbox_local.cli", "--port", "0", "--data", str(data), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        process.wait()
        raise RuntimeError(f"the server did not start: {process.returncode}")
    return Server(process, line.split()[-1], data, [line])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start_server(tmp_path_factory.mktemp("labelbox"))
    yield running
    running.stop()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts further servers in the directory of the test, and stops those that still run."""
    started: list[Server] = []

    def start_one(*arguments: str) -> Server:
        started.append(start_server(tmp_path / "data", *arguments))
        return started[-1]

    yield start_one
    for each in started:
        if each.process.poll() is None:
            each.stop()


@pytest.fixture(scope="session")
def client(server: Server) -> Client:
    return server.client()


@pytest.fixture(autouse=True)
def quick_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK looks at a task every two seconds; nothing else of it is changed."""
    real = time.sleep
    monkeypatch.setattr(task_module.time, "sleep", lambda seconds: real(min(seconds, 0.05)))


@pytest.fixture
def dataset(client: Client) -> Iterator[Any]:
    made = client.create_dataset(name="test", iam_integration=None)
    yield made
    made.delete()


@pytest.fixture
def fresh_faults(server: Server) -> Iterator[None]:
    yield
    server.admin("DELETE", "faults")


@pytest.fixture
def ontology(client: Client) -> Any:
    """Boxes with a color and its reason, and a question about the whole image."""
    return make_ontology(client)


@pytest.fixture
def project(client: Client, ontology: Any) -> Iterator[Any]:
    """A project for images with the ontology."""
    made = client.create_project(name="test", media_type=MediaType.Image)
    made.connect_ontology(ontology)
    yield made
    made.delete()


@pytest.fixture
def keys(dataset: Any) -> list[str]:
    """The global keys of five data rows."""
    return make_rows(dataset, 5)


def make_ontology(client: Client) -> Any:
    color = Classification(
        class_type=Classification.Type.RADIO,
        name="color",
        options=[
            Option("red", options=[Classification(class_type=Classification.Type.TEXT, name="why red")]),
            Option("blue"),
        ],
    )
    builder = OntologyBuilder(
        tools=[Tool(tool=Tool.Type.BBOX, name="car", classifications=[color])],
        classifications=[
            Classification(class_type=Classification.Type.CHECKLIST, name="weather", options=[Option("sun")])
        ],
    )
    return client.create_ontology(f"ontology {uuid4()}", builder.asdict(), media_type=MediaType.Image)


def make_rows(dataset: Any, count: int) -> list[str]:
    """Global keys of new data rows."""
    keys = [f"{uuid4()}" for _ in range(count)]
    task = dataset.create_data_rows([{"row_data": f"https://example.com/{key}.jpg", "global_key": key} for key in keys])
    assert done(task).errors is None
    return keys


def add_label(project: Any, *keys: str) -> None:
    """Import a box for each of the rows, so that each has a label."""
    boxes = [
        {"dataRow": {"globalKey": key}, "name": "car", "bbox": {"top": 1, "left": 1, "height": 5, "width": 5}}
        for key in keys
    ]
    job = LabelImport.create_from_objects(project.client, project.uid, f"labels {uuid4()}", boxes)
    job.wait_till_done(sleep_time_seconds=1)
    assert job.errors == []


def done(task: Any) -> Any:
    """The task, when it has come to its end."""
    task.wait_till_done(timeout_seconds=600)
    assert task.status != "IN_PROGRESS"
    return task
