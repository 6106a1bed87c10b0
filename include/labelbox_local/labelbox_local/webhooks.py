"""Webhooks: registered, and sent when something happens, signed, apart from the request that made it happen."""

from __future__ import annotations

import hmac
import http.client
import logging
import sqlite3
import threading
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.errors import MalformedRequestError, NotFoundError
from labelbox_local.graph import Fields, mutation, organization_fields, project_fields, query
from labelbox_local.identifiers import new_id, now
from labelbox_local.s3 import allowed

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

logger = logging.getLogger(__name__)
webhook_fields = Fields("Webhook")
_SELECT = """SELECT id, project, url, topics, status, created_by, created_at AS createdAt, updated_at AS updatedAt
    FROM webhook"""
_ACTIVE = """SELECT id FROM webhook WHERE status = 'ACTIVE' AND (project IS NULL OR project = ?)
    AND EXISTS (SELECT 1 FROM json_each(topics) WHERE value = ?)"""
_TIMEOUT = 10  # seconds a receiver has for its answer
# The transaction of an event may end after the sender was told, so it looks again anyway.
_LOOK_SECONDS = 0.5
_BATCH = 32
_PARALLEL = 4
_DONE_KEPT = 10_000  # deliveries that are over and still shown


def are_wanted(platform: Platform, topic: str, project_id: str) -> bool:
    """Whether anybody wants to hear of the topic in the project."""
    return platform.store.row(f"{_ACTIVE} LIMIT 1", project_id, topic) is not None


def emit(platform: Platform, write: sqlite3.Connection, topic: str, project_id: str, body: dict[str, Any]) -> None:
    """Tell the webhooks of a topic, within the transaction of what happened: either both are kept or neither.

    `body` gets the project it happened in.
    """
    hooks = write.execute(_ACTIVE, (project_id, topic)).fetchall()
    if not hooks:
        return
    project = write.execute("SELECT id, name FROM project WHERE id = ?", (project_id,)).fetchone()
    text, moment = orjson.dumps({**body, "project": project}), now()
    write.executemany(
        "INSERT INTO webhook_delivery (id, webhook, topic, body, state, due_at, created_at)"
        " VALUES (?, ?, ?, ?, 'WAITING', ?, ?)",
        [(new_id(), hook["id"], topic, text, moment, moment) for hook in hooks],
    )
    platform.webhooks_wanted.set()


def start_webhook_sender(platform: Platform) -> None:
    """Start the thread that delivers what waits, at once, when something happens and when a retry is due."""
    platform.webhook_sender = threading.Thread(target=_run, args=(platform,), name="webhooks", daemon=True)
    platform.webhooks_wanted.set()
    platform.webhook_sender.start()


def _run(platform: Platform) -> None:
    pause = 0.0
    with ThreadPoolExecutor(_PARALLEL) as pool:
        while not platform.stopping.is_set():
            platform.webhooks_wanted.wait(pause)
            platform.webhooks_wanted.clear()
            try:
                pause = _deliver_due(platform, pool)
            except Exception:
                logger.exception("Sending webhooks failed unexpectedly")
                pause = _LOOK_SECONDS


def _deliver_due(platform: Platform, pool: ThreadPoolExecutor) -> float:
    """Try what is due; the seconds until it is worth to look again."""
    while not platform.stopping.is_set():
        waiting = platform.store.rows(
            "SELECT webhook_delivery.*, url, secret, status FROM webhook_delivery"
            " JOIN webhook ON webhook.id = webhook_delivery.webhook WHERE state = 'WAITING'"
            " ORDER BY due_at, webhook_delivery.seq LIMIT ?",
            _BATCH,
        )
        moment = now()
        due = [each for each in waiting if each["due_at"] <= moment]
        if not due:
            wait: float = (waiting[0]["due_at"] - moment) / 1_000_000 if waiting else _LOOK_SECONDS
            return min(wait, _LOOK_SECONDS)
        list(pool.map(lambda each: _deliver(platform, each), due))
    return 0.0


def _deliver(platform: Platform, delivery: dict[str, Any]) -> None:
    """Try once, and write down how it went."""
    delivered, outcome = _send(platform, delivery)
    attempts, moment = delivery["attempts"] + 1, now()
    if delivered:
        state, due = "DELIVERED", moment
    elif delivery["status"] != "ACTIVE" or attempts >= platform.switches.webhook_attempts:
        state, due = "FAILED", moment
        logger.warning("Webhook %s was not delivered to %s: %s", delivery["id"], delivery["url"], outcome)
    else:
        # Each wait is twice the one before.
        wait = platform.switches.webhook_retry_seconds * 2 ** (attempts - 1)
        state, due = "WAITING", moment + int(wait * 1_000_000)
    with platform.store.writing() as write:
        write.execute(
            "UPDATE webhook_delivery SET state = ?, attempts = ?, outcome = ?, due_at = ? WHERE seq = ?",
            (state, attempts, outcome, due, delivery["seq"]),
        )
        write.execute(
            "DELETE FROM webhook_delivery WHERE state <> 'WAITING' AND seq < ?", (delivery["seq"] - _DONE_KEPT,)
        )


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect could lead to a host that is not allowed."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({}))


