"""Webhooks through the unmodified SDK, and what their receiver gets."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from labelbox import Client, MediaType, Project, Webhook
from labelbox.schema.identifiables import GlobalKeys
from tests.integration.labelbox_local.conftest import Server, add_label

SECRET = "a secret"


@dataclass
class Receiver:
    """A server that keeps what it is sent, and answers with the statuses planned, then with 200."""

    url: str
    statuses: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def wait_for(self, count: int) -> list[dict[str, Any]]:
        """The bodies, when there are `count`."""
        wait_until(lambda: len(self.got) >= count)
        assert len(self.got) == count
        return [json.loads(body) for _, body in self.got]


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.got.append((dict(self.headers), body))
            self.send_response(made.statuses.pop(0) if made.statuses else 200)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Receiver(f"http://127.0.0.1:{listener.server_port}/hook")
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    yield made
    listener.shutdown()
    listener.server_close()


@pytest.fixture
def quick_retries(server: Server) -> Iterator[None]:
    server.admin("POST", "switches", webhook_retry_seconds=0.05, webhook_attempts=3)
    yield
    server.admin("POST", "switches", webhook_retry_seconds=1.0, webhook_attempts=4)


def hook(client: Client, url: str, *topics: str, project: Project | None) -> Webhook:
    return Webhook.create(client, list(topics), url, SECRET, project)


def outcomes(server: Server, webhook: Webhook) -> list[tuple[str, int, str]]:
    return [
        (each["state"], each["attempts"], each["outcome"])
        for each in server.admin("GET", "deliveries")
        if each["webhook"] == webhook.uid
    ]


def test_a_webhook_is_created_changed_and_ended(client: Client, project: Project) -> None:
    made = hook(client, "http://127.0.0.1:1/", "LABEL_CREATED", "LABEL_DELETED", project=project)
    assert (made.topics, made.status) == (["LABEL_CREATED", "LABEL_DELETED"], "ACTIVE")
    assert made.project().uid == project.uid
    assert made.organization().uid == client.get_organization().uid
    assert made.created_by().uid == client.get_user().uid
    assert [each.uid for each in project.webhooks()] == [made.uid]
    assert made.uid in {each.uid for each in client.get_organization().webhooks()}
    made.update(url="http://127.0.0.1:1/other", topics=["LABEL_UPDATED"])
    made.update(status="REVOKED")
    [again] = project.webhooks()
    assert (again.url, again.topics, again.status) == ("http://127.0.0.1:1/other", ["LABEL_UPDATED"], "REVOKED")
    made.delete()
    assert made.status == "INACTIVE"
    everywhere = hook(client, "http://127.0.0.1:1/", "LABEL_CREATED", project=None)
    assert everywhere.project() is None
    everywhere.delete()


def test_a_removed_topic_is_not_known(server: Server) -> None:
    query = 'mutation {createWebhook(data: {topics: {set: [REVIEW_CREATED]}, url: "u", secret: "s"}) {id}}'
    assert server.graphql(query).json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


def test_events_are_sent_with_both_signatures(
    client: Client, project: Project, keys: list[str], receiver: Receiver
) -> None:
    made = hook(client, receiver.url, "LABEL_CREATED", "WORKFLOW_ACTION", project=project)
    project.create_batch("told", global_keys=keys)
    add_label(project, keys[0])
    project.move_data_rows_to_task_queue(GlobalKeys(keys[:1]), project.task_queues()[1].uid)
    project.move_data_rows_to_task_queue(GlobalKeys(keys[:1]))
    made.delete()
    wait_until(lambda: len(receiver.got) >= 3)
    events = {headers["X-Labelbox-Event"] for headers, _ in receiver.got}
    assert events == {"LABEL_CREATED", "WORKFLOW_ACTION"}
    assert len({headers["X-Labelbox-Id"] for headers, _ in receiver.got}) == len(receiver.got)
    for headers, body in receiver.got:
        for name, algorithm in (("X-Hub-Signature", hashlib.sha1), ("X-Hub-Signature-256", hashlib.sha256)):
            right = hmac.new(SECRET.encode(), body, algorithm).hexdigest()
            assert headers[name] == f"{algorithm().name}={right}"
        assert json.loads(body)["project"] == {"id": project.uid, "name": project.name}
        assert json.loads(body)["dataRow"]["globalKey"] == keys[0]


def test_a_move_says_from_where_to_where(client: Client, project: Project, keys: list[str], receiver: Receiver) -> None:
    made = hook(client, receiver.url, "WORKFLOW_ACTION", project=project)
    project.create_batch("moved", global_keys=keys)
    project.move_data_rows_to_task_queue(GlobalKeys(keys[:2]), project.task_queues()[2].uid)
    bodies = receiver.wait_for(2)
    assert {body["dataRow"]["globalKey"] for body in bodies} == set(keys[:2])
    [body, _] = bodies
    assert (body["action"], body["createdBy"]["email"]) == ("MOVE", client.get_user().email)
    assert body["previousTask"]["name"] == "Initial labeling task"
    assert body["nextTask"]["type"] == "MANUAL_REWORK_QUEUE"
    made.delete()


def test_other_topics_projects_and_ended_webhooks_hear_nothing(
    client: Client, project: Project, keys: list[str], receiver: Receiver
) -> None:
    other = client.create_project(name="other", media_type=MediaType.Image)
    hooks = [
        hook(client, receiver.url, "LABEL_CREATED", project=project),
        hook(client, receiver.url, "WORKFLOW_ACTION", project=other),
        hook(client, receiver.url, "WORKFLOW_ACTION", project=project),
    ]
    hooks[-1].delete()
    everywhere = hook(client, receiver.url, "WORKFLOW_ACTION", project=None)
    project.create_batch("silent", global_keys=keys)
    project.move_data_rows_to_task_queue(GlobalKeys(keys[:1]))
    [body] = receiver.wait_for(1)
    assert (body["action"], body["nextTask"]) == ("MOVE", None)
    for each in (*hooks, everywhere):
        each.delete()
    other.delete()


@pytest.mark.usefixtures("quick_retries")
def test_a_failed_delivery_is_tried_again_a_few_times(
    client: Client, server: Server, project: Project, keys: list[str], receiver: Receiver
) -> None:
    receiver.statuses = [503, 302]
    made = hook(client, receiver.url, "WORKFLOW_ACTION", project=project)
    project.create_batch("retried", global_keys=keys)
    project.move_data_rows_to_task_queue(GlobalKeys(keys[:1]))
    bodies = receiver.wait_for(3)
    assert bodies[0] == bodies[1] == bodies[2]
    wait_until(lambda: outcomes(server, made) == [("DELIVERED", 3, "200")])
    receiver.got.clear()
    receiver.statuses = [500] * 3
    project.move_data_rows_to_task_queue(GlobalKeys(keys[1:2]))
    wait_until(lambda: ("FAILED", 3, "500") in outcomes(server, made))
    assert len(receiver.got) == 3
    made.delete()


@pytest.mark.usefixtures("quick_retries")
def test_only_allowed_hosts_are_sent_to(client: Client, server: Server, project: Project, keys: list[str]) -> None:
    made = hook(client, "http://example.invalid/hook", "WORKFLOW_ACTION", project=project)
    project.create_batch("refused", global_keys=keys)
    project.move_data_rows_to_task_queue(GlobalKeys(keys[:1]))
    wait_until(lambda: [state for state, _, _ in outcomes(server, made)] == ["FAILED"])
    assert "--allow-host" in outcomes(server, made)[0][2]
    made.delete()


def test_what_was_not_delivered_is_after_a_restart(start: Callable[..., Server], receiver: Receiver) -> None:
    first = start("--switch", "webhook_retry_seconds=0.5", "--switch", "webhook_attempts=9")
    client = first.client()
    project = client.create_project(name="restarted", media_type=MediaType.Image)
    dataset = client.create_dataset(name="restarted", iam_integration=None)
    row = dataset.create_data_row(row_data="https://example.com/a.jpg", global_key="restarted")
    hook(client, receiver.url, "WORKFLOW_ACTION", project=project)
    receiver.statuses = [503]
    project.create_batch("kept", [row.uid])
    project.move_data_rows_to_task_queue(GlobalKeys(["restarted"]))
    receiver.wait_for(1)
    first.stop()
    second = start()
    assert len(receiver.wait_for(2)) == 2
    again = second.client().get_project(project.uid)
    assert [batch.name for batch in again.batches()] == ["kept"]
    assert again.get_overview().done == 1
