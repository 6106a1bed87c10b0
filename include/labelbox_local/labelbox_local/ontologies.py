"""Ontologies: what can be annotated in a project."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.errors import ConflictError, MalformedRequestError, NotFoundError
from labelbox_local.features import (
    FeatureWriter,
    Node,
    children_of,
    kind_of,
    read_json,
    replaced,
    roots_of,
    walk,
    without,
)
from labelbox_local.filters import condition
from labelbox_local.graph import Fields, mutation, project_changes, project_fields, query
from labelbox_local.identifiers import new_id, now
from labelbox_local.limits import check_room

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

ontology_fields = Fields("Ontology")
_SELECT = """SELECT seq, id, name, description, media_type AS mediaType, editor_task_type AS editorTaskType,
    normalized, created_at AS createdAt, updated_at AS updatedAt FROM ontology"""
_COLUMNS = {"id": "id", "name": "name", "createdAt": "created_at", "updatedAt": "updated_at", "deleted": "0"}
UNUSED_PAGE = 100


def _present(row: dict[str, Any]) -> dict[str, Any]:
    """A database row in the shape of the GraphQL type."""
    normalized = orjson.loads(row["normalized"])
    return {
        **row,
        "normalized": normalized,
        "options": normalized,
        "objectSchemaCount": len(normalized["tools"]),
        "classificationSchemaCount": len(normalized["classifications"]),
    }


def find_ontology(platform: Platform, ontology_id: str) -> dict[str, Any]:
    """The ontology with that id, in the shape of the GraphQL type.

    Raises:
        NotFoundError: there is none.
    """
    found = platform.store.row(f"{_SELECT} WHERE id = ?", ontology_id)
    if found is None:
        raise NotFoundError(f"Failed to find ontology by id: {ontology_id}")
    return _present(found)


def normalized_of_project(platform: Platform, project_id: str) -> Node | None:
    """What can be annotated in a project: tools, classifications and relationships; None without an ontology."""
    found = platform.store.row(
        "SELECT normalized FROM ontology JOIN project ON project.ontology = ontology.id WHERE project.id = ?",
        project_id,
    )
    return orjson.loads(found["normalized"]) if found else None


@query("ontology")
def get_ontology(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    return find_ontology(info.context, where["id"])


@query("ontologies")
def get_ontologies(
    _: Any, info: Any, where: dict[str, Any] | None = None, after: str | None = None, first: int = 100
) -> dict[str, Any]:
    """Those whose name contains the text searched, in any case."""
    platform: Platform = info.context
    rows = platform.store.rows(
        f"{_SELECT} WHERE instr(lower(name), lower(?)) AND seq > ? ORDER BY seq LIMIT ?",
        (where or {}).get("search") or "", place(after), first + 1,
    )  # fmt: skip
    page = [_present(row) for row in rows[:first]]
    return {"nodes": page, "nextCursor": str(page[-1]["seq"]) if len(rows) > first else None}


def place(cursor: str | None) -> int:
    """The `seq` a page begins after. Raises: MalformedRequestError."""
    if cursor and not cursor.isdecimal():
        raise MalformedRequestError(f"'{cursor}' is not a cursor of this list")
    return int(cursor or 0)


@mutation("upsertOntology")
def upsert_ontology(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    """Create an ontology. Features named by the id of an existing one are that one, all others are new."""
    platform: Platform = info.context
    given = read_json(data["normalized"])
    if not data["name"].strip():
        raise MalformedRequestError("An ontology needs a name")
    count = sum(1 for _ in walk(roots_of(given)))
    if count > platform.switches.features_per_ontology:
        most = platform.switches.features_per_ontology
        raise MalformedRequestError(f"{count} features in an ontology; at most {most} are allowed")
    ontology_id, moment = new_id(), now()
    with platform.store.writing() as write:
        check_room(write, platform.switches, "ontologies")
        normalized = _save_features(write, given)
        write.execute(
            "INSERT INTO ontology (id, name, description, media_type, editor_task_type, normalized, created_at,"
            " updated_at) VALUES (?, ?, '', ?, ?, ?, ?, ?)",
            (ontology_id, data["name"], data.get("mediaType"), data.get("editorTaskType"), "", moment, moment),
        )
        save_normalized(write, ontology_id, normalized)
    return find_ontology(platform, ontology_id)


def _save_features(write: sqlite3.Connection, given: Node) -> Node:
    writer = FeatureWriter(write)
    normalized = {
        "tools": [writer.save(node) for node in given.get("tools") or []],
        "classifications": [writer.save(node) for node in given.get("classifications") or []],
        "relationships": [writer.save(node) for node in given.get("relationships") or []],
    }
    writer.save_constraints(normalized["tools"] + normalized["relationships"])
    for node in writer.changed:
        spread(write, node)
    return normalized


def spread(write: sqlite3.Connection, feature: Node) -> None:
    """Let every ontology and feature that contains the feature have it as it has become."""
    feature_id = feature["featureSchemaId"]
    within = "instr(normalized, ?) AND id <> ?"
    for row in write.execute(f"SELECT id, normalized FROM feature_schema WHERE {within}", (feature_id,) * 2).fetchall():  # noqa: S608
        text = orjson.dumps(replaced(orjson.loads(row["normalized"]), feature)).decode()
        write.execute("UPDATE feature_schema SET normalized = ?, updated_at = ? WHERE id = ?", (text, now(), row["id"]))
    for row in write.execute(
        "SELECT id, normalized FROM ontology WHERE instr(normalized, ?)", (feature_id,)
    ).fetchall():
        normalized = orjson.loads(row["normalized"])
        save_normalized(write, row["id"], map_roots(normalized, lambda node: replaced(node, feature)))


def map_roots(normalized: Node, change: Any) -> Node:
    return {name: [change(node) for node in nodes] for name, nodes in normalized.items()}


def save_normalized(write: sqlite3.Connection, ontology_id: str, normalized: Node) -> None:
    """Write the tree of an ontology and which features it has."""
    write.execute(
        "UPDATE ontology SET normalized = ?, updated_at = ? WHERE id = ?",
        (orjson.dumps(normalized).decode(), now(), ontology_id),
    )
    write.execute("DELETE FROM ontology_feature WHERE ontology = ?", (ontology_id,))
    for root in roots_of(normalized):
        _list_features(write, ontology_id, root, None, root.get("archived", 0))


def _list_features(write: sqlite3.Connection, ontology_id: str, node: Node, parent: str | None, archived: int) -> None:
    write.execute(
        "INSERT OR IGNORE INTO ontology_feature VALUES (?, ?, ?, ?)",
        (ontology_id, node["featureSchemaId"], parent, archived),
    )
    for child in children_of(node):
        _list_features(write, ontology_id, child, node["featureSchemaId"], archived)


@ontology_fields("projects")
def projects_of_ontology(
    ontology: dict[str, Any], info: Any, where: dict[str, Any] | None = None, skip: int = 0, first: int = 100
) -> list[dict[str, Any]]:
    from labelbox_local.projects import list_projects  # a project has an ontology

    text, parameters = condition(where, {"deleted": "0"})
    return list_projects(info.context, f"ontology = ? AND {text}", [ontology["id"], *parameters], skip, first)


@project_fields("ontology")
def ontology_of_project(project: dict[str, Any], info: Any) -> dict[str, Any] | None:
    """The ontology as this project has it, with the project's instructions."""
    if project["ontologyId"] is None:
        return None
    ontology = find_ontology(info.context, project["ontologyId"])
    if project["instructionsUrl"]:
        ontology["normalized"]["projectInstructions"] = project["instructionsUrl"]
    return ontology


