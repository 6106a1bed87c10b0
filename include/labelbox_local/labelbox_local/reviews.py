"""Reviews of labels, benchmarks, and what they add up to."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

from labelbox_local.errors import ConflictError, MalformedRequestError, NotFoundError
from labelbox_local.graph import Fields, mutation, project_fields, query
from labelbox_local.identifiers import new_id, now
from labelbox_local.labels import find_label, label_fields, tell
from labelbox_local.organization import created_by, its_organization
from labelbox_local.workflow import touch

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_SELECT = """SELECT review.id, review.score, label.id AS label_id, label.project, review.created_by,
    review.created_at AS createdAt, review.updated_at AS updatedAt FROM review JOIN label ON label.seq = review.label"""
_SCORES = {"Positive": "> 0", "Zero": "= 0", "Negative": "< 0"}
review_fields = Fields("Review")
benchmark_fields = Fields("Benchmark")
review_fields("createdBy")(created_by)
review_fields("organization")(its_organization)
benchmark_fields("createdBy")(created_by)


def add_review(platform: Platform, write: sqlite3.Connection, label_id: str, score: float, user: str) -> str:
    """Store a review and tell of the change of its label; its id.

    Raises:
        NotFoundError: there is no such label.
    """
    label = write.execute("SELECT * FROM label WHERE id = ? AND deleted = 0", (label_id,)).fetchone()
    if label is None:
        raise NotFoundError(f"Label {label_id} not found")
    review_id, moment = new_id(), now()
    write.execute(
        "INSERT INTO review (id, label, score, created_by, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
        (review_id, label["seq"], score, user, moment, moment),
    )
    write.execute("UPDATE label SET updated_at = ? WHERE seq = ?", (moment, label["seq"]))
    touch(write, label["project"], [label["data_row"]], moment)
    tell(platform, write, "LABEL_UPDATED", label["project"], [label_id])
    return review_id


def _find(platform: Platform, review_id: str) -> dict[str, Any]:
    found = platform.store.row(f"{_SELECT} WHERE review.id = ?", review_id)
    if found is None:
        raise NotFoundError(f"Review {review_id} not found")
    return found


@query("review")
def get_review(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    return _find(info.context, where["id"])


@mutation("createReview")
def create_review(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    if data.get("score") is None:
        raise MalformedRequestError("A review needs a score")
    label_id = _id_of(data.get("labelId"), data.get("label"))
    with platform.store.writing() as write:
        review_id = add_review(platform, write, label_id, data["score"], platform.store.user)
    return _find(platform, review_id)


def _id_of(plain: Any, connected: Any) -> str:
    """The SDK names what something belongs to as `labelId` or as `label: {connect: {id}}`."""
    if plain is None:
        plain = ((connected or {}).get("connect") or connected or {}).get("id")
    if not plain:
        raise MalformedRequestError("A review needs a label")
    return str(plain)


@mutation("updateReview")
def update_review(_: Any, info: Any, where: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    found = _find(platform, where["id"])
    with platform.store.writing() as write:
        if data.get("deleted"):
            write.execute("DELETE FROM review WHERE id = ?", (found["id"],))
            return found
        write.execute(
            "UPDATE review SET score = ?, updated_at = ? WHERE id = ?",
            (data.get("score", found["score"]), now(), found["id"]),
        )
    return _find(platform, found["id"])


@label_fields("reviews")
def reviews_of_label(
    label: dict[str, Any], info: Any, skip: int = 0, first: int = 100, **__: Any
) -> list[dict[str, Any]]:
    platform: Platform = info.context
    sql = f"{_SELECT} WHERE review.label = ? ORDER BY review.seq LIMIT ? OFFSET ?"
    return platform.store.rows(sql, label["seq"], first, skip)


@project_fields("reviews")
def reviews_of_project(
    project: dict[str, Any], info: Any, skip: int = 0, first: int = 100, **__: Any
) -> list[dict[str, Any]]:
    platform: Platform = info.context
    sql = f"{_SELECT} WHERE label.project = ? AND label.deleted = 0 ORDER BY review.seq LIMIT ? OFFSET ?"
    return platform.store.rows(sql, project["id"], first, skip)


@review_fields("label")
def label_of_review(review: dict[str, Any], info: Any) -> dict[str, Any]:
    return find_label(info.context, review["label_id"])


@review_fields("project")
def project_of_review(review: dict[str, Any], info: Any) -> dict[str, Any]:
    from labelbox_local.projects import find_project  # a project has reviews

    return find_project(info.context, review["project"])


@project_fields("reviewMetrics")
def review_metrics(project: dict[str, Any], info: Any) -> dict[str, Any]:  # noqa: ARG001 - a resolver's signature
    return project


metrics_fields = Fields("ReviewMetrics")


@metrics_fields("labelAggregate")
def label_aggregate(project: dict[str, Any], info: Any, netScore: str | None = None) -> dict[str, int]:  # noqa: N803
    """How many labels have a positive, negative or no sum of scores; without a net score, how many have none."""
    platform: Platform = info.context
    summed = f"sum(review.score) {_SCORES[netScore]}" if netScore in _SCORES else "count(review.seq) = 0"
    found = platform.store.row(
        "SELECT count(*) AS labels FROM (SELECT 1 FROM label LEFT JOIN review ON review.label = label.seq"  # noqa: S608
        f" WHERE label.project = ? AND label.deleted = 0 GROUP BY label.seq HAVING {summed})",
        project["id"],
    )
    return {"count": found["labels"] if found else 0}


@query("benchmark")
def get_benchmark(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    """A benchmark has the id of its label."""
    return _benchmark(info.context, where["id"])


@mutation("createBenchmark")
def create_benchmark(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    """Make a label the reference of its row.

    Raises:
        ConflictError: the row has another benchmark in its project.
    """
    platform: Platform = info.context
    label = find_label(platform, data["labelId"])
    with platform.store.writing() as write:
        other = write.execute(
            "SELECT id FROM label WHERE project = ? AND data_row = ? AND is_benchmark AND deleted = 0 AND id <> ?",
            (label["project"], label["data_row"], label["id"]),
        ).fetchone()
        if other:
            raise ConflictError(f"The data row has label {other['id']} as its benchmark")
        _mark(write, label, benchmark=True)
    return _benchmark(platform, label["id"])


@mutation("deleteBenchmark")
def delete_benchmark(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    label = find_label(platform, where["labelId"])
    if not label["isBenchmarkReference"]:
        raise NotFoundError(f"Label {label['id']} is not a benchmark")
    with platform.store.writing() as write:
        _mark(write, label, benchmark=False)
    return {"id": label["id"]}


def _mark(write: sqlite3.Connection, label: dict[str, Any], *, benchmark: bool) -> None:
    write.execute("UPDATE label SET is_benchmark = ?, updated_at = ? WHERE id = ?", (benchmark, now(), label["id"]))
    touch(write, label["project"], [label["data_row"]], now())


def _benchmark(platform: Platform, label_id: str) -> dict[str, Any]:
    label = find_label(platform, label_id)
    others = platform.store.rows(
        "SELECT updated_at FROM label WHERE project = ? AND data_row = ? AND NOT is_benchmark AND deleted = 0",
        label["project"],
        label["data_row"],
    )
    return {
        "id": label["id"],
        "createdAt": label["createdAt"],
        "created_by": label["created_by"],
        "lastActivity": max((row["updated_at"] for row in others), default=label["updatedAt"]),
        "averageAgreement": None,
        "completedCount": len(others),
        "referenceLabel": label,
    }


@project_fields("benchmarks")
def benchmarks_of_project(
    project: dict[str, Any], info: Any, skip: int = 0, first: int = 100, **__: Any
) -> list[dict[str, Any]]:
    platform: Platform = info.context
    found = platform.store.rows(
        "SELECT id FROM label WHERE project = ? AND is_benchmark AND deleted = 0 ORDER BY seq LIMIT ? OFFSET ?",
        project["id"],
        first,
        skip,
    )
    return [_benchmark(platform, row["id"]) for row in found]


@project_fields("labelerPerformance")
def labeler_performance(project: dict[str, Any], info: Any, skip: int = 0, first: int = 100) -> list[dict[str, Any]]:
    """How many labels each labeler made, and in what time; agreement is not measured here."""
    platform: Platform = info.context
    found = platform.store.rows(
        "SELECT created_by, count(*) AS count, avg(seconds_to_label) AS secondsPerLabel,"
        " sum(seconds_to_label) AS totalTimeLabeling, max(updated_at) AS lastActivityTime FROM label"
        " WHERE project = ? AND deleted = 0 GROUP BY created_by ORDER BY min(seq) LIMIT ? OFFSET ?",
        project["id"],
        first,
        skip,
    )
    return [
        {**row, "user": created_by(row, info), "consensus": None, "averageBenchmarkAgreement": None} for row in found
    ]
