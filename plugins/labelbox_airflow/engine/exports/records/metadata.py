"""Metadata as typed columns, one a field of the organization's metadata schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from labelbox_airflow.engine.exports.records.arrow import NUMBER, TEXT, TIME, column
from labelbox_airflow.engine.exports.records.line import Entry, ExportedRow
from labelbox_airflow.engine.metadata_schema import MetadataField, MetadataSchema
from labelbox_airflow.engine.rows.spec import MetadataKind

_TYPES: Mapping[MetadataKind, pa.DataType] = {"string": TEXT, "enum": TEXT, "number": NUMBER, "datetime": TIME}


class MetadataColumns:
    """The columns of metadata in the order of the schema; an enum is the name of its option.

    :param name: what the column of a field is called
    """

    def __init__(self, schema: MetadataSchema, name: str = "metadata_{name}") -> None:
        self.columns = [
            column(name.format(name=field.name, kind=field.kind), _TYPES[field.kind], field.id)
            for field in schema.values()
        ]
        made = list(zip(schema.values(), self.columns, strict=True))
        self._by_id = {field.id: (field, made_column.name) for field, made_column in made}
        self._by_name = {field.name: (field, made_column.name) for field, made_column in made}

    def values(self, exported: ExportedRow) -> tuple[dict[str, Any], list[Entry]]:
        """Return the values of a data row by column, and the fields that are in no column.

        A field is known by its id, or in exports that have none by its name.

        :raises LabelboxError: metadata that is not as in exports
        """
        found: dict[str, Any] = {}
        unknown: list[Entry] = []
        for each in exported.content.get("metadata_fields") or ():
            if type(each) is not dict:
                raise exported.error(f"metadata_fields has {each!r}")
            held = self._by_id.get(each.get("schema_id", "")) or self._by_name.get(each.get("schema_name", ""))
            if held is None or (len(each["value"]) if type(each.get("value")) is list else 1) > 1:
                unknown.append(each)
            if held is not None:
                found[held[1]] = _value(held[0], each.get("value"))
        return found, unknown


def _value(field: MetadataField, value: Any) -> Any:
    if type(value) is list:
        value = value[0] if value else None
    if type(value) is dict:
        return value.get("schema_name")
    if field.kind == "number" and type(value) is str:
        return float(value) if value.strip() else None
    return value
