"""Predictions: pre-labels of a project, and what a model run says of its rows."""

from __future__ import annotations

import sqlite3
from typing import Any

from labelbox_local.identifiers import now
from labelbox_local.labels import NewLabel
from labelbox_local.store import as_list

# What a model run says of its predictions, and a project does not keep: MAL and label imports ignore confidence
# (SDK schema/annotation_import.py), and take no metrics.
_SCORES = {"confidence", "custom_metrics", "metrics"}
_INSERT_MASK = "INSERT INTO mask VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


def add_predictions(write: sqlite3.Connection, parent: str, import_id: str, made: list[NewLabel]) -> None:
    """Keep predictions for a project or model run."""
    moment = now()
    write.executemany(
        "INSERT INTO prediction (id, parent, data_row, content, plain, import, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(each.id, parent, each.data_row, each.content, each.plain, import_id, moment) for each in made],
    )
    write.executemany(_INSERT_MASK, [(each.id, *mask) for each in made for mask in each.masks])


def without_scores(content: Any) -> Any:
    """The content of a prediction of a model run, as a project takes it: no confidences and no metrics at any depth."""
    if isinstance(content, dict):
        return {key: without_scores(value) for key, value in content.items() if key not in _SCORES}
    return [without_scores(each) for each in content] if isinstance(content, list) else content


def delete_predictions(write: sqlite3.Connection, condition: str, parameters: tuple[Any, ...]) -> None:
    """Delete those that meet a condition on the table, with their masks."""
    write.execute(
        f"DELETE FROM mask WHERE owner IN (SELECT id FROM prediction WHERE {condition})",  # noqa: S608 - ours
        parameters,
    )
    write.execute(f"DELETE FROM prediction WHERE {condition}", parameters)  # noqa: S608 - conditions are ours


def delete_of_runs(write: sqlite3.Connection, run_ids: list[str]) -> None:
    """Model runs are deleted."""
    chosen = (as_list(run_ids),)
    delete_predictions(write, "parent IN (SELECT value FROM json_each(?))", chosen)
    write.execute(
        "DELETE FROM annotation_import WHERE kind = 'mea' AND parent IN (SELECT value FROM json_each(?))", chosen
    )


def delete_of_rows_in_run(write: sqlite3.Connection, run_id: str, data_rows: list[int]) -> None:
    """Rows are taken out of a model run."""
    condition = "parent = ? AND data_row IN (SELECT value FROM json_each(?))"
    delete_predictions(write, condition, (run_id, as_list(data_rows)))


def masks_of(connection: sqlite3.Connection, owner: str) -> list[tuple[Any, ...]]:
    """The masks of a label or prediction without their owner, as NewLabel takes them."""
    found = connection.execute("SELECT * FROM mask WHERE owner = ?", (owner,)).fetchall()
    return [tuple(mask.values())[1:] for mask in found]
