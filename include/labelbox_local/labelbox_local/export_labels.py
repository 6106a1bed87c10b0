"""What an export shows of the labels of its rows, by project, and of predictions, by model run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.annotations.exported import Form, Names, export_form, names_of
from labelbox_local.identifiers import export_time
from labelbox_local.store import as_list
from labelbox_local.workflow import status_of

if TYPE_CHECKING:
    import sqlite3

    from labelbox_local.platform import Platform

Rows = list[dict[str, Any]]
# Kinds of media whose annotations are put together anew for an export.
_MOVING = frozenset(("VIDEO", "AUDIO", "DICOM"))
_IN_ROWS = "IN (SELECT value FROM json_each(?))"


class AnnotationWriter:
    """Puts stored annotations into the form of an export."""

    def __init__(
        self, platform: Platform, connection: sqlite3.Connection, task_id: str, params: dict[str, Any]
    ) -> None:
        self.platform = platform
        self.connection = connection
        self.task_id = task_id
        self.interpolated = bool(params.get("includeInterpolatedFrames"))
        self._names: dict[str, tuple[int, Names]] = {}

    def annotations(self, stored: dict[str, Any], row: dict[str, Any], media_type: str, ontology: str | None) -> Any:
        """`stored` is a label or prediction with its content; `row` the data row."""
        names = self._changed_names(ontology, stored["created_at"])
        if stored["plain"] and media_type not in _MOVING and names is None:
            return orjson.Fragment(stored["content"])
        text = row["row_data"] if media_type == "TEXT" and not row["row_data"].startswith(("http", "gs:")) else None
        form = Form(
            media_type, lambda frame: self._mask_url(stored["id"], frame), text, names, self.interpolated,
            self.platform.switches.export_key_frames,
        )  # fmt: skip
        return export_form(orjson.loads(stored["content"]), form)

    def _mask_url(self, owner: str, frame: int) -> str:
        return f"{self.platform.base_url}/api/v1/tasks/{self.task_id}/masks/{owner}/index/{frame or 1}"

    def _changed_names(self, ontology: str | None, since: int) -> Names | None:
        """The names of the features of an ontology, when it was changed after a time."""
        if ontology is None:
            return None
        if ontology not in self._names:
            sql = "SELECT normalized, updated_at FROM ontology WHERE id = ?"
            found = self.connection.execute(sql, (ontology,)).fetchone()
            self._names[ontology] = (
                (found["updated_at"], names_of(orjson.loads(found["normalized"]))) if found else (0, {})
            )
        updated_at, names = self._names[ontology]
        return names if updated_at > since else None


class ProjectsBlock:
    """`projects` of an exported row: by project its labels, and where it is in the workflow."""

    def __init__(
        self, platform: Platform, connection: sqlite3.Connection, task_id: str, payload: dict[str, Any]
    ) -> None:
        self.connection = connection
        self.params: dict[str, Any] = payload["params"]
        self.known_until = int(payload["known"])
        self.writer = AnnotationWriter(platform, connection, task_id, self.params)
        self.projects = {row["id"]: row for row in self._chosen(payload)}
        self.chosen = as_list(self.projects)
        self.emails = {row["id"]: row["email"] for row in connection.execute("SELECT id, email FROM user")}
        sql = f"SELECT * FROM task_queue WHERE project {_IN_ROWS}"  # noqa: S608 - constants only
        self.queues = {row["id"]: row for row in connection.execute(sql, (self.chosen,))}

    def _chosen(self, payload: dict[str, Any]) -> Rows:
        """The project exported, or those an export of the catalog names."""
        sql, ids = "SELECT * FROM project WHERE deleted IS NULL", self.params.get("projectIds")
        if payload.get("project"):
            ids = [payload["project"]]
        elif self.params.get("allProjects"):
            return self.connection.execute(sql).fetchall()
        return self.connection.execute(f"{sql} AND id {_IN_ROWS}", (as_list(ids or []),)).fetchall()

    def of(self, rows: Rows, numbers: str) -> dict[int, dict[str, Any]]:
        """The blocks of a batch of data rows by their `seq`; `numbers` are those as JSON."""
        if not self.projects:
            return {}
        by_seq = {row["seq"]: row for row in rows}
        labels = self._labels(by_seq, numbers)
        history = self._history(numbers) if self.params.get("includeProjectDetails") else {}
        found: dict[int, dict[str, Any]] = {}
        for place in self._rows("project_row", "project, data_row", numbers):
            key = (place["project"], place["data_row"])
            block: dict[str, Any] = {"name": self.projects[place["project"]]["name"], "labels": labels.pop(key, [])}
            if self.params.get("includeProjectDetails"):
                block["project_details"] = self._details(place, block["labels"], history.get(key, []))
            found.setdefault(place["data_row"], {})[place["project"]] = block
        # Labels of rows that are in no batch of their project.
        for (project, data_row), shown in labels.items():
            block = {"name": self.projects[project]["name"], "labels": shown}
            found.setdefault(data_row, {})[project] = block
        return found

    def _rows(self, table: str, order: str, numbers: str, more: str = "") -> Rows:
        sql = f"SELECT * FROM {table} WHERE data_row {_IN_ROWS} AND project {_IN_ROWS}{more} ORDER BY {order}"  # noqa: S608
        return self.connection.execute(sql, (numbers, self.chosen)).fetchall()

    def _labels(self, rows: dict[int, dict[str, Any]], numbers: str) -> dict[tuple[str, int], Rows]:
        found: dict[tuple[str, int], Rows] = {}
        labels = self._rows("label", "seq", numbers, f" AND deleted = 0 AND created_at <= {self.known_until}")
        reviews = self._reviews([label["seq"] for label in labels])
        for label in labels:
            shown = self._label(label, rows[label["data_row"]], reviews.get(label["seq"], []))
            found.setdefault((label["project"], label["data_row"]), []).append(shown)
        return found

    def _label(self, label: dict[str, Any], row: dict[str, Any], reviews: Rows) -> dict[str, Any]:
        project = self.projects[label["project"]]
        shown = label_head(label, project["media_type"])
        if self.params.get("includeLabelDetails"):
            shown["label_details"] = {
                "created_at": export_time(label["created_at"]),
                "updated_at": export_time(label["updated_at"]),
                "created_by": self.emails.get(label["created_by"]),
                "content_last_updated_at": export_time(label["content_updated_at"]),
                "reviews": reviews,
            }
        if self.params.get("includePerformanceDetails"):
            shown["performance_details"] = {
                "seconds_to_create": label["seconds_to_label"],
                "seconds_to_review": label["seconds_to_review"],
                "skipped": bool(label["is_skipped"]),
            }
        if label["is_benchmark"]:
            shown["is_benchmark_reference"] = True
        shown["annotations"] = self.writer.annotations(label, row, project["media_type"], project["ontology"])
        return shown

    def _reviews(self, labels: list[int]) -> dict[int, Rows]:
        if not self.params.get("includeLabelDetails"):
            return {}
        found: dict[int, Rows] = {}
        sql = f"SELECT * FROM review WHERE label {_IN_ROWS} ORDER BY seq"  # noqa: S608 - constants only
        for review in self.connection.execute(sql, (as_list(labels),)):
            shown = {
                "reviewed_at": export_time(review["created_at"]),
                "reviewed_by": self.emails.get(review["created_by"]),
                "score": review["score"],
            }
            found.setdefault(review["label"], []).append(shown)
        return found

    def _history(self, numbers: str) -> dict[tuple[str, int], Rows]:
        found: dict[tuple[str, int], Rows] = {}
        for move in self._rows("workflow_move", "seq DESC", numbers):
            shown: dict[str, Any] = {
                "action": move["action"],
                "created_at": export_time(move["created_at"]),
                "created_by": self.emails.get(move["created_by"]),
            }
            for side in ("previous", "next"):
                queue = self.queues.get(move[f"{side}_queue"])
                if queue is not None:
                    shown |= {f"{side}_task_name": queue["name"], f"{side}_task_id": queue["id"]}
            found.setdefault((move["project"], move["data_row"]), []).append(shown)
        return found

    def _details(self, place: dict[str, Any], labels: Rows, history: Rows) -> dict[str, Any]:
        project, queue = self.projects[place["project"]], self.queues.get(place["queue"])
        batch = self._batch(place["batch"])
        details: dict[str, Any] = {"ontology_id": project["ontology"]}
        if queue is not None:
            details |= {"task_id": queue["id"], "task_name": queue["name"]}
        details |= {
            "batch_id": place["batch"],
            "batch_name": batch.get("name"),
            "workflow_status": status_of(queue["type"] if queue else None),
            "priority": place["priority"],
            "consensus_expected_label_count": batch.get("labels", 1),
            "workflow_history": history,
        }
        if labels:
            details["selected_label_id"] = labels[0]["id"]
        return details

    def _batch(self, batch_id: str) -> dict[str, Any]:
        if not hasattr(self, "_batches"):
            self._batches: dict[str, dict[str, Any]] = {}
        if batch_id not in self._batches:
            found = self.connection.execute("SELECT * FROM batch WHERE id = ?", (batch_id,)).fetchone()
            consensus = orjson.loads(found["consensus"] or "null") if found else None
            labels = (consensus or {}).get("numberOfLabels") or 1
            self._batches[batch_id] = {"name": found["name"], "labels": labels} if found else {}
        return self._batches[batch_id]


def label_head(stored: dict[str, Any], media_type: str) -> dict[str, Any]:
    """The first keys of an exported label or prediction."""
    return {"label_kind": "Video" if media_type == "VIDEO" else "Default", "version": "1.0.0", "id": stored["id"]}


class ExperimentsBlock:
    """`experiments` of an exported row: by model and run its labels and predictions there."""

    def __init__(
        self, platform: Platform, connection: sqlite3.Connection, task_id: str, payload: dict[str, Any]
    ) -> None:
        self.connection = connection
        self.params: dict[str, Any] = payload["params"]
        self.writer = AnnotationWriter(platform, connection, task_id, self.params)
        self.runs = {row["id"]: row for row in self._chosen(payload)}
        self.wanted = bool(self.runs)

    def _chosen(self, payload: dict[str, Any]) -> Rows:
        sql = (
            "SELECT model_run.*, model.name AS model_name, model.ontology, ontology.media_type FROM model_run"
            " JOIN model ON model.id = model_run.model LEFT JOIN ontology ON ontology.id = model.ontology"
        )
        ids = self.params.get("modelRunIds")
        if payload.get("model_run"):
            ids = [payload["model_run"]]
        elif self.params.get("allModelRuns"):
            return self.connection.execute(sql).fetchall()
        return self.connection.execute(f"{sql} WHERE model_run.id {_IN_ROWS}", (as_list(ids or []),)).fetchall()

    def of(self, rows: Rows, numbers: str) -> dict[int, dict[str, Any]]:
        """The blocks of a batch of data rows by their `seq`; `numbers` are those as JSON."""
        if not self.runs:
            return {}
        by_seq = {row["seq"]: row for row in rows}
        sql = f"SELECT * FROM model_run_row WHERE data_row {_IN_ROWS} AND model_run {_IN_ROWS} ORDER BY seq"  # noqa: S608
        found: dict[int, dict[str, Any]] = {}
        places = self.connection.execute(sql, (numbers, as_list(self.runs))).fetchall()
        labels = self._labels([place["label"] for place in places if place["label"]])
        predictions = self._predictions(numbers)
        for place in places:
            run, row = self.runs[place["model_run"]], by_seq[place["data_row"]]
            shown: dict[str, Any] = {"name": run["name"], "run_data_row_id": place["id"]}
            if self.params.get("includeModelRunDetails"):
                shown["split"] = place["split"].lower()
            label = labels.get(place["label"])
            shown["labels"] = [self._shown(label, row, run)] if label else []
            if self.params.get("includePredictions"):
                mine = predictions.get((run["id"], row["seq"]), [])
                shown["predictions"] = [self._shown(each, row, run) for each in mine]
            models = found.setdefault(row["seq"], {})
            model = models.setdefault(run["model"], {"name": run["model_name"], "runs": {}})
            model["runs"][run["id"]] = shown
        return found

    def _labels(self, ids: list[str]) -> dict[str, dict[str, Any]]:
        sql = (
            "SELECT label.*, project.media_type, project.ontology FROM label JOIN project ON project.id = label.project"  # noqa: S608
            f" WHERE label.id {_IN_ROWS}"
        )
        return {label["id"]: label for label in self.connection.execute(sql, (as_list(ids),))}

    def _predictions(self, numbers: str) -> dict[tuple[str, int], Rows]:
        found: dict[tuple[str, int], Rows] = {}
        if self.params.get("includePredictions"):
            sql = f"SELECT * FROM prediction WHERE data_row {_IN_ROWS} AND parent {_IN_ROWS} ORDER BY seq"  # noqa: S608
            for prediction in self.connection.execute(sql, (numbers, as_list(self.runs))):
                found.setdefault((prediction["parent"], prediction["data_row"]), []).append(prediction)
        return found

    def _shown(self, stored: dict[str, Any], row: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
        media_type = stored.get("media_type") or run["media_type"] or "IMAGE"
        ontology = stored.get("ontology") or run["ontology"]
        shown = label_head(stored, media_type)
        shown["annotations"] = self.writer.annotations(stored, row, media_type, ontology)
        return shown
