"""The tools of an ontology as columns: each the objects of its class in a label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import orjson
import pyarrow as pa

from labelbox_airflow.engine.exports.records.annotations import MESSAGES, METRICS, TOKEN_GROUPS
from labelbox_airflow.engine.exports.records.arrow import FLAG, NUMBER, TEXT, WHOLE, column
from labelbox_airflow.engine.exports.records.geometry import TYPES, GeometryForm
from labelbox_airflow.engine.exports.records.kinds import Columns
from labelbox_airflow.engine.exports.records.questions import PLACES, Questions
from labelbox_airflow.engine.ontology.tree import MASKS, Tool

ObjectForm = Literal["list", "json", "count"]

_PAGE = {"page": WHOLE, "unit": TEXT}
_MASK = {"mask_url": TEXT, "mask_color": TEXT}
_ENTITY = {"text": TEXT, "entity_start": WHOLE, "entity_end": WHOLE, "page": WHOLE, "token_groups": TOKEN_GROUPS}
_EDGE = {"source_id": TEXT, "target_id": TEXT, "relationship_type": TEXT, "readonly": FLAG}
_SELECTION = {"messages": MESSAGES, "parent_message_id": TEXT}
_SCORES = {"confidence": NUMBER, "custom_metrics": METRICS}


def _fields(kind: str, geometry: GeometryForm) -> Mapping[str, pa.DataType]:
    if kind in MASKS:
        own: Mapping[str, pa.DataType] = _MASK
    elif kind == "named-entity":
        own = _ENTITY
    elif kind == "edge":
        return {"annotation_id": TEXT, **_EDGE}
    elif kind.startswith("message-"):
        own = _SELECTION
    else:
        own = {"geometry": TYPES[geometry], **_PAGE}
    return {"annotation_id": TEXT, **own, **PLACES, **_SCORES}


class ToolColumn:
    """The column of a tool.

    :param form: ``list`` of structs, the same as ``json``, or only the ``count`` of objects; an object that moves is
        one struct a frame, and counts once
    """

    def __init__(self, tool: Tool, name: str, geometry: GeometryForm, form: ObjectForm) -> None:
        self.name = name
        self._form = form
        self._fields = _fields(tool.kind, geometry)
        self._questions = Questions(tool.classifications, (tool.name,), may_be_placed=False)
        self.column = column(name, self._type(), tool.schema_id)

    def _type(self) -> pa.DataType:
        if self._form != "list":
            return TEXT if self._form == "json" else WHOLE
        fields = [pa.field(*each) for each in self._fields.items()]
        asked = [each.column() for each in self._questions.questions]
        return pa.list_(pa.struct([*fields, pa.field("answers", pa.struct(asked))] if asked else fields))

    def object(self, row: Columns) -> dict[str, Any]:
        """Return a struct of a row of the long table, as yet without answers."""
        return {key: row[key] for key in self._fields if row.get(key) is not None}

    def answer(self, row: Columns, of: dict[str, Any]) -> bool:
        """Put an answer about an object into its struct; False where there is no room for it."""
        question = self._questions.find(row)
        return question is not None and question.put(row, of.setdefault("answers", {}))

    def value(self, objects: list[dict[str, Any]]) -> Any:
        """Return what a label has in this column."""
        if self._form == "list":
            return objects
        if self._form == "json":
            return orjson.dumps(objects).decode()
        return len({each.get("annotation_id") or id(each) for each in objects})