@project_changes("connectOntology")
def connect_ontology(project: dict[str, Any], info: Any, ontologyId: str) -> dict[str, Any]:  # noqa: N803
    platform: Platform = info.context
    ontology = find_ontology(platform, ontologyId)
    if ontology["mediaType"] not in {None, project["allowedMediaType"]}:
        raise MalformedRequestError(
            f"The ontology is for {ontology['mediaType']}, the project for {project['allowedMediaType']}"
        )
    moment = now()
    with platform.store.writing() as write:
        write.execute(
            "UPDATE project SET ontology = ?, setup_complete_at = coalesce(setup_complete_at, ?), updated_at = ?"
            " WHERE id = ?",
            (ontology["id"], moment, moment, project["id"]),
        )
    return {**project, "ontologyId": ontology["id"]}


def delete_ontology(platform: Platform, ontology_id: str) -> None:
    """Delete an ontology that no project and no model uses.

    Raises:
        NotFoundError, ConflictError
    """
    find_ontology(platform, ontology_id)
    for table, kept in (("project", "deleted IS NULL"), ("model", "1")):
        users = platform.store.rows(f"SELECT id FROM {table} WHERE ontology = ? AND {kept}", ontology_id)  # noqa: S608
        if users:
            ids = ", ".join(row["id"] for row in users)
            raise ConflictError(
                f"Cannot delete an ontology connected to a {table}. The ontology is connected to {table}s: {ids}"
            )
    with platform.store.writing() as write:
        write.execute("DELETE FROM ontology_feature WHERE ontology = ?", (ontology_id,))
        write.execute("DELETE FROM ontology WHERE id = ?", (ontology_id,))