def signatures(secret: str, body: bytes) -> dict[str, str]:
    """The headers a receiver proves a delivery by: `X-Hub-Signature` and `X-Hub-Signature-256`."""
    return {
        name: f"{algorithm}={hmac.new(secret.encode(), body, algorithm).hexdigest()}"
        for name, algorithm in (("X-Hub-Signature", "sha1"), ("X-Hub-Signature-256", "sha256"))
    }


def _send(platform: Platform, delivery: dict[str, Any]) -> tuple[bool, str]:
    """POST the body: whether the receiver took it, and what it answered."""
    if delivery["status"] != "ACTIVE":
        return False, f"the webhook is {delivery['status']}"
    headers = {
        "Content-Type": "application/json",
        "X-Labelbox-Id": delivery["id"],
        "X-Labelbox-Event": delivery["topic"],
        **signatures(delivery["secret"], delivery["body"]),
    }
    try:
        if not allowed(platform, delivery["url"]):
            return False, "the host is not allowed; start the server with --allow-host"
        request = urllib.request.Request(delivery["url"], delivery["body"], headers, method="POST")  # noqa: S310
        with _opener.open(request, timeout=_TIMEOUT) as answer:
            return True, str(answer.status)
    except urllib.error.HTTPError as error:
        return False, str(error.code)
    except (OSError, ValueError, http.client.HTTPException) as error:
        return False, str(error)


def _present(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "topics": orjson.loads(row["topics"])}


def _find(platform: Platform, webhook_id: str) -> dict[str, Any]:
    """Raises: NotFoundError."""
    found = platform.store.row(f"{_SELECT} WHERE id = ?", webhook_id)
    if found is None:
        raise NotFoundError(f"Webhook {webhook_id} not found")
    return _present(found)


@query("webhook")
def get_webhook(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    return _find(info.context, where["id"])


@mutation("createWebhook")
def create_webhook(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    from labelbox_local.projects import find_project  # a project has webhooks

    platform: Platform = info.context
    project = find_project(platform, data["project"]["id"])["id"] if data.get("project") else None
    topics = _topics(data["topics"])
    if not data["url"] or not data["secret"]:
        raise MalformedRequestError("A webhook needs a url and a secret")
    webhook_id, moment = new_id(), now()
    with platform.store.writing() as write:
        write.execute(
            "INSERT INTO webhook (id, project, url, secret, topics, status, created_by, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, 'ACTIVE', ?, ?, ?)",
            (webhook_id, project, data["url"], data["secret"], topics, platform.store.user, moment, moment),
        )
    return _find(platform, webhook_id)


def _topics(data: dict[str, Any]) -> str:
    if not data["set"]:
        raise MalformedRequestError("A webhook needs at least one topic")
    return orjson.dumps(data["set"]).decode()


@mutation("updateWebhook")
def update_webhook(_: Any, info: Any, where: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    _find(platform, where["id"])
    changes: dict[str, Any] = {key: data[key] for key in ("url", "secret", "status") if data.get(key)}
    if data.get("topics"):
        changes["topics"] = _topics(data["topics"])
    changes["updated_at"] = now()
    assignments = ", ".join(f"{name} = ?" for name in changes)
    with platform.store.writing() as write:
        write.execute(f"UPDATE webhook SET {assignments} WHERE id = ?", (*changes.values(), where["id"]))  # noqa: S608
    return _find(platform, where["id"])


@project_fields("webhooks")
def webhooks_of_project(
    project: dict[str, Any], info: Any, skip: int = 0, first: int = 100, **__: Any
) -> list[dict[str, Any]]:
    platform: Platform = info.context
    rows = platform.store.rows(f"{_SELECT} WHERE project = ? ORDER BY seq LIMIT ? OFFSET ?", project["id"], first, skip)
    return [_present(row) for row in rows]


@organization_fields("webhooks")
def webhooks_of_organization(_: Any, info: Any, skip: int = 0, first: int = 100, **__: Any) -> list[dict[str, Any]]:
    platform: Platform = info.context
    return [_present(row) for row in platform.store.rows(f"{_SELECT} ORDER BY seq LIMIT ? OFFSET ?", first, skip)]


@webhook_fields("project")
def project_of_webhook(webhook: dict[str, Any], info: Any) -> dict[str, Any] | None:
    from labelbox_local.projects import find_project

    return find_project(info.context, webhook["project"]) if webhook["project"] else None


def deliveries(platform: Platform) -> list[dict[str, Any]]:
    """Administrative: the last thousand deliveries, newest first, and how they went."""
    rows = platform.store.rows(
        "SELECT id, webhook, topic, body, state, attempts, outcome FROM webhook_delivery ORDER BY seq DESC LIMIT 1000"
    )
    return [{**row, "body": orjson.loads(row["body"])} for row in rows]
