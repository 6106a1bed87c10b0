"""The tree of an ontology: tools, classifications and options, each a feature with ids of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import orjson

from labelbox_local.errors import MalformedRequestError
from labelbox_local.identifiers import new_id, now

Node = dict[str, Any]
ROOTS = ("tools", "classifications", "relationships")
TOOLS = frozenset({
    "polygon", "superpixel", "raster-segmentation", "point", "rectangle", "line", "named-entity", "edge",
    "message-single-selection", "message-multi-selection", "message-ranking", "marker", "step-reasoning",
    "fact-checking", "prompt-issue",
})  # fmt: skip
CLASSIFICATIONS = frozenset({
    "text", "checklist", "radio", "group", "prompt", "response-text", "response-radio", "response-checklist",
})  # fmt: skip
_COLOR = "#1e90ff"


def kind_of(node: Node) -> str:
    """Whether a node is a tool, a relationship, a classification or an option."""
    if "tool" in node:
        return "relationship" if node["tool"] == "edge" else "tool"
    return "classification" if "type" in node else "option"


def name_of(node: Node) -> str:
    return str(node["value"] if kind_of(node) == "option" else node["name"])


def children_of(node: Node) -> list[Node]:
    """The classifications of a tool or an option, the options of a classification."""
    nodes: list[Node] = node.get("classifications" if "tool" in node else "options") or []
    return nodes


def walk(nodes: list[Node]) -> Iterator[Node]:
    """Every node of some trees, parents first."""
    for node in nodes:
        yield node
        yield from walk(children_of(node))


def roots_of(normalized: Node) -> list[Node]:
    return [node for name in ROOTS for node in normalized.get(name) or []]


def read_json(text: str) -> Node:
    """Raises: MalformedRequestError."""
    try:
        read = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise MalformedRequestError(f"normalized is not JSON: {error}") from None
    if not isinstance(read, dict):
        raise MalformedRequestError("normalized must be an object")
    return read


class FeatureWriter:
    """Completes features, gives ids to those that have none, and keeps each as a feature schema.

    A feature named by the id of one that exists stays that feature, with the same ids, and becomes what is given.
    """

    def __init__(self, write: sqlite3.Connection) -> None:
        self.write = write
        self.moment = now()
        # Relationships name the tools of the same ontology by ids their client made up.
        self.renamed: dict[str, str] = {}
        self.changed: list[Node] = []

    def save(self, node: Node, *, root: bool = True) -> Node:
        """The node, complete, with ids in it and below it.

        Raises:
            MalformedRequestError: a name, type or option is missing or unknown.
        """
        complete = _complete(node)
        given = complete.get("featureSchemaId")
        known = self._known(given)
        if known is None:
            complete["featureSchemaId"], complete["schemaNodeId"] = new_id(), new_id()
            if given:
                self.renamed[given] = complete["featureSchemaId"]
        else:
            complete["schemaNodeId"] = known["node"]
        below = "classifications" if "tool" in complete else "options"
        complete[below] = [self.save(child, root=False) for child in complete[below]]
        self._keep(complete, known, root=root)
        return complete

    def save_constraints(self, tools: list[Node]) -> None:
        """Let relationships name the tools by the ids they have got."""
        for tool in tools:
            definition = tool.get("definition")
            if not isinstance(definition, dict) or not self.renamed:
                continue
            pairs = definition.get("constraints") or []
            definition["constraints"] = [[self.renamed.get(end, end) for end in pair] for pair in pairs]
            self._store(tool)

    def _known(self, feature_id: str | None) -> dict[str, Any] | None:
        if not feature_id:
            return None
        found = self.write.execute("SELECT * FROM feature_schema WHERE id = ?", (feature_id,))
        known: dict[str, Any] | None = found.fetchone()
        return known

    def _keep(self, node: Node, known: dict[str, Any] | None, *, root: bool) -> None:
        if known is None:
            self.write.execute(
                "INSERT INTO feature_schema (id, node, kind, name, normalized, root, created_at, updated_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (node["featureSchemaId"], node["schemaNodeId"], kind_of(node), name_of(node),
                 orjson.dumps(node).decode(), root, self.moment, self.moment),
            )  # fmt: skip
            return
        if orjson.loads(known["normalized"]) != node:
            self._store(node)
            self.changed.append(node)
        if root:
            self.write.execute("UPDATE feature_schema SET root = 1 WHERE id = ?", (node["featureSchemaId"],))

    def _store(self, node: Node) -> None:
        self.write.execute(
            "UPDATE feature_schema SET name = ?, normalized = ?, updated_at = ? WHERE id = ?",
            (name_of(node), orjson.dumps(node).decode(), self.moment, node["featureSchemaId"]),
        )


def _complete(node: Any) -> Node:
    """A copy of the node with the fields every SDK class reads. Raises: MalformedRequestError."""
    if not isinstance(node, dict):
        raise MalformedRequestError(f"a feature must be an object, not {node!r}")
    complete = {key: value for key, value in node.items() if key != "archived"}
    if "tool" in node:
        _check(node, "tool", TOOLS)
        defaults: Node = {"required": False, "color": _COLOR, "classifications": []}
    elif "type" in node:
        _check(node, "type", CLASSIFICATIONS)
        name = node.get("name") or node.get("instructions")
        defaults = {"name": name, "instructions": name, "required": False, "options": []}
        if node["type"].removeprefix("response-") in {"radio", "checklist"} and not node.get("options"):
            raise MalformedRequestError(f"Classification '{name}' requires options")
    else:
        label = node.get("value") if node.get("value") is not None else node.get("label")
        if label is None or label == "":
            raise MalformedRequestError("An option has neither a value nor a label")
        return complete | {"value": label, "label": node.get("label") or label, "options": node.get("options") or []}
    return complete | {key: value for key, value in defaults.items() if complete.get(key) is None}


def _check(node: Node, key: str, known: frozenset[str]) -> None:
    if node[key] not in known:
        raise MalformedRequestError(f"'{node[key]}' is not a known {key}")
    if not (node.get("name") or (key == "type" and node.get("instructions"))):
        raise MalformedRequestError(f"A feature of {key} '{node[key]}' has no name")


def replaced(node: Node, feature: Node) -> Node:
    """A copy of a tree in which a feature is what it has become; whether it was archived stays."""
    if node.get("featureSchemaId") == feature["featureSchemaId"]:
        return feature | ({"archived": node["archived"]} if "archived" in node else {})
    below = "classifications" if "tool" in node else "options"
    return node | {below: [replaced(child, feature) for child in node.get(below) or []]}


def without(node: Node, feature_id: str) -> Node:
    """A copy of a tree without a feature below its root."""
    below = "classifications" if "tool" in node else "options"
    kept = [child for child in node.get(below) or [] if child["featureSchemaId"] != feature_id]
    return node | {below: [without(child, feature_id) for child in kept]}
