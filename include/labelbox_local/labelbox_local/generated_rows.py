"""Data rows the platform makes for a live chat evaluation project, each an empty chat."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.batches import insert_batch
from labelbox_local.datasets import find_dataset
from labelbox_local.errors import MalformedRequestError
from labelbox_local.identifiers import new_id, new_ids, now
from labelbox_local.workflow import LABELING, add_rows_to_queue

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

DEFAULT_COUNT = 100
_PRIORITY = 5
_CHAT = orjson.dumps({
    "type": "application/vnd.labelbox.conversational.model-chat-evaluation",
    "draft": True,
    "version": 2,
    "rootMessageIds": [],
    "actors": {},
    "messages": {},
}).decode()  # fmt: skip


def generate_rows(platform: Platform, write: sqlite3.Connection, project_id: str, data: dict[str, Any]) -> None:
    """Make the rows a new project asks for (`datasetNameOrId`, `appendToExistingDataset`, `dataRowCount`), in a batch.

    Raises:
        MalformedRequestError: more rows than fit into a batch.
        NotFoundError: no such dataset.
    """
    count = data.get("dataRowCount") or DEFAULT_COUNT
    if count > platform.switches.batch_rows:
        raise MalformedRequestError(f"{count} data rows in a batch; at most {platform.switches.batch_rows} are allowed")
    moment = now()
    if data.get("appendToExistingDataset"):
        dataset_id = find_dataset(platform, data["datasetNameOrId"])["id"]
    else:
        dataset_id = new_id()
        write.execute(
            "INSERT INTO dataset (id, name, description, created_at, updated_at) VALUES (?, ?, '', ?, ?)",
            (dataset_id, data["datasetNameOrId"], moment, moment),
        )
    ids = new_ids(count)
    write.executemany(
        "INSERT INTO data_row (id, dataset, row_data, media_type, metadata, media_state, created_at, updated_at,"
        " last_activity_at) VALUES (?, ?, ?, 'CONVERSATIONAL', '{}', 0, ?, ?, ?)",
        [(row_id, dataset_id, _CHAT, moment, moment, moment) for row_id in ids],
    )
    chosen = write.execute(
        "SELECT seq FROM data_row WHERE id IN (SELECT value FROM json_each(?))", (orjson.dumps(ids).decode(),)
    ).fetchall()
    queue = write.execute("SELECT id FROM task_queue WHERE project = ? AND type = ?", (project_id, LABELING)).fetchone()
    batch_id = insert_batch(platform, write, project_id, "Generated data rows")
    add_rows_to_queue(write, project_id, batch_id, [row["seq"] for row in chosen], queue["id"], _PRIORITY)
