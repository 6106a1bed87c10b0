"""The JSON Schema of sync files, for editors: the models, with the short forms that the file takes too."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from labelbox_airflow.syncs.documents import KeyPath
from labelbox_airflow.syncs.spec import SyncSpec

SCHEMA_ID = "urn:airflow-provider-labelbox:sync:1"
SHORT_FORMS = {
    "ValueSpec": "A column, or a template with columns in braces.",
    "KeySpec": "A column, or a template with columns in braces.",
    "GlobalKeySpec": "A column, or a template with columns in braces.",
    "MetadataSpec": "A column, or a template with columns in braces.",
    "KindSpec": "The kind of every row, such as bounding_box.",
    "ClassSpec": "A column, or a template with columns in braces.",
    "AnswerSpec": "A column, or a template with columns in braces.",
    "LocalFilesSpec": "`upload`: the files that the sync's own sources of type objects list.",
}


@cache
def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a sync file."""
    schema = _with_short_forms(SyncSpec.model_json_schema(by_alias=True))
    schema["properties"]["environments"] = {
        "description": "Overrides by environment; LABELBOX_ENVIRONMENT names the one that counts.",
        "type": "object",
        "additionalProperties": {"type": "object"},
    }
    # Keys that are only there to be refused are no part of the format yet.
    for model in schema["$defs"].values():
        properties = model.get("properties", {})
        for key in [key for key, value in properties.items() if value.get("description") == "Not built yet."]:
            del properties[key]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **schema,
        "title": "Labelbox sync file",
    }


def _with_short_forms(node: Any) -> Any:
    if isinstance(node, list):
        return [_with_short_forms(item) for item in node]
    if not isinstance(node, dict):
        return node
    name = str(node.get("$ref", "")).rpartition("/")[2]
    if name in SHORT_FORMS:
        return {"anyOf": [{"type": "string", "description": SHORT_FORMS[name]}, node]}
    return {key: _with_short_forms(value) for key, value in node.items()}


def known_keys(path: KeyPath, kind: object = None) -> list[str]:
    """Return the keys that a sync file may have at ``path``; empty where any key will do.

    :param kind: the ``type`` that the content says it is of, where there are several
    """
    return list(_known_keys(path, kind if isinstance(kind, str) else None))


@lru_cache(maxsize=1000)  # many sync files have keys at the same places
def _known_keys(path: KeyPath, kind: str | None) -> tuple[str, ...]:
    nodes: list[dict[str, Any]] = [json_schema()]
    for step in path:
        nodes = [child for node in nodes for child in _children(node, step)]
    models = [model for node in nodes for model in _models(node) if model.get("type", "object") == "object"]
    if any("properties" not in model for model in models):
        return ()
    if len(models) > 1:
        models = [model for model in models if model["properties"].get("type", {}).get("const") == kind] or models
    return tuple(dict.fromkeys(key for model in models for key in model["properties"]))


def _models(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield ``node``, or what its reference or its alternatives stand for."""
    if "$ref" in node:
        yield from _models(json_schema()["$defs"][node["$ref"].rpartition("/")[2]])
    elif alternatives := node.get("anyOf") or node.get("oneOf"):
        for alternative in alternatives:
            yield from _models(alternative)
    else:
        yield node


def _children(node: dict[str, Any], step: int | str) -> Iterator[dict[str, Any]]:
    for model in _models(node):
        child = model.get("items") if isinstance(step, int) else model.get("properties", {}).get(step)
        child = (
            child or model.get("additionalProperties") or next(iter(model.get("patternProperties", {}).values()), None)
        )
        if isinstance(child, dict):
            yield child
