"""Feature schemas: tools and classifications that ontologies share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.errors import ConflictError, MalformedRequestError, NotFoundError
from labelbox_local.features import FeatureWriter, kind_of, read_json
from labelbox_local.graph import mutation, query
from labelbox_local.ontologies import UNUSED_PAGE, place, spread

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

NEW = "new_feature_schema_id"  # what the SDK writes in place of the id of a feature that has none
_SELECT = "SELECT seq, id AS featureId, node AS id, name, normalized, root FROM feature_schema"


def find_feature(platform: Platform, feature_id: str) -> dict[str, Any]:
    """The feature schema with that id, in the shape of the GraphQL type RootSchemaNode.

    Raises:
        NotFoundError: there is none.
    """
    found = platform.store.row(f"{_SELECT} WHERE feature_schema.id = ?", feature_id)
    if found is None:
        raise NotFoundError(f"Failed to find feature schema by id: {feature_id}")
    return _present(found)


def _present(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "normalized": orjson.loads(row["normalized"])}


@query("rootSchemaNode")
def get_root_schema_node(_: Any, info: Any, where: dict[str, Any]) -> dict[str, Any]:
    return find_feature(info.context, where["featureSchemaId"])


@query("rootSchemaNodes")
def get_root_schema_nodes(
    _: Any, info: Any, where: dict[str, Any] | None = None, after: str | None = None, first: int = 100
) -> dict[str, Any]:
    """Those made by themselves or as roots of an ontology, whose name contains the text searched, in any case."""
    platform: Platform = info.context
    rows = platform.store.rows(
        f"{_SELECT} WHERE root = 1 AND instr(lower(name), lower(?)) AND seq > ? ORDER BY seq LIMIT ?",
        (where or {}).get("search") or "", place(after), first + 1,
    )  # fmt: skip
    page = [_present(row) for row in rows[:first]]
    return {"nodes": page, "nextCursor": str(page[-1]["seq"]) if len(rows) > first else None}


@mutation("upsertRootSchemaNode")
def upsert_root_schema_node(_: Any, info: Any, data: dict[str, Any]) -> dict[str, Any]:
    platform: Platform = info.context
    return find_feature(platform, _save(platform, read_json(data["normalized"])))


def _save(platform: Platform, node: dict[str, Any]) -> str:
    """Create or update a feature and what is below it, wherever it is used; its id."""
    with platform.store.writing() as write:
        writer = FeatureWriter(write)
        saved = writer.save(node)
        for changed in writer.changed:
            spread(write, changed)
    return str(saved["featureSchemaId"])


def put_feature(platform: Platform, feature_id: str, body: dict[str, Any]) -> dict[str, str]:
    """Create a feature, or update the one with that id. Raises: NotFoundError, MalformedRequestError."""
    node = read_json(body.get("normalized") or "")
    if feature_id != NEW:
        find_feature(platform, feature_id)
        node["featureSchemaId"] = feature_id
    return {"schemaId": _save(platform, node)}


def rename_feature(platform: Platform, feature_id: str, body: dict[str, Any]) -> dict[str, str]:
    """Give a feature another title, wherever it is used. Raises: NotFoundError, MalformedRequestError."""
    title = body.get("title")
    if not isinstance(title, str) or not title.strip():
        raise MalformedRequestError("The title of a feature schema must not be empty")
    node = find_feature(platform, feature_id)["normalized"]
    shown = {"classification": "instructions", "option": "label"}.get(kind_of(node), "name")
    with platform.store.writing() as write:
        writer = FeatureWriter(write)
        writer.save(node | {shown: title}, root=False)
        for changed in writer.changed:
            spread(write, changed)
    return {"schemaId": feature_id}


def delete_feature(platform: Platform, feature_id: str) -> None:
    """Delete a feature that no ontology has. Raises: NotFoundError, ConflictError."""
    find_feature(platform, feature_id)
    if platform.store.row("SELECT 1 FROM ontology_feature WHERE feature = ? LIMIT 1", feature_id):
        raise ConflictError("The feature schema is used by an ontology")
    with platform.store.writing() as write:
        write.execute("DELETE FROM feature_schema WHERE id = ?", (feature_id,))


def unused_features(platform: Platform, after: str | None) -> list[str]:
    """A page of the ids of features that no ontology has; `after` is the last id of the page before."""
    rows = platform.store.rows(
        "SELECT id FROM feature_schema WHERE root = 1 AND id > ? AND id NOT IN (SELECT feature FROM ontology_feature)"
        " ORDER BY id LIMIT ?",
        after or "", UNUSED_PAGE,
    )  # fmt: skip
    return [row["id"] for row in rows]
