"""The metadata ontology, and metadata of many data rows at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.errors import MalformedRequestError, NotFoundError, RowError
from labelbox_local.graph import mutation, query
from labelbox_local.identifiers import new_id, now
from labelbox_local.ontology import ENUM, OPTION, MetadataField, Ontology, load_ontology
from labelbox_local.store import as_list

if TYPE_CHECKING:
    import sqlite3

    from labelbox_local.platform import Platform

_LONGEST_NAME = 100  # SDK schema/data_row_metadata.py


def _present(field: MetadataField) -> dict[str, Any]:
    options = [
        {"id": key, "name": name, "kind": OPTION, "reserved": field.reserved} for key, name in field.options.items()
    ]
    return {
        "id": field.id,
        "name": field.name,
        "kind": field.kind,
        "reserved": field.reserved,
        "options": options,
    }


@query("customMetadataOntology")
def custom_metadata_ontology(_: Any, info: Any) -> list[dict[str, Any]]:
    return [_present(field) for field in load_ontology(info.context).fields.values()]


@mutation("upsertCustomMetadataSchema")
def upsert_custom_metadata_schema(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    """Create a field, or rename it and replace its options; an option that is not sent again is removed."""
    platform: Platform = info.context
    with platform.store.writing() as write:
        ontology = load_ontology(platform, write)
        field = _changeable(ontology, data["id"]) if data.get("id") else None
        name = _name(data["name"], "Metadata field")
        other = ontology.by_name.get(name)
        if other and (field is None or other.id != field.id):
            raise MalformedRequestError(f"A metadata field with the name '{name}' exists already")
        if field is None:
            field_id = _create(platform, write, ontology, name, data["kind"])
        elif field.kind != data["kind"]:
            raise MalformedRequestError(f"The kind of metadata field '{field.name}' cannot be changed")
        else:
            field_id = field.id
            write.execute("UPDATE metadata_field SET name = ? WHERE id = ?", (name, field_id))
        if data.get("options") is not None:
            _replace_options(platform, write, field_id, data)
        return _present(load_ontology(platform, write).fields[field_id])


def _create(platform: Platform, write: sqlite3.Connection, ontology: Ontology, name: str, kind: str) -> str:
    custom = sum(not field.reserved for field in ontology.fields.values())
    if custom >= platform.switches.metadata_fields:
        raise MalformedRequestError(f"At most {platform.switches.metadata_fields} custom metadata fields are allowed")
    field_id = new_id()
    write.execute("INSERT INTO metadata_field VALUES (?, ?, ?, 0)", (field_id, name, kind))
    return field_id


def _replace_options(platform: Platform, write: sqlite3.Connection, field_id: str, data: dict[str, Any]) -> None:
    if data["kind"] != ENUM:
        raise MalformedRequestError("Only an enum metadata field has options")
    known = {
        row["name"]: row["id"] for row in write.execute("SELECT * FROM metadata_option WHERE field = ?", (field_id,))
    }
    options: dict[str, str] = {}
    for option in data["options"]:
        name = _name(option["name"], "Enum option")
        key = option.get("id") or known.get(name) or new_id()
        if option.get("id") and key not in known.values():
            raise MalformedRequestError(f"Enum option {key} not found")
        if name in options.values() or key in options:
            raise MalformedRequestError(f"Enum option '{name}' is given twice")
        options[key] = name
    if len(options) > platform.switches.metadata_options:
        raise MalformedRequestError(f"At most {platform.switches.metadata_options} enum options are allowed")
    write.execute("DELETE FROM metadata_option WHERE field = ?", (field_id,))
    write.executemany(
        "INSERT INTO metadata_option VALUES (?, ?, ?, ?)",
        [(key, field_id, name, position) for position, (key, name) in enumerate(options.items())],
    )


def _name(text: str, what: str) -> str:
    name = text.strip()
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise MalformedRequestError(f"{what} name must have 1 to {_LONGEST_NAME} characters, got {len(name)}")
    return name


def _changeable(ontology: Ontology, field_id: str) -> MetadataField:
    field = ontology.fields.get(field_id)
    if field is None:
        raise NotFoundError(f"Metadata field {field_id} not found")
    if field.reserved:
        raise MalformedRequestError(f"Metadata field '{field.name}' is reserved and cannot be changed")
    return field


@mutation("deleteCustomMetadataSchema")
def delete_custom_metadata_schema(_: Any, info: Any, schema: dict[str, Any]) -> dict[str, bool]:
    """Delete a field; its values stay unseen in the rows until those are written again."""
    platform: Platform = info.context
    with platform.store.writing() as write:
        field = _changeable(load_ontology(platform, write), schema["id"])
        write.execute("DELETE FROM metadata_option WHERE field = ?", (field.id,))
        write.execute("DELETE FROM metadata_field WHERE id = ?", (field.id,))
    return {"success": True}


def _rows_by(connection: sqlite3.Connection, column: str, keys: list[str]) -> dict[str, dict[str, Any]]:
    """Data rows by their `id` or `global_key`."""
    sql = f"SELECT seq, id, global_key, metadata FROM data_row WHERE {column} IN (SELECT value FROM json_each(?))"  # noqa: S608
    return {row[column]: row for row in connection.execute(sql, (as_list(keys),))}


def _save(write: sqlite3.Connection, changed: dict[int, dict[str, Any]]) -> None:
    moment = now()
    write.executemany(
        "UPDATE data_row SET metadata = ?, updated_at = ?, last_activity_at = ? WHERE seq = ?",
        [(orjson.dumps(values).decode(), moment, moment, seq) for seq, values in changed.items()],
    )


@mutation("upsertDataRowCustomMetadata")
def upsert_data_row_custom_metadata(_: Any, info: Any, data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Merge fields into those the rows have. Only failures are returned."""
    platform: Platform = info.context
    failures: list[dict[str, Any]] = []
    changed: dict[int, dict[str, Any]] = {}
    with platform.store.writing() as write:
        ontology = load_ontology(platform, write)
        by_id = _rows_by(write, "id", [each["dataRowId"] for each in data if each.get("dataRowId")])
        by_key = _rows_by(write, "global_key", [each["globalKey"] for each in data if each.get("globalKey")])
        for each in data:
            row = by_id.get(each.get("dataRowId") or "") or by_key.get(each.get("globalKey") or "")
            if row is None:
                failures.append(_not_merged(each, "Data row not found"))
                continue
            values = changed.get(row["seq"])
            values = orjson.loads(row["metadata"]) if values is None else values
            try:
                changed[row["seq"]] = values | ontology.read(each["fields"])
            except RowError as error:
                failures.append(_not_merged(each | {"dataRowId": row["id"]}, str(error)))
        _save(write, changed)
    return failures


