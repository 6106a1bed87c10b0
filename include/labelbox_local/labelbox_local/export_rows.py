"""The lines of an export: a data row with the blocks asked for."""

from __future__ import annotations

import re
from array import array
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.export_labels import ExperimentsBlock, ProjectsBlock
from labelbox_local.identifiers import export_time
from labelbox_local.ontology import ENUM, Ontology, load_ontology
from labelbox_local.organization import EMAIL
from labelbox_local.store import as_list

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from labelbox_local.platform import Platform
_CAPITAL = re.compile("[A-Z]")


class RowWriter:
    """Makes the documented shape (docs.labelbox.com/reference/export-quick-reference)."""

    def __init__(
        self, platform: Platform, connection: sqlite3.Connection, task_id: str, payload: dict[str, Any]
    ) -> None:
        """`payload` is that of the export task: params, the project or model run, and until when it knows."""
        self.connection = connection
        self.params: dict[str, Any] = payload["params"]
        self.ontology: Ontology = load_ontology(platform, connection)
        self.embeddings = {row["id"]: row for row in connection.execute("SELECT * FROM embedding")}
        self.projects = ProjectsBlock(platform, connection, task_id, payload)
        self.experiments = ExperimentsBlock(platform, connection, task_id, payload)
        self.of_model_run = payload.get("model_run") is not None

    def lines(self, rows: list[dict[str, Any]]) -> Iterator[bytes]:
        numbers = as_list(row["seq"] for row in rows)
        attachments = self._grouped("attachment", numbers) if self.params.get("includeAttachments") else {}
        vectors = self._grouped("vector", numbers) if self.params.get("includeEmbeddings") else {}
        projects = self.projects.of(rows, numbers)
        experiments = self.experiments.of(rows, numbers)
        for row in rows:
            record: dict[str, Any] = {
                "data_row": self._data_row(row),
                "media_attributes": _snake(orjson.loads(row["media_attributes"] or "{}")),
            }
            if self.params.get("includeAttachments"):
                shown = ("id", "type", "value", "name")
                found = attachments.get(row["seq"], [])
                record["attachments"] = [{key: each[key] for key in shown} for each in found]
            if self.params.get("includeMetadata"):
                record["metadata_fields"] = self._metadata(orjson.loads(row["metadata"]))
            if self.params.get("includeEmbeddings"):
                record["embeddings"] = [self._embedding(each) for each in vectors.get(row["seq"], [])]
            if not self.of_model_run:
                record["projects"] = projects.get(row["seq"], {})
            if self.experiments.wanted:
                record["experiments"] = experiments.get(row["seq"], {})
            yield orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)

    def _grouped(self, table: str, numbers: str) -> dict[int, list[dict[str, Any]]]:
        grouped: dict[int, list[dict[str, Any]]] = {}
        order = "id" if table == "attachment" else "rowid"
        sql = f"SELECT * FROM {table} WHERE data_row IN (SELECT value FROM json_each(?)) ORDER BY {order}"  # noqa: S608
        for row in self.connection.execute(sql, (numbers,)):
            grouped.setdefault(row["data_row"], []).append(row)
        return grouped

    def _data_row(self, row: dict[str, Any]) -> dict[str, Any]:
        shown = {key: row[key] for key in ("id", "global_key", "external_id", "row_data")}
        if self.params.get("includeDataRowDetails"):
            shown["details"] = {
                "dataset_id": row["dataset"],
                "dataset_name": row["dataset_name"],
                "created_at": export_time(row["created_at"]),
                "updated_at": export_time(row["updated_at"]),
                "last_activity_at": export_time(row["last_activity_at"]),
                "created_by": EMAIL,
            }
        return shown

    def _metadata(self, values: dict[str, Any]) -> list[dict[str, Any]]:
        shown = []
        for field_id, value in values.items():
            field = self.ontology.fields.get(field_id)
            if field is None:
                continue
            if field.kind == ENUM:
                value = [
                    {"schema_id": option, "schema_name": field.options[option]}
                    for option in value
                    if option in field.options
                ]
            shown.append({"schema_id": field.id, "schema_name": field.name, "value": value})
        return shown

    def _embedding(self, vector: dict[str, Any]) -> dict[str, Any]:
        embedding = self.embeddings[vector["embedding"]]
        numbers = array("d", vector["numbers"]).tolist()
        return {
            "id": embedding["id"],
            "name": embedding["name"],
            "dimensions": embedding["dims"],
            "is_custom": bool(embedding["custom"]),
            "values": [{"value": numbers}],
        }


def _snake(attributes: dict[str, Any]) -> dict[str, Any]:
    return {_CAPITAL.sub(lambda found: f"_{found[0].lower()}", key): value for key, value in attributes.items()}
