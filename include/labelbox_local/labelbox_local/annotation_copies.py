"""Copies annotations from a project or a model run to rows of another project (send to annotate)."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.annotations.exported import Names, names_of
from labelbox_local.identifiers import new_id
from labelbox_local.labels import NewLabel, add_labels, delete_stored
from labelbox_local.ontologies import normalized_of_project
from labelbox_local.predictions import add_predictions, masks_of, without_scores
from labelbox_local.store import as_list
from labelbox_local.workflow import LABELING, REWORK

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_SENT = "send-to-annotate"


def copy_annotations(
    platform: Platform, write: sqlite3.Connection, payload: dict[str, Any], data_rows: list[int]
) -> None:
    """Give rows what another project's labels or a model run's predictions say of them.

    Rows that are to be labeled get pre-labels, others get labels. Features that the project does not have, and that
    are not mapped to one of its own, are left out.

    :param payload: the SDK's input: destinationProjectId, annotationsInput or predictionsInput, conflict strategy
    """
    project = payload["destinationProjectId"]
    source = payload.get("annotationsInput") or payload.get("predictionsInput")
    if source is None:
        return
    table, column = ("label", "project") if payload.get("annotationsInput") else ("prediction", "parent")
    origin = source.get("projectId") or source["modelRunId"]
    names = names_of(normalized_of_project(platform, project) or {})
    there = f"{column} = ? AND data_row IN (SELECT value FROM json_each(?))"  # noqa: S608 - constants only
    if table == "label":
        there = f"{there} AND deleted = 0 AND NOT is_skipped"
    made: list[NewLabel] = []
    chosen = (origin, as_list(data_rows))
    found = write.execute(f"SELECT * FROM {table} WHERE {there} ORDER BY seq", chosen).fetchall()  # noqa: S608
    for stored in found:
        given = orjson.loads(stored["content"])
        if table == "prediction":
            given = without_scores(given)
            if not any(given.values()):
                continue
        content = _mapped(given, source.get("featureSchemaIdsMapping") or {}, names)
        text = orjson.dumps(content).decode()
        masks = masks_of(write, stored["id"])
        made.append(NewLabel(stored["data_row"], text, bool(stored["plain"]), masks, id=new_id()))
    _keep(platform, write, payload, made)


def _mapped(
    content: dict[str, list[dict[str, Any]]], mapping: dict[str, str], names: Names
) -> dict[str, list[dict[str, Any]]]:
    return {part: [each for each in annotations if _map(each, mapping, names)] for part, annotations in content.items()}


def _map(node: dict[str, Any], mapping: dict[str, str], names: Names) -> bool:
    """Give an annotation the feature it has in the other ontology; whether it has one there."""
    feature = mapping.get(node["feature_schema_id"], node["feature_schema_id"])
    if feature not in names:
        return False
    node["feature_schema_id"] = feature
    node["name"], node["value"] = names[feature]
    for key in ("classifications", "checklist_answers"):
        if key in node:
            node[key] = [each for each in node[key] if _map(each, mapping, names)]
    return _map(node["radio_answer"], mapping, names) if "radio_answer" in node else True


def _keep(platform: Platform, write: sqlite3.Connection, payload: dict[str, Any], made: list[NewLabel]) -> None:
    project = payload["destinationProjectId"]
    rows = as_list(each.data_row for each in made)
    places = {
        row["data_row"]: row
        for row in write.execute(
            "SELECT data_row, labels, task_queue.type FROM project_row LEFT JOIN task_queue ON task_queue.id = queue"
            " WHERE project_row.project = ? AND data_row IN (SELECT value FROM json_each(?))",
            (project, rows),
        )
    }
    labeled = {row for row, place in places.items() if place["labels"]}
    if payload.get("conflictLabelsResolutionStrategy") not in {None, "KEEP_EXISTING"}:
        delete_stored(write, project, sorted(labeled))
        labeled = set()
    fresh = [each for each in made if each.data_row in places and each.data_row not in labeled]
    waiting = {row for row, place in places.items() if place["type"] in {LABELING, REWORK}}
    add_predictions(write, project, _SENT, [each for each in fresh if each.data_row in waiting])
    add_labels(platform, write, project, [each for each in fresh if each.data_row not in waiting])
