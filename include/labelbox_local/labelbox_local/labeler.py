"""A labeler's hand: plays the people who label, skip and review, so that there is something true to export.

Not part of Labelbox. `POST /admin/labeler` takes what `play` takes; the command `labelbox-local labeler` calls it.
"""

from __future__ import annotations

import io
import sqlite3
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.annotations import AnnotationReader, Features
from labelbox_local.annotations.sample import Sampler
from labelbox_local.errors import MalformedRequestError, NotFoundError
from labelbox_local.identifiers import endless_ids, new_id, now
from labelbox_local.import_lines import LineReader
from labelbox_local.label_lines import find_rows_of_project, make_label
from labelbox_local.label_versions import record
from labelbox_local.labels import NewLabel, add_labels, tell
from labelbox_local.mask_pixels import MaskInspector
from labelbox_local.ontologies import normalized_of_project
from labelbox_local.organization import make_user
from labelbox_local.predictions import masks_of
from labelbox_local.projects import find_project
from labelbox_local.reviews import add_review
from labelbox_local.store import as_list
from labelbox_local.workflow import LABELING, REVIEW, REWORK, move_rows
from labelbox_local.workflow_config import move_on

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_ACTIONS = ("label", "skip", "approve", "reject", "move")
_SIZE = (1000.0, 1000.0)
_BATCH = 1_000
_QUEUES = {"label": (LABELING, REWORK), "skip": (LABELING, REWORK), "approve": (REVIEW,), "reject": (REVIEW,)}


@dataclass
class Play:
    """What somebody does to rows of a project.

    `batch` is an id or a name, `rows` are global keys or ids, `limit` the most rows. Rows are taken by priority, then
    by age. `source` says where labels come from: `random` (drawn from the ontology by `seed`), `predictions` (the
    pre-labels are submitted as they are), or `ndjson`, the lines of an import. `seconds` is the time each row takes.
    `queue` is where `move` puts rows: labeling, review, rework, done, or the name or id of a queue.
    """

    action: str
    project: str
    batch: str | None = None
    rows: list[str] | None = None
    limit: int | None = None
    user: str | None = None
    source: str = "random"
    ndjson: str = ""
    seed: int = 0
    objects: int = 3
    seconds: float = 10.0
    score: float | None = None
    queue: str | None = None

    def __post_init__(self) -> None:
        if self.action not in _ACTIONS:
            raise ValueError(f"action '{self.action}' is not one of {', '.join(_ACTIONS)}")
        if self.source not in {"random", "predictions", "ndjson"}:
            raise ValueError(f"source '{self.source}' is not one of random, predictions, ndjson")
        if self.action == "move" and not self.queue:
            raise ValueError("move needs a queue: labeling, review, rework, done, or a queue's name")


@dataclass
class Outcome:
    """How many rows were dealt with, and the status lines of what was wrong in a file."""

    rows: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)


def play(platform: Platform, body: dict[str, Any]) -> dict[str, Any]:
    """Do what a request to /admin/labeler asks; how many rows it concerned, and errors.

    Raises:
        ValueError, TypeError: the request is wrong.
        NotFoundError: the project, batch or queue is not there.
        MalformedRequestError: the project has no ontology.
    """
    wanted = Play(**body)
    outcome = _Hand(platform, wanted).act()
    return {"action": wanted.action, "rows": outcome.rows, "errors": outcome.errors}


