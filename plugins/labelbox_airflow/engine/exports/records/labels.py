"""The wide table: one row a label, columns as the ontology has classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from labelbox_airflow.engine.exports.records.annotation_rows import AnnotationRows
from labelbox_airflow.engine.exports.records.arrow import TEXT, Rows, as_json, column
from labelbox_airflow.engine.exports.records.geometry import GeometryForm
from labelbox_airflow.engine.exports.records.kinds import QUESTIONS, UNKNOWN, Columns
from labelbox_airflow.engine.exports.records.label_columns import DETAILS, KEYS, label_columns
from labelbox_airflow.engine.exports.records.line import ExportedRow
from labelbox_airflow.engine.exports.records.questions import Questions, free_name
from labelbox_airflow.engine.exports.records.record_set import RecordSet
from labelbox_airflow.engine.exports.records.tools import ObjectForm, ToolColumn
from labelbox_airflow.engine.ontology.tree import Ontology


@dataclass(slots=True)
class _Label:
    """The columns of a label, while they are filled; ``tool`` is that of the last object."""

    objects: dict[str, list[dict[str, Any]]]
    answers: dict[str, Any] = field(default_factory=dict)
    other: list[Columns] = field(default_factory=list)
    tool: ToolColumn | None = None


class LabelRecords(RecordSet):
    """One row a label. Each tool is a column ``objects_<class>``, each question a column ``answer_<question>``.

    Columns are in the order of the ontology. An answer is a text, or a list of the options of a checklist; of questions
    about frames or messages, a list of structs with the place of each. Answers about an object are in its struct, under
    ``answers``. What has no column is JSON in ``other``, in the form of rows of the long table: what the ontology does
    not have any more, or a second answer to one question.

    :param geometry: ``struct`` (sides of a box, or points), ``wkt`` or ``geojson``
    :param objects: ``list`` of structs, ``json``, or the ``count`` of objects
    :param projects: ids of the projects that were exported; None for all that the lines have
    """

    def __init__(
        self,
        ontology: Ontology,
        geometry: GeometryForm = "struct",
        objects: ObjectForm = "list",
        projects: Sequence[str] | None = None,
    ) -> None:
        self.projects = tuple(projects) if projects is not None else None
        self._annotations = AnnotationRows(geometry)
        taken: set[str] = set()
        self._tools = [
            ToolColumn(tool, free_name(f"objects_{tool.name}", taken), geometry, objects) for tool in ontology.tools
        ]
        made = list(zip(ontology.tools, self._tools, strict=True))
        self._by_id = {tool.schema_id: each for tool, each in made if tool.schema_id is not None}
        self._by_name = {tool.name: each for tool, each in made}
        self._questions = Questions(ontology.classifications, prefix="answer_", may_be_placed=True)
        of_ontology = [each.column for each in self._tools] + [each.column() for each in self._questions.questions]
        self.schema = pa.schema([*KEYS, *of_ontology, *DETAILS, column("other", TEXT)])

    def rows(self, exported: ExportedRow) -> Iterable[Rows]:
        """Yield the labels of a data row."""
        for project in exported.projects(self.projects):
            for label in project.labels:
                row = label_columns(exported, project, label)
                yield Rows({}, [row | self._columns(self._annotations.of(label.get("annotations")))])

    def _columns(self, found: Iterable[Columns]) -> dict[str, Any]:
        into = _Label({tool.name: [] for tool in self._tools})
        for row in found:
            if not self._put(row, into):
                into.other.append(row)
            elif "other" in row:
                into.other.append({"annotation_id": row.get("annotation_id"), "other": row["other"]})
        objects = {each.name: each.value(into.objects[each.name]) for each in self._tools}
        return objects | into.answers | {"other": as_json(into.other)}

    def _put(self, row: Columns, into: _Label) -> bool:
        """Put a row of the long table into its column; False where there is no room for it.

        What is nested follows what it is nested in.
        """
        if row.get("parent_id") is None:
            into.tool = self._tool(row)
            if into.tool is not None:
                into.objects[into.tool.name].append(into.tool.object(row))
                return True
        elif into.tool is not None:
            return into.tool.answer(row, into.objects[into.tool.name][-1])
        question = self._questions.find(row) if row["kind"] in QUESTIONS else None
        return question is not None and question.put(row, into.answers)

    def _tool(self, row: Columns) -> ToolColumn | None:
        if row["kind"] in QUESTIONS or row["kind"] == UNKNOWN:
            return None
        return self._by_id.get(str(row.get("schema_id"))) or self._by_name.get(str(row.get("class")))
