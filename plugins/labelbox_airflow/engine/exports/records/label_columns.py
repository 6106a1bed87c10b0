"""What tables say of each label: whose, when, how long it took, and where it is in the workflow."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa

from labelbox_airflow.engine.exports.records.arrow import FLAG, NUMBER, TEXT, TIME, column, struct
from labelbox_airflow.engine.exports.records.line import Entry, ExportedRow, Project

_REVIEW = struct(reviewed_at=TIME, reviewed_by=TEXT, score=NUMBER)
KEYS = [
    column("project_id", TEXT),
    column("project_name", TEXT),
    column("data_row_id", TEXT),
    column("global_key", TEXT),
    column("external_id", TEXT),
    column("label_id", TEXT),
]
"""Columns that tell which label of which data row of which project."""
DETAILS = [
    column("label_kind", TEXT),
    column("label_version", TEXT),
    column("created_at", TIME),
    column("created_by", TEXT),
    column("updated_at", TIME),
    column("content_updated_at", TIME),
    column("seconds_to_create", NUMBER),
    column("seconds_to_review", NUMBER),
    column("skipped", FLAG),
    column("is_benchmark", FLAG),
    column("benchmark_score", NUMBER),
    column("consensus_score", NUMBER),
    column("is_selected", FLAG),
    column("reviews", pa.list_(_REVIEW)),
    column("workflow_status", TEXT),
    column("task_name", TEXT),
    column("batch_id", TEXT),
    column("batch_name", TEXT),
]
"""Columns that are filled as far as the export was asked for label, performance and project details.

``is_selected`` tells which of several labels (consensus) counts.
"""


def label_columns(exported: ExportedRow, project: Project, label: Entry) -> dict[str, Any]:
    """Return the columns of `KEYS` and `DETAILS` of a label.

    :raises LabelboxError: the label is not as exports have them
    """
    try:
        return _keys(exported, project, label) | _details(project, label)
    except (AttributeError, TypeError, ValueError) as error:
        raise exported.error(f"label {label.get('id')} is not as in exports: {error}") from None


def _keys(exported: ExportedRow, project: Project, label: Entry) -> dict[str, Any]:
    return {
        "project_id": project.id,
        "project_name": project.name,
        "data_row_id": exported.id,
        "global_key": exported.data_row.get("global_key"),
        "external_id": exported.data_row.get("external_id"),
        "label_id": label.get("id"),
    }


def _details(project: Project, label: Entry) -> dict[str, Any]:
    details, performance = label.get("label_details") or {}, label.get("performance_details") or {}
    selected = project.details.get("selected_label_id")
    return {
        "label_kind": label.get("label_kind"),
        "label_version": label.get("version"),
        **{key: details.get(key) for key in ("created_at", "created_by", "updated_at")},
        "content_updated_at": details.get("content_last_updated_at"),
        **{key: performance.get(key) for key in _PERFORMANCE},
        "is_benchmark": label.get("is_benchmark_reference") is True,
        "is_selected": None if selected is None else selected == label.get("id"),
        "reviews": [_review(each) for each in details.get("reviews") or ()],
        **{key: project.details.get(key) for key in _WORKFLOW},
    }


_PERFORMANCE = ("seconds_to_create", "seconds_to_review", "skipped", "benchmark_score", "consensus_score")
_WORKFLOW = ("workflow_status", "task_name", "batch_id", "batch_name")


def _review(review: Entry) -> dict[str, Any]:
    at = review.get("reviewed_at")
    return {**review, "reviewed_at": datetime.fromisoformat(at) if at is not None else None}
