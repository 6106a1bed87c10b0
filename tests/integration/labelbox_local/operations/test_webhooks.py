"""Operations on webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from labelbox import Client, Project, Webhook
from tests.integration.labelbox_local.conftest import Server, add_label
from tests.integration.labelbox_local.operations.conftest import Line

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def one_attempt(server: Server) -> Iterator[None]:
    """What cannot be delivered is not tried again."""
    server.admin("POST", "switches", webhook_attempts=1)
    yield
    server.admin("POST", "switches", webhook_attempts=4)


def shown(client: Client, project: Project) -> list[tuple[Any, ...]]:
    found = client.get_project(project.uid).webhooks()
    return [(each.uid, each.url, each.topics, each.status) for each in found]


def events(server: Server, webhook: Webhook) -> list[str]:
    """What the webhook was told of, whether it could be delivered or not."""
    return [each["topic"] for each in server.admin("GET", "deliveries") if each["webhook"] == webhook.uid]


@pytest.mark.usefixtures("one_attempt")
def test_webhooks(client: Client, fresh: Client, line: Line, server: Server, project: Project, keys: list[str]) -> None:
    project.create_batch("all", global_keys=keys)
    made = Webhook.create(client, ["LABEL_CREATED"], f"{NOWHERE}/x", "s", project)
    assert (made.url, made.topics, made.status) == (f"{NOWHERE}/x", ["LABEL_CREATED"], "ACTIVE")
    assert shown(fresh, project) == [(made.uid, f"{NOWHERE}/x", ["LABEL_CREATED"], "ACTIVE")]
    [kept] = fresh.get_project(project.uid).webhooks()
    assert (kept.project().uid, kept.created_by().uid) == (project.uid, fresh.get_user().uid)
    add_label(project, keys[0])
    assert events(server, made) == ["LABEL_CREATED"]

    made.update(url=f"{NOWHERE}/y", topics=["LABEL_DELETED"])
    assert (made.url, made.topics, made.status) == (f"{NOWHERE}/y", ["LABEL_DELETED"], "ACTIVE")
    assert shown(fresh, project) == [(made.uid, f"{NOWHERE}/y", ["LABEL_DELETED"], "ACTIVE")]
    add_label(project, keys[1])
    next(iter(project.labels())).delete()
    assert events(server, made) == ["LABEL_DELETED", "LABEL_CREATED"]

    made.delete()
    assert made.status == "INACTIVE"
    assert shown(fresh, project) == [(made.uid, f"{NOWHERE}/y", ["LABEL_DELETED"], "INACTIVE")]
    next(iter(project.labels())).delete()
    assert events(server, made) == ["LABEL_DELETED", "LABEL_CREATED"]
    line.check("CreateWebhookPyApi", "UpdateWebhookPyApi", "GetProjectWebhooksPyApi")
