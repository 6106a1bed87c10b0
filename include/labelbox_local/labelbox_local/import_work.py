"""The work of an annotation import: its lines are read, and become labels or predictions, row by row."""

from __future__ import annotations

import sqlite3
import uuid
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local import labels
from labelbox_local.annotations import AnnotationError, AnnotationReader, Features, ReaderRules
from labelbox_local.identifiers import endless_ids, new_id, now
from labelbox_local.import_lines import Found, LineReader, Lines, check_stop
from labelbox_local.label_lines import Line, find_rows_of_project, find_rows_of_run, make_label
from labelbox_local.labels import NewLabel
from labelbox_local.mask_pixels import MaskInspector
from labelbox_local.ontologies import find_ontology, normalized_of_project
from labelbox_local.predictions import add_predictions, delete_of_rows_in_run, masks_of, without_scores
from labelbox_local.store import as_list
from labelbox_local.workers import TaskFailedError, runs
from labelbox_local.workflow import move_rows, touch

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

IMPORT_TASK = "annotation-import"
_LABELS_A_WRITE = 2_000


@runs(IMPORT_TASK, lane="annotations")
def run_annotation_import(platform: Platform, task: dict[str, Any]) -> None:
    """Raises:
    TaskStoppedError: interrupted; the import begins anew at the next start.
    TaskFailedError, OSError: the import as a whole can not be done.
    """
    payload = orjson.loads(task["payload"])
    _undo(platform, payload["import"])
    if payload["kind"] == "mea_to_mal":
        _copy_predictions(platform, payload)
    else:
        _Import(platform, task, payload).run()
    with platform.store.writing() as write:
        write.execute("UPDATE annotation_import SET finished_at = ? WHERE id = ?", (now(), payload["import"]))


def _undo(platform: Platform, import_id: str) -> None:
    """Take away what an attempt that was cut off has stored."""
    with platform.store.writing() as write:
        for table in ("label", "prediction"):
            write.execute(
                f"DELETE FROM mask WHERE owner IN (SELECT id FROM {table} WHERE import = ?)",  # noqa: S608
                (import_id,),
            )
            write.execute(f"DELETE FROM {table} WHERE import = ?", (import_id,))  # noqa: S608 - constants only


class _Import:
    """One import of a file into a project or a model run."""

    def __init__(self, platform: Platform, task: dict[str, Any], payload: dict[str, Any]) -> None:
        self.platform = platform
        self.task = task
        self.kind: str = payload["kind"]
        self.parent: str = payload["parent"]
        self.id: str = payload["import"]
        self.drop_every: int = orjson.loads(task["fault"] or "{}").get("every", 0)
        self.ids = endless_ids()
        self.media_type, self.ontology = self._target()

    def _target(self) -> tuple[str, dict[str, Any]]:
        """Media type and normalized ontology of the project or model run.

        Raises:
            TaskFailedError: deleted meanwhile, or without an ontology.
        """
        store = self.platform.store
        if self.kind == "mea":
            model = store.row(
                "SELECT model.ontology FROM model_run JOIN model ON model.id = model_run.model WHERE model_run.id = ?",
                self.parent,
            )
            if model is None:
                raise TaskFailedError(f"Model run {self.parent} does not exist any more")
            ontology = find_ontology(self.platform, model["ontology"])
            return ontology["mediaType"] or "IMAGE", ontology["normalized"]
        project = store.row("SELECT media_type FROM project WHERE id = ? AND deleted IS NULL", self.parent)
        normalized = normalized_of_project(self.platform, self.parent)
        if project is None or normalized is None:
            raise TaskFailedError(f"Project {self.parent} does not exist any more, or has no ontology")
        return project["media_type"], normalized

    def run(self) -> None:
        stop = partial(check_stop, self.platform, self.task["id"])
        place = "model run" if self.kind == "mea" else "project"
        reader = AnnotationReader(Features.of(self.ontology), self.media_type, self.ids, self._rules())
        inspector = MaskInspector(self.platform, place)
        line_reader = LineReader(self.platform, reader, self._find_rows, inspector, self.drop_every)
        lines = line_reader.lines
        try:
            with (self.platform.import_files / self.id / "inputs").open("rb") as file:
                line_reader.read(file, stop)
            good, bad = lines.counts()
            self._progress(0, bad, good + bad)
            self._store(lines, stop)
            write_files(self.platform, self.id, lines)
            self._progress(*lines.counts(), good + bad)
        finally:
            lines.close()

    def _rules(self) -> ReaderRules:
        switches = self.platform.switches
        relationships = switches.label_import_relationships
        allowed = self.kind != "label" or relationships == "allow"
        return ReaderRules(
            relationships=allowed or (relationships == "documents" and self.media_type == "PDF"),
            metrics=self.kind == "mea",
            keep_confidence=self.kind == "mea",
            strict_uuid=switches.annotation_uuid == "strict",
            check_scope=switches.classification_scope == "check",
        )

    def _find_rows(self, ids: list[str], keys: list[str]) -> dict[tuple[str, str], Found]:
        if self.kind == "mea":
            return find_rows_of_run(self.platform, self.parent, ids, keys)
        return find_rows_of_project(self.platform, self.parent, ids, keys)

    def _store(self, lines: Lines, stop: Any) -> None:
        """Raises: TaskStoppedError."""
        groups: list[tuple[int, list[Line]]] = []
        for data_row, group in groupby(lines.good(), key=itemgetter(1)):
            groups.append((data_row, list(group)))
            if len(groups) == _LABELS_A_WRITE:
                stop()
                self._store_groups(lines, groups)
                groups = []
        if groups:
            stop()
            self._store_groups(lines, groups)

    def _store_groups(self, lines: Lines, groups: list[tuple[int, list[Line]]]) -> None:
        refused = self._refused([data_row for data_row, _ in groups])
        made = []
        for data_row, group in groups:
            if data_row in refused:
                for line in group:
                    lines.fail(line[0], AnnotationError("The data row is already labeled", name="AlreadyLabeled"))
                continue
            label = make_label(lines, data_row, group, self.media_type, next(self.ids))
            if label is not None:
                made.append(label)
        rows = [label.data_row for label in made]
        with self.platform.store.writing() as write:
            if self.kind == "label":
                self._store_labels(write, made, rows)
            else:
                self._store_predictions(write, made, rows)
            done = sum(len(group) for _, group in groups)
            write.execute("UPDATE task SET succeeded = succeeded + ? WHERE seq = ?", (done, self.task["seq"]))

    def _refused(self, rows: list[int]) -> set[int]:
        """Rows that have a label and must not get another."""
        if self.kind != "label" or self.platform.switches.label_import_repeat != "reject":
            return set()
        found = self.platform.store.rows(
            "SELECT DISTINCT data_row FROM label WHERE project = ? AND deleted = 0"
            " AND data_row IN (SELECT value FROM json_each(?))",
            self.parent,
            as_list(rows),
        )
        return {row["data_row"] for row in found}

    def _store_labels(self, write: sqlite3.Connection, made: list[NewLabel], rows: list[int]) -> None:
        """Imported labels are submitted and approved at once: their rows are done."""
        if self.platform.switches.label_import_repeat == "replace":
            labels.delete_stored(write, self.parent, rows, self.platform.store.user)
        found = write.execute(
            "SELECT data_row FROM project_row WHERE project = ? AND queue IS NOT NULL"
            " AND data_row IN (SELECT value FROM json_each(?))",
            (self.parent, as_list(rows)),
        )
        waiting = [row["data_row"] for row in found.fetchall()]
        labels.add_labels(self.platform, write, self.parent, made, source=self.id, moved=frozenset(waiting))
        if waiting:
            move_rows(self.platform, write, self.parent, waiting, None)

    def _store_predictions(self, write: sqlite3.Connection, made: list[NewLabel], rows: list[int]) -> None:
        if self.kind == "mal" and self.platform.switches.prelabel_repeat == "replace":
            delete_of_rows_in_run(write, self.parent, rows)
        add_predictions(write, self.parent, self.id, made)
        if self.kind == "mal":
            touch(write, self.parent, rows, now())

    def _progress(self, good: int, bad: int, total: int) -> None:
        with self.platform.store.writing() as write:
            write.execute(
                "UPDATE task SET succeeded = ?, failed = ?, total = ?, updated_at = ? WHERE seq = ?",
                (good, bad, total, now(), self.task["seq"]),
            )


