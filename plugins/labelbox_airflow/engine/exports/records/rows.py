"""One row a data row: what it is, and what is attached to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from labelbox_airflow.engine.exports.records.arrow import NUMBER, TEXT, TIME, WHOLE, Rows, as_json, column, struct
from labelbox_airflow.engine.exports.records.line import Entry, ExportedRow
from labelbox_airflow.engine.exports.records.metadata import MetadataColumns
from labelbox_airflow.engine.exports.records.raw import scope_of_rows
from labelbox_airflow.engine.exports.records.record_set import RecordSet
from labelbox_airflow.engine.metadata_schema import MetadataSchema

_PLAIN = {
    "project_id": TEXT,
    "data_row_id": TEXT,
    "global_key": TEXT,
    "external_id": TEXT,
    "row_data": TEXT,
    "dataset_id": TEXT,
    "dataset_name": TEXT,
    "created_at": TIME,
    "updated_at": TIME,
    "last_activity_at": TIME,
    "created_by": TEXT,
}
MEDIA = {
    "width": WHOLE,
    "height": WHOLE,
    "mime_type": TEXT,
    "frame_rate": NUMBER,
    "frame_count": WHOLE,
    "duration": NUMBER,
    "page_count": WHOLE,
    "character_count": WHOLE,
}
"""Media attributes as Labelbox finds them; the duration is in seconds."""
_ATTACHMENT = struct(id=TEXT, type=TEXT, name=TEXT, value=TEXT)
_EMBEDDING = struct(id=TEXT, name=TEXT, vector=pa.list_(NUMBER))
_PROJECT = {
    "id": TEXT,
    "name": TEXT,
    "workflow_status": TEXT,
    "task_name": TEXT,
    "batch_id": TEXT,
    "batch_name": TEXT,
    "priority": WHOLE,
    "labels": WHOLE,
}
_DATA_ROW = ("global_key", "external_id")
_DETAILS = ("dataset_id", "dataset_name", "created_at", "updated_at", "last_activity_at", "created_by")
_CONTENT = frozenset(
    ("data_row", "media_attributes", "metadata_fields", "attachments", "embeddings", "projects", "experiments")
)


class RowRecords(RecordSet):
    """One row a data row: ids, dataset, media attributes, metadata, attachments, embeddings, and its projects.

    Each field of the metadata schema is a column ``metadata_<name>``. ``projects`` are those the export has the data
    row in, each with its batch, workflow status and number of labels. ``row_data`` is JSON where it is an object.

    :param metadata: the metadata schema of the organization
    :param projects: ids of the projects that were exported; with exactly one, ``project_id`` says it
    """

    def __init__(self, metadata: MetadataSchema, projects: Sequence[str] | None = None) -> None:
        self.projects, self._project_id = scope_of_rows(projects)
        self._only = projects
        self._metadata = MetadataColumns(metadata)
        plain = [column(name, kind) for name, kind in (_PLAIN | MEDIA).items()]
        lists = [
            column("attachments", pa.list_(_ATTACHMENT)),
            column("embeddings", pa.list_(_EMBEDDING)),
            column("projects", pa.list_(struct(**_PROJECT))),
        ]
        self.schema = pa.schema([*plain, *self._metadata.columns, *lists, column("other", TEXT)])

    def rows(self, exported: ExportedRow) -> Iterable[Rows]:
        """Yield the one row of a data row."""
        media = dict(exported.items("media_attributes"))
        values, unknown = self._metadata.values(exported)
        details = exported.data_row.get("details") or {}
        other: dict[str, Any] = {
            "media_attributes": {key: value for key, value in media.items() if key not in MEDIA},
            "metadata_fields": unknown,
            **{key: value for key, value in exported.content.items() if key not in _CONTENT},
        }
        row = {
            "project_id": self._project_id,
            "data_row_id": exported.id,
            **{key: exported.data_row.get(key) for key in _DATA_ROW},
            "row_data": text_of(exported.data_row.get("row_data")),
            **{key: details.get(key) for key in _DETAILS},
            **{key: media.get(key) for key in MEDIA},
            **values,
            "attachments": exported.content.get("attachments"),
            "embeddings": _embeddings(exported.content.get("embeddings")),
            "projects": list(_projects(exported, self._only)),
            "other": as_json({key: value for key, value in other.items() if value}),
        }
        yield Rows({}, [row])


def text_of(value: Any) -> str | None:
    """Return a text as it is, and an object as JSON."""
    return value if isinstance(value, str) else as_json(value)


def _embeddings(given: Any) -> list[Mapping[str, Any]] | None:
    """Return embeddings with their vectors, each of ``values`` being one."""
    if given is None:
        return None
    return [
        {"id": each.get("id"), "name": each.get("name"), "vector": vector.get("value")}
        for each in given
        for vector in each.get("values") or ()
    ]


def _projects(exported: ExportedRow, only: Sequence[str] | None) -> Iterator[Entry]:
    for project in exported.projects(only):
        details = {key: project.details.get(key) for key in _PROJECT}
        yield {**details, "id": project.id, "name": project.name, "labels": len(project.labels)}
