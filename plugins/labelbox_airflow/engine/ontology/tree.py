"""The ontology as a small tree, from and to Labelbox's normalized JSON (SDK `OntologyBuilder.asdict`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TEXTS = frozenset(("text", "prompt", "response-text"))
RADIOS = frozenset(("radio", "response-radio"))
CHECKLISTS = frozenset(("checklist", "response-checklist"))
MASKS = frozenset(("raster-segmentation", "superpixel"))


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a radio or checklist. Imports call it by `name` (Labelbox's `value`); people see `label`."""

    name: str
    label: str
    classifications: tuple[Classification, ...] = ()
    schema_id: str | None = None


@dataclass(frozen=True, slots=True)
class Classification:
    """A question. `scope` is `global`, or `index` for one about frames or messages.

    :param characters: least and most characters of a text; None means any
    """

    name: str
    kind: str
    options: tuple[Option, ...] = ()
    required: bool = False
    scope: str = "global"
    schema_id: str | None = None
    characters: tuple[int | None, int | None] = (None, None)

    def option(self, name: str | None, schema_id: str | None) -> Option | None:
        """Return the option of that schema id or else name, None when there is none."""
        return _find(self.options, name, schema_id)


@dataclass(frozen=True, slots=True)
class Tool:
    """Something to draw or select. `definition` is kept as Labelbox gives it (constraints of relationships)."""

    name: str
    kind: str
    classifications: tuple[Classification, ...] = ()
    required: bool = False
    color: str | None = None
    schema_id: str | None = None
    definition: Mapping[str, Any] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Ontology:
    """All tools and classifications. `tool` and `classification` look one up by schema id or else by name."""

    tools: tuple[Tool, ...] = ()
    classifications: tuple[Classification, ...] = ()
    _tools: dict[str, Tool] = field(init=False, repr=False, compare=False, default_factory=dict)
    _classifications: dict[str, Classification] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        _index(self._tools, self.tools)
        _index(self._classifications, self.classifications)

    def tool(self, name: str | None, schema_id: str | None = None) -> Tool | None:
        """Return the tool, None when there is none."""
        return self._tools.get(f"\0{schema_id}" if schema_id is not None else str(name))

    def classification(self, name: str | None, schema_id: str | None = None) -> Classification | None:
        """Return the top-level classification, None when there is none."""
        return self._classifications.get(f"\0{schema_id}" if schema_id is not None else str(name))

    def names(self) -> list[str]:
        """Return the names of all tools and top-level classifications, in order."""
        return [tool.name for tool in self.tools] + [question.name for question in self.classifications]


def _index(index: dict[str, Any], features: Sequence[Tool] | Sequence[Classification]) -> None:
    for feature in features:
        index.setdefault(feature.name, feature)
        if feature.schema_id is not None:
            index[f"\0{feature.schema_id}"] = feature


def _find(options: Sequence[Option], name: str | None, schema_id: str | None) -> Option | None:
    for option in options:
        if (option.schema_id == schema_id) if schema_id is not None else name in {option.name, option.label}:
            return option
    return None


def of_normalized(normalized: Mapping[str, Any]) -> Ontology:
    """Return the tree of Labelbox's normalized JSON; archived features are left out, groups are opened."""
    tools = tuple(
        Tool(
            name=str(node["name"]),
            kind=str(node["tool"]),
            classifications=_classifications(node.get("classifications")),
            required=bool(node.get("required")),
            color=node.get("color"),
            schema_id=node.get("featureSchemaId"),
            definition=node.get("definition"),
        )
        for node in _living(normalized.get("tools"))
    )
    return Ontology(tools, _classifications(normalized.get("classifications")))


def _living(nodes: Any) -> Iterator[Mapping[str, Any]]:
    return (node for node in nodes or () if not node.get("archived"))


def _classifications(nodes: Any) -> tuple[Classification, ...]:
    found: list[Classification] = []
    for node in _living(nodes):
        if node.get("type") == "group":
            found.extend(_classifications([inner for inner in _living(node.get("options")) if "type" in inner]))
            continue
        found.append(
            Classification(
                name=str(node.get("name") or node.get("instructions")),
                kind=str(node["type"]),
                options=tuple(_option(each) for each in _living(node.get("options"))),
                required=bool(node.get("required")),
                scope=str(node.get("scope") or "global"),
                schema_id=node.get("featureSchemaId"),
                characters=(node.get("minCharacters"), node.get("maxCharacters")),
            )
        )
    return tuple(found)


def _option(node: Mapping[str, Any]) -> Option:
    name = str(node["value"])
    return Option(
        name, str(node.get("label", name)), _classifications(node.get("options")), node.get("featureSchemaId")
    )


def to_normalized(ontology: Ontology) -> dict[str, Any]:
    """Return Labelbox's normalized JSON, with the schema ids that are known."""
    return {
        "tools": [_tool_node(tool) for tool in ontology.tools],
        "classifications": [_classification_node(each, top=True) for each in ontology.classifications],
    }


def _tool_node(tool: Tool) -> dict[str, Any]:
    node: dict[str, Any] = {
        "tool": tool.kind,
        "name": tool.name,
        "required": tool.required,
        "color": tool.color,
        "classifications": [_classification_node(each) for each in tool.classifications],
        "schemaNodeId": None,
        "featureSchemaId": tool.schema_id,
        "attributes": None,
    }
    return node if tool.definition is None else node | {"definition": dict(tool.definition)}


def _classification_node(classification: Classification, *, top: bool = False) -> dict[str, Any]:
    node: dict[str, Any] = {
        "type": classification.kind,
        "instructions": classification.name,
        "name": classification.name,
        "required": classification.required,
        "options": [_option_node(option) for option in classification.options],
        "schemaNodeId": None,
        "featureSchemaId": classification.schema_id,
        "attributes": None,
    }
    if top:
        node["scope"] = classification.scope
    least, most = classification.characters
    limits = {"minCharacters": least, "maxCharacters": most}
    return node | {key: characters for key, characters in limits.items() if characters is not None}


def _option_node(option: Option) -> dict[str, Any]:
    return {
        "schemaNodeId": None,
        "featureSchemaId": option.schema_id,
        "label": option.label,
        "value": option.name,
        "options": [_classification_node(each) for each in option.classifications],
    }