def write_files(platform: Platform, import_id: str, lines: Lines) -> None:
    """Write what the client can read about the import besides its input: the statuses and the errors."""
    for name, failed_only in (("statuses", False), ("errors", True)):
        with (platform.import_files / import_id / name).open("wb") as file:
            file.writelines(lines.statuses(failed_only=failed_only))


def _copy_predictions(platform: Platform, payload: dict[str, Any]) -> None:
    """Predictions of a model run become pre-labels of a project; one status line for each annotation."""
    rows = platform.store.rows(
        "SELECT data_row.seq, data_row.id, project_row.data_row IS NOT NULL AS inside FROM data_row"
        " LEFT JOIN project_row ON project_row.data_row = data_row.seq AND project = ?"
        " WHERE data_row.id IN (SELECT value FROM json_each(?))",
        payload["parent"],
        as_list(payload["rows"]),
    )
    lines = Lines()
    position = 0
    try:
        for row in rows:
            statuses, made = _copy_row(platform, payload, row, position)
            position += len(statuses)
            lines.add(statuses, [])
            with platform.store.writing() as write:
                add_predictions(write, payload["parent"], payload["import"], made)
        write_files(platform, payload["import"], lines)
    finally:
        lines.close()


def _copy_row(
    platform: Platform, payload: dict[str, Any], row: dict[str, Any], position: int
) -> tuple[list[tuple[Any, ...]], list[NewLabel]]:
    error = None
    if not row["inside"]:
        wrong = AnnotationError(f"Data row {row['id']} is not in the project", name="DataRowNotInProject")
        error = orjson.dumps(wrong.status())
    statuses: list[tuple[Any, ...]] = []
    made = []
    found = platform.store.rows(
        "SELECT * FROM prediction WHERE parent = ? AND data_row = ?", payload["model_run"], row["seq"]
    )
    for each in found:
        content = without_scores(orjson.loads(each["content"]))
        count = sum(len(annotations) for annotations in content.values())
        for _ in range(count):
            place = position + len(statuses)
            statuses.append((place, row["seq"], row["id"], None, str(uuid.uuid4()), None, None, 0, error))
        if error is None and count:
            masks = masks_of(platform.store.reader, each["id"])
            text = orjson.dumps(content).decode()
            made.append(NewLabel(row["seq"], text, bool(each["plain"]), masks, id=new_id()))
    return statuses, made