def _not_merged(asked: dict[str, Any], error: str) -> dict[str, Any]:
    return {
        "globalKey": asked.get("globalKey"),
        "dataRowId": asked.get("dataRowId"),
        "error": error,
        "fields": asked["fields"],
    }


@mutation("deleteDataRowCustomMetadata")
def delete_data_row_custom_metadata(
    _: Any,
    info: Any,
    dataRowIdentifiers: list[dict[str, Any]] | None = None,  # noqa: N803
) -> list[dict[str, Any]]:
    """Remove fields, or single options of an enum, from rows. Only failures are returned."""
    platform: Platform = info.context
    failures: list[dict[str, Any]] = []
    changed: dict[int, dict[str, Any]] = {}
    with platform.store.writing() as write:
        ontology = load_ontology(platform, write)
        for each in dataRowIdentifiers or []:
            identifier = each["dataRowIdentifier"]
            column = "global_key" if identifier["idType"] == "GKEY" else "id"
            row = _rows_by(write, column, [identifier["id"]]).get(identifier["id"])
            if row is None:
                failures.append(_not_deleted(identifier["id"], "Data row not found", each["schemaIds"]))
                continue
            values = changed.get(row["seq"])
            values = orjson.loads(row["metadata"]) if values is None else values
            missing = [key for key in each["schemaIds"] if not _remove(values, ontology, key)]
            changed[row["seq"]] = values
            if missing:
                failures.append(_not_deleted(row["id"], "Schema did not exist", missing))
        _save(write, changed)
    return failures


def _remove(values: dict[str, Any], ontology: Ontology, key: str) -> bool:
    """Remove a field or an option; whether it was set."""
    if key in values:
        del values[key]
        return True
    enum = ontology.by_option.get(key)
    if enum is None or key not in values.get(enum.id, []):
        return False
    values[enum.id].remove(key)
    if not values[enum.id]:
        del values[enum.id]
    return True


def _not_deleted(row_id: str, error: str, schema_ids: list[str]) -> dict[str, Any]:
    return {"dataRowId": row_id, "error": error, "fields": [{"schemaId": key, "value": None} for key in schema_ids]}


@query("dataRowCustomMetadata")
def data_row_custom_metadata(_: Any, info: Any, where: dict[str, Any]) -> list[dict[str, Any]]:
    """The metadata of the rows asked for, in that order; unknown rows are left out."""
    platform: Platform = info.context
    asked = where.get("dataRowIdentifiers")
    if asked is None:
        raise MalformedRequestError("dataRowIdentifiers is required")
    ontology = load_ontology(platform)
    rows = _rows_by(platform.store.reader, "global_key" if asked["idType"] == "GKEY" else "id", asked["ids"])
    return [
        {
            "dataRowId": rows[key]["id"],
            "globalKey": rows[key]["global_key"],
            "fields": ontology.entries(orjson.loads(rows[key]["metadata"])),
        }
        for key in asked["ids"]
        if key in rows
    ]
