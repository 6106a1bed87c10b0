"""The ontology of a project, arranged for looking features up by name or by id."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from labelbox_local.annotations.errors import AnnotationError, FeatureError

_TYPES = {
    "text": "text",
    "radio": "radio",
    "checklist": "checklist",
    "prompt": "text",
    "response-text": "text",
    "response-radio": "radio",
    "response-checklist": "checklist",
}
_NOT_WORD = re.compile(r"[^0-9a-z]+")


@dataclass(slots=True)
class Feature:
    """`value` is the name in lower case with underscores, as exports show it beside the name."""

    id: str
    name: str
    value: str

    def head(self, feature_id: str) -> dict[str, Any]:
        """The first keys of an exported annotation of this feature."""
        return {"feature_id": feature_id, "feature_schema_id": self.id, "name": self.name, "value": self.value}


AnyFeature = TypeVar("AnyFeature", bound=Feature)


class Choices(Generic[AnyFeature]):
    """Features that can be named in one place."""

    __slots__ = ("_by_id", "_by_name", "_what")

    def __init__(self, what: str) -> None:
        """`what` says what they are, in messages: "tool", "option of 'color'"."""
        self._what = what
        self._by_name: dict[str, AnyFeature] = {}
        self._by_id: dict[str, AnyFeature] = {}

    def add(self, feature: AnyFeature, *names: str) -> None:
        self._by_id[feature.id] = feature
        for name in names:
            self._by_name.setdefault(name, feature)

    def __iter__(self) -> Any:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def find(self, entry: dict[str, Any]) -> AnyFeature:
        """The feature that `entry` names by `name` or `schemaId`.

        Raises:
            FeatureError: not of the ontology, or not in this place.
            AnnotationError: neither or both of the keys.
        """
        found = self.get(entry)
        if found is None:
            named = entry.get("schemaId") or entry.get("name")
            key = "schema id" if entry.get("schemaId") else "name"
            raise FeatureError(f"{key} {named} is not valid for the provided project's ontology: no such {self._what}.")
        return found

    def get(self, entry: dict[str, Any]) -> AnyFeature | None:
        """Like `find`, with None for a feature that is not there."""
        name, schema_id = entry.get("name"), entry.get("schemaId")
        if schema_id is None:
            if type(name) is not str or not name:
                raise AnnotationError("Schema id or name are not set. Set either one.")
            return self._by_name.get(name)
        found = self._by_id.get(schema_id) if type(schema_id) is str else None
        if name is not None and found is not None and self._by_name.get(name) is not found:
            raise FeatureError(f"name {name} and schema id {schema_id} are two different features")
        return found


@dataclass(slots=True)
class Option(Feature):
    classifications: Choices[Classification]


@dataclass(slots=True)
class Classification(Feature):
    """`type` is radio, checklist or text; `scope` is global, or index for a frame or a message."""

    type: str
    scope: str
    required: bool
    options: Choices[Option]
    characters: tuple[int, int | None] = (0, None)


@dataclass(slots=True)
class Tool(Feature):
    """`type` is that of the ontology: rectangle, raster-segmentation, …"""

    type: str
    required: bool
    classifications: Choices[Classification]
    constraints: frozenset[tuple[str, str]] = frozenset()


@dataclass(slots=True)
class Features:
    """All of a project's ontology that can be used in new annotations."""

    tools: Choices[Tool] = field(default_factory=lambda: Choices("tool"))
    classifications: Choices[Classification] = field(default_factory=lambda: Choices("classification"))

    @classmethod
    def of(cls, normalized: dict[str, Any]) -> Features:
        """From `{"tools": […], "classifications": […]}`; archived features are left out."""
        made = cls()
        for node in _living(normalized.get("tools")):
            made.tools.add(_tool(node), str(node["name"]))
        for node in _living(normalized.get("classifications")):
            _add_classification(made.classifications, node)
        return made


def _living(nodes: Any) -> list[dict[str, Any]]:
    return [node for node in nodes or [] if not node.get("archived")]


def value_of(name: str) -> str:
    """What exports show beside the name of a feature."""
    return _NOT_WORD.sub("_", name.lower()).strip("_") or name


def _tool(node: dict[str, Any]) -> Tool:
    name = str(node["name"])
    nested: Choices[Classification] = Choices(f"classification of '{name}'")
    for inner in _living(node.get("classifications")):
        _add_classification(nested, inner)
    pairs = (node.get("definition") or {}).get("constraints") or []
    constraints = frozenset((str(start), str(end)) for start, end in pairs)
    return Tool(
        node["featureSchemaId"], name, value_of(name), node["tool"], bool(node.get("required")), nested, constraints
    )


def _add_classification(choices: Choices[Classification], node: dict[str, Any]) -> None:
    kind = _TYPES.get(node["type"])
    if kind is None:
        # A group only gathers others; nothing is answered to it.
        for inner in _living(node.get("options")):
            if "type" in inner:
                _add_classification(choices, inner)
        return
    name = str(node.get("name") or node.get("instructions"))
    made = Classification(
        node["featureSchemaId"], name, value_of(name), kind, node.get("scope") or "global", bool(node.get("required")),
        Choices(f"option of '{name}'"), (node.get("minCharacters") or 0, node.get("maxCharacters")),
    )  # fmt: skip
    for option in _living(node.get("options")):
        label, value = str(option.get("label", option["value"])), str(option["value"])
        nested: Choices[Classification] = Choices(f"classification of '{label}'")
        for inner in _living(option.get("options")):
            _add_classification(nested, inner)
        made.options.add(Option(option["featureSchemaId"], label, value, nested), value, label)
    choices.add(made, name)
