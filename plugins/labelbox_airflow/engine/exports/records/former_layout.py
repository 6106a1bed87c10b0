"""The layout of the former connectors (labelpandas, labelspark, labelbox-bigquery): ``annotation///bbox///Car``.

For tables and code that were made for them; `annotations.readers.wide` reads the same layout.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson
import pyarrow as pa

from labelbox_airflow.engine.annotations.exported.label import annotations_of
from labelbox_airflow.engine.annotations.model import Annotation, DataRow
from labelbox_airflow.engine.exports.records.arrow import TEXT, Rows, as_json, column
from labelbox_airflow.engine.exports.records.former_cells import NoFormError, entry, kind_of_question, kind_of_tool
from labelbox_airflow.engine.exports.records.kinds import QUESTIONS
from labelbox_airflow.engine.exports.records.label_columns import DETAILS, KEYS, label_columns
from labelbox_airflow.engine.exports.records.line import Entry, ExportedRow
from labelbox_airflow.engine.exports.records.metadata import MetadataColumns
from labelbox_airflow.engine.exports.records.record_set import RecordSet
from labelbox_airflow.engine.exports.records.rows import text_of
from labelbox_airflow.engine.metadata_schema import MetadataSchema
from labelbox_airflow.engine.ontology.tree import Ontology


class FormerLayout(RecordSet):
    """One row a label. Cells of annotations are JSON: ``[[[top, left, height, width], [nested answers]], …]``.

    What the connectors had no form for (videos, audio, conversations, relationships, choices among messages, what is
    not in the ontology) is named in ``other``, with the reason.

    :param attachments: types and names of those that become columns ``attachment///<type>///<name>``
    :param is_map: the data rows are tiles of maps, whose shapes are called ``geo_bbox`` and so on
    :param projects: ids of the projects that were exported; None for all that the lines have
    """

    def __init__(
        self,
        ontology: Ontology,
        metadata: MetadataSchema,
        attachments: Sequence[tuple[str, str]] = (),
        *,
        is_map: bool = False,
        divider: str = "///",
        projects: Sequence[str] | None = None,
    ) -> None:
        self.projects = tuple(projects) if projects is not None else None
        self._divider = divider
        self._metadata = MetadataColumns(metadata, divider.join(("metadata", "{kind}", "{name}")))
        self._attachments = {each: divider.join(("attachment", *each)) for each in attachments}
        kinds = {each.name: (kind_of_tool(each, is_map=is_map), each.schema_id) for each in ontology.tools}
        kinds |= {each.name: (kind_of_question(each), each.schema_id) for each in ontology.classifications}
        self._columns = {
            name: (kind, column(divider.join(("annotation", kind, name)), TEXT, schema_id))
            for name, (kind, schema_id) in kinds.items()
            if kind is not None
        }
        self._names = {schema_id: name for name, (_, schema_id) in kinds.items() if schema_id is not None}
        self.schema = pa.schema(
            [
                column("row_data", TEXT),
                *KEYS,
                *(made for _, made in self._columns.values()),
                *self._metadata.columns,
                *(column(name, TEXT) for name in self._attachments.values()),
                *DETAILS,
                column("other", TEXT),
            ]
        )

    def rows(self, exported: ExportedRow) -> Iterable[Rows]:
        """Yield the labels of a data row."""
        metadata, _ = self._metadata.values(exported)
        of_row = {"row_data": text_of(exported.data_row.get("row_data"))} | metadata | self._attached(exported)
        for project in exported.projects(self.projects):
            for label in project.labels:
                yield Rows({}, [of_row | label_columns(exported, project, label) | self._cells(label, exported.id)])

    def _attached(self, exported: ExportedRow) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for each in exported.content.get("attachments") or ():
            name = self._attachments.get((each.get("type"), each.get("name")))
            if name is not None:
                found.setdefault(name, each.get("value"))
        return found

    def _cells(self, label: Entry, data_row_id: str) -> dict[str, Any]:
        cells: dict[str, list[Any]] = {}
        other: list[dict[str, Any]] = []
        for read in annotations_of(label, DataRow(id=data_row_id)):
            if isinstance(read, Annotation):
                try:
                    self._put(read, cells)
                except NoFormError as error:
                    other.append(_left_out(read.source_id, str(read.feature), str(error)))
            else:
                other.append(_left_out(read.source_id, read.class_name, read.reason) | {"annotation": read.line})
        return {name: orjson.dumps(cell).decode() for name, cell in cells.items()} | {"other": as_json(other)}

    def _put(self, annotation: Annotation, cells: dict[str, list[Any]]) -> None:
        feature = annotation.feature
        name = None if feature is None else self._names.get(feature.schema_id or "", feature.name)
        kind, made = self._columns.get(name or "", (None, None))
        if kind is None or made is None:
            raise NoFormError("is of no class that the layout has a column for")
        if made.name in cells and kind in QUESTIONS:
            raise NoFormError("is a second answer to its question")
        made_entry = entry(annotation, kind, self._divider)
        cells.setdefault(made.name, []).append(made_entry)


def _left_out(annotation_id: str | None, class_name: str | None, reason: str) -> dict[str, Any]:
    return {"annotation_id": annotation_id, "class": class_name, "reason": reason}