def unused_ontologies(platform: Platform, after: str | None) -> list[str]:
    """A page of the ids of ontologies that no project and no model uses; `after` is the last id of the page before."""
    rows = platform.store.rows(
        "SELECT id FROM ontology WHERE id > ?"
        " AND id NOT IN (SELECT ontology FROM project WHERE ontology IS NOT NULL AND deleted IS NULL)"
        " AND id NOT IN (SELECT ontology FROM model) ORDER BY id LIMIT ?",
        after or "", UNUSED_PAGE,
    )  # fmt: skip
    return [row["id"] for row in rows]


def feature_nodes(platform: Platform, ontology_id: str) -> Node:
    """The roots of an ontology and whether they are archived. Raises: NotFoundError."""
    normalized = find_ontology(platform, ontology_id)["normalized"]
    kinds: dict[str, list[Node]] = {"tools": [], "classifications": [], "relationships": []}
    for node in roots_of(normalized):
        shown = {
            "id": node["schemaNodeId"],
            "featureSchemaId": node["featureSchemaId"],
            "name": node["name"],
            "archived": bool(node.get("archived")),
        }
        kinds[f"{kind_of(node)}s"].append(shown)
    return {"id": ontology_id, "featureSchemaNodes": kinds}


def insert_feature(platform: Platform, ontology_id: str, feature_id: str, position: int) -> None:
    """Put a feature into an ontology, or move it there, among its like. Raises: NotFoundError."""
    from labelbox_local.feature_schemas import find_feature  # features know their ontologies

    normalized = find_ontology(platform, ontology_id)["normalized"]
    feature = find_feature(platform, feature_id)["normalized"]
    kind = "classifications" if "type" in feature else "tools"
    present = [node for node in normalized[kind] if node["featureSchemaId"] == feature_id]
    others = [node for node in normalized[kind] if node["featureSchemaId"] != feature_id]
    at = max(0, min(position, len(others)))
    normalized[kind] = [*others[:at], *(present or [feature]), *others[at:]]
    with platform.store.writing() as write:
        write.execute("UPDATE feature_schema SET root = 1 WHERE id = ?", (feature_id,))
        save_normalized(write, ontology_id, normalized)


def remove_feature(platform: Platform, ontology_id: str, feature_id: str) -> dict[str, bool]:
    """Take a feature out of an ontology; an annotated root is archived, an annotated feature below one stays.

    Raises:
        NotFoundError: no such ontology, or the feature is not in it.
    """
    from labelbox_local.labels import is_annotated  # labels know their ontology

    normalized = find_ontology(platform, ontology_id)["normalized"]
    is_root = _is_root(normalized, feature_id)
    annotated = is_annotated(platform, ontology_id, feature_id)
    if annotated and not is_root:
        return {"archived": False, "deleted": False}
    if annotated:
        changed = _with_archived(normalized, feature_id, archived=True)
    else:
        kept = {name: [n for n in nodes if n["featureSchemaId"] != feature_id] for name, nodes in normalized.items()}
        changed = map_roots(kept, lambda node: without(node, feature_id))
    with platform.store.writing() as write:
        save_normalized(write, ontology_id, changed)
    return {"archived": annotated, "deleted": not annotated}


def unarchive_feature(platform: Platform, ontology_id: str, feature_id: str) -> dict[str, bool]:
    """Raises: NotFoundError, MalformedRequestError (not a root)."""
    normalized = find_ontology(platform, ontology_id)["normalized"]
    if not _is_root(normalized, feature_id):
        raise MalformedRequestError("Only root level feature schema nodes can be unarchived")
    with platform.store.writing() as write:
        save_normalized(write, ontology_id, _with_archived(normalized, feature_id, archived=False))
    return {"unarchived": True}


def _is_root(normalized: Node, feature_id: str) -> bool:
    """Raises: NotFoundError when the feature is not in the tree."""
    roots = roots_of(normalized)
    if not any(node["featureSchemaId"] == feature_id for node in walk(roots)):
        raise NotFoundError(f"Failed to find feature schema node by id: {feature_id}")
    return any(node["featureSchemaId"] == feature_id for node in roots)


def _with_archived(normalized: Node, feature_id: str, *, archived: bool) -> Node:
    def change(node: Node) -> Node:
        if node["featureSchemaId"] != feature_id:
            return node
        plain = {key: value for key, value in node.items() if key != "archived"}
        return plain | ({"archived": 1} if archived else {})

    return map_roots(normalized, change)