class _Hand:
    def __init__(self, platform: Platform, wanted: Play) -> None:
        self.platform = platform
        self.wanted = wanted
        self.project = find_project(platform, wanted.project)
        self.user = self._user()

    def _user(self) -> str:
        """The id of who does it; an address that nobody has joins the organization."""
        email = self.wanted.user
        if email is None:
            return self.platform.store.user
        found = self.platform.store.row("SELECT id FROM user WHERE email = ? AND deleted = 0", email)
        if found is not None:
            return str(found["id"])
        role = "Reviewer" if self.wanted.action in {"approve", "reject"} else "Labeler"
        with self.platform.store.writing() as write:
            return make_user(write, email, email.partition("@")[0], role)

    def act(self) -> Outcome:
        rows = self._rows()
        if self.wanted.action == "label":
            return self._label(rows)
        act = {"skip": self._skip, "approve": self._review, "reject": self._review, "move": self._move}
        for start in range(0, len(rows), _BATCH):
            with self.platform.store.writing() as write:
                act[self.wanted.action](write, rows[start : start + _BATCH])
        return Outcome(len(rows))

    def _rows(self) -> list[dict[str, Any]]:
        """The rows that wait for what is to be done, with what the row is."""
        wanted = self.wanted
        parts, parameters = ["project_row.project = ?"], [self.project["id"]]
        if wanted.action in _QUEUES:
            parts.append("task_queue.type IN (SELECT value FROM json_each(?))")
            parameters.append(as_list(_QUEUES[wanted.action]))
        if wanted.batch is not None:
            parts.append("batch = ?")
            parameters.append(self._batch(wanted.batch))
        if wanted.rows is not None:
            chosen = as_list(wanted.rows)
            parts.append(
                "(data_row.global_key IN (SELECT value FROM json_each(?))"
                " OR data_row.id IN (SELECT value FROM json_each(?)))"
            )
            parameters += [chosen, chosen]
        limit = -1 if wanted.limit is None else wanted.limit
        return self.platform.store.rows(
            "SELECT data_row.seq, data_row.id, data_row.global_key, data_row.row_data, data_row.media_attributes,"  # noqa: S608
            " project_row.labels, project_row.queue, task_queue.type, batch.consensus"
            " FROM project_row JOIN data_row ON data_row.seq = project_row.data_row"
            " LEFT JOIN task_queue ON task_queue.id = project_row.queue LEFT JOIN batch ON batch.id = project_row.batch"
            f" WHERE {' AND '.join(parts)} ORDER BY project_row.priority, data_row.seq LIMIT ?",
            *parameters,
            limit,
        )

    def _batch(self, named: str) -> str:
        found = self.platform.store.row(
            "SELECT id FROM batch WHERE project = ? AND (id = ? OR name = ?)", self.project["id"], named, named
        )
        if found is None:
            raise NotFoundError(f"Project {self.project['id']} has no batch '{named}'")
        return str(found["id"])

    def _queue(self, named: str) -> str | None:
        """The id of a queue by kind, name or id; None for done."""
        if named.lower() == "done":
            return None
        kind = {"labeling": LABELING, "review": REVIEW, "rework": REWORK}.get(named.lower(), named)
        found = self.platform.store.row(
            "SELECT id FROM task_queue WHERE project = ? AND (type = ? OR name = ? OR id = ?)"
            " ORDER BY position LIMIT 1",
            self.project["id"], kind, named, named,
        )  # fmt: skip
        if found is None:
            raise NotFoundError(f"Project {self.project['id']} has no task queue '{named}'")
        return str(found["id"])

    def _label(self, rows: list[dict[str, Any]]) -> Outcome:
        by_seq = {row["seq"]: row for row in rows}
        if self.wanted.source == "predictions":
            labels = self._from_predictions(by_seq)
            errors: list[dict[str, Any]] = []
        else:
            labels, errors = self._from_lines(by_seq)
        for start in range(0, len(labels), _BATCH):
            with self.platform.store.writing() as write:
                self._submit(write, labels[start : start + _BATCH], by_seq)
        return Outcome(len(labels), errors)

    def _from_predictions(self, rows: dict[int, dict[str, Any]]) -> list[NewLabel]:
        """The last pre-label of each row."""
        last = {
            each["data_row"]: each
            for each in self.platform.store.rows(
                "SELECT * FROM prediction WHERE parent = ? AND data_row IN (SELECT value FROM json_each(?))"
                " ORDER BY seq",
                self.project["id"],
                as_list(rows),
            )
        }
        reader = self.platform.store.reader
        return [
            NewLabel(
                row, each["content"], bool(each["plain"]), masks_of(reader, each["id"]), seconds=self.wanted.seconds
            )
            for row, each in last.items()
        ]

    def _from_lines(self, rows: dict[int, dict[str, Any]]) -> tuple[list[NewLabel], list[dict[str, Any]]]:
        """Labels from the lines of a file, or drawn; what was wrong with lines. Only rows that wait are labeled."""
        normalized = normalized_of_project(self.platform, self.project["id"])
        if normalized is None:
            raise MalformedRequestError(f"Project {self.project['id']} has no ontology")
        media_type, features = self.project["allowedMediaType"], Features.of(normalized)
        text = self.wanted.ndjson if self.wanted.source == "ndjson" else self._drawn(features, media_type, rows)
        reader = AnnotationReader(features, media_type, endless_ids())
        line_reader = LineReader(self.platform, reader, self._find_rows, MaskInspector(self.platform, "project"))
        try:
            lines = line_reader.read(io.BytesIO(text.encode()), lambda: None)
            made = []
            for data_row, group in groupby(lines.good(), key=itemgetter(1)):
                label = make_label(lines, data_row, list(group), media_type, new_id()) if data_row in rows else None
                if label is not None:
                    label.seconds = self.wanted.seconds
                    made.append(label)
            return made, [orjson.loads(line) for line in lines.statuses(failed_only=True)]
        finally:
            line_reader.lines.close()

    def _find_rows(self, ids: list[str], keys: list[str]) -> Any:
        return find_rows_of_project(self.platform, self.project["id"], ids, keys)

    def _drawn(self, features: Features, media_type: str, rows: dict[int, dict[str, Any]]) -> str:
        sampler = Sampler(features, media_type, self.wanted.seed, self.wanted.objects)
        lines = []
        for row in rows.values():
            media = orjson.loads(row["media_attributes"] or "{}")
            size = (float(media.get("width") or _SIZE[0]), float(media.get("height") or _SIZE[1]))
            text = None if row["row_data"].startswith(("http", "gs:")) else row["row_data"]
            lines += sampler.lines(row["id"], size, text, row["global_key"])
        return "\n".join(orjson.dumps(line).decode() for line in lines)

    def _submit(self, write: sqlite3.Connection, labels: list[NewLabel], rows: dict[int, dict[str, Any]]) -> None:
        """New labels, or changed ones for rows in rework; rows with as many labels as they need go on."""
        reworked = {seq for seq, row in rows.items() if row["type"] == REWORK and row["labels"]}
        again = [label for label in labels if label.data_row in reworked]
        fresh = [label for label in labels if label.data_row not in reworked]
        if fresh:
            add_labels(self.platform, write, self.project["id"], fresh, user=self.user)
            record(write, [label.id for label in fresh], "SUBMITTED", self.user)
        for label in again:
            self._change(write, label)
        done = [
            rows[label.data_row]
            for label in labels
            if label.data_row in reworked
            or rows[label.data_row]["labels"] + 1 >= _labels_needed(rows[label.data_row]["consensus"])
        ]
        move_on(self.platform, write, self.project["id"], done, "Submit", self.user)

    def _change(self, write: sqlite3.Connection, label: NewLabel) -> None:
        """Put new annotations into the label of a row that was rejected."""
        there = "SELECT id FROM label WHERE project = ? AND data_row = ? AND deleted = 0 ORDER BY seq DESC LIMIT 1"
        label.id, moment = write.execute(there, (self.project["id"], label.data_row)).fetchone()["id"], now()
        write.execute(
            "UPDATE label SET content = ?, plain = ?, is_skipped = 0, seconds_to_label = seconds_to_label + ?,"
            " updated_at = ?, content_updated_at = ? WHERE id = ?",
            (label.content, label.plain, label.seconds, moment, moment, label.id),
        )
        write.execute("DELETE FROM mask WHERE owner = ?", (label.id,))
        write.executemany(
            "INSERT INTO mask VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [(label.id, *mask) for mask in label.masks]
        )
        record(write, [label.id], "REWORK_SUBMITTED", self.user)
        tell(self.platform, write, "LABEL_UPDATED", self.project["id"], [label.id])

    def _skip(self, write: sqlite3.Connection, rows: list[dict[str, Any]]) -> None:
        numbers = [row["seq"] for row in rows]
        labels = [NewLabel(row, is_skipped=True, seconds=self.wanted.seconds, id=new_id()) for row in numbers]
        add_labels(self.platform, write, self.project["id"], labels, user=self.user)
        write.execute(
            "UPDATE project_row SET skipped = 1 WHERE project = ? AND data_row IN (SELECT value FROM json_each(?))",
            (self.project["id"], as_list(numbers)),
        )
        move_on(self.platform, write, self.project["id"], rows, "Skip", self.user)

    def _review(self, write: sqlite3.Connection, rows: list[dict[str, Any]]) -> None:
        """Approved rows and rejected ones go where the workflow leads: by default, these to rework, those are done."""
        approved = self.wanted.action == "approve"
        score = self.wanted.score if self.wanted.score is not None else (1.0 if approved else -1.0)
        numbers = [row["seq"] for row in rows]
        chosen = "project = ? AND deleted = 0 AND data_row IN (SELECT value FROM json_each(?))"
        found = write.execute(
            f"SELECT id FROM label WHERE {chosen} ORDER BY seq",  # noqa: S608 - constants only
            (self.project["id"], as_list(numbers)),
        ).fetchall()
        ids = [label["id"] for label in found]
        write.execute(
            f"UPDATE label SET seconds_to_review = seconds_to_review + ? WHERE {chosen}",  # noqa: S608
            (self.wanted.seconds, self.project["id"], as_list(numbers)),
        )
        record(write, ids, "APPROVED" if approved else "REJECTED", self.user)
        for label in ids:
            add_review(self.platform, write, label, score, self.user)
        action = "Approve" if approved else "Reject"
        move_on(self.platform, write, self.project["id"], rows, action, self.user, rejected=not approved)

    def _move(self, write: sqlite3.Connection, rows: list[dict[str, Any]]) -> None:
        numbers, queue = [row["seq"] for row in rows], self._queue(str(self.wanted.queue))
        if queue is not None and queue == self._queue("rework"):
            found = write.execute(
                "SELECT id FROM label WHERE project = ? AND deleted = 0"
                " AND data_row IN (SELECT value FROM json_each(?))",
                (self.project["id"], as_list(numbers)),
            )
            record(write, [label["id"] for label in found.fetchall()], "SENT_TO_REWORK", self.user)
        move_rows(self.platform, write, self.project["id"], numbers, queue, "Move", self.user)


def _labels_needed(consensus: str | None) -> int:
    """How many labels a row of a batch needs."""
    return int((orjson.loads(consensus or "null") or {}).get("numberOfLabels") or 1)
