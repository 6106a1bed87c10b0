"""The ontology as a file for people: YAML in Labelbox's words, or the normalized JSON.

::

    tools:
      - name: Car
        kind: bounding_box
        color: "#ff0000"
        classifications:
          - {name: Colour, kind: radio, required: true, options: [red, blue]}
    classifications:
      - name: Weather
        kind: checklist
        options: [rain, {name: other, classifications: [{name: Which, kind: text}]}]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from labelbox_airflow.engine.errors import ConfigurationError, did_you_mean
from labelbox_airflow.engine.ontology.tree import (
    CHECKLISTS,
    RADIOS,
    TEXTS,
    Classification,
    Ontology,
    Option,
    Tool,
    of_normalized,
)

TOOLS = {
    "bounding_box": "rectangle",
    "polygon": "polygon",
    "polyline": "line",
    "point": "point",
    "segmentation_mask": "raster-segmentation",
    "entity": "named-entity",
    "relationship": "edge",
    "message_single_selection": "message-single-selection",
    "message_multi_selection": "message-multi-selection",
    "message_ranking": "message-ranking",
}
"""The word for people, and that of the wire; a file may have either."""
_TOOL_WORDS = TOOLS | {kind: kind for kind in TOOLS.values()} | {"superpixel": "superpixel"}
_CHOICES = RADIOS | CHECKLISTS
_CLASSIFICATION_WORDS = {kind.replace("-", "_"): kind for kind in _CHOICES | TEXTS} | {
    kind: kind for kind in _CHOICES | TEXTS
}
_TOOL_KEYS = ("name", "kind", "color", "required", "classifications")
_CLASSIFICATION_KEYS = ("name", "kind", "required", "scope", "options", "min_characters", "max_characters")
_OPTION_KEYS = ("name", "label", "classifications")


def read_document(text: str, *, where: str) -> Ontology:
    """Return the ontology of a file's text.

    :param where: the file, for messages
    :raises ConfigurationError: what is wrong, with file and path in it; also for two classes of one name
    """
    try:
        content = yaml.safe_load(text)  # JSON is YAML
    except yaml.YAMLError as error:
        raise ConfigurationError(f"not YAML ({error})", where=where) from None
    content = _mapping(content, where)
    if any("tool" in each for each in content.get("tools") or () if isinstance(each, dict)) or any(
        "type" in each for each in content.get("classifications") or () if isinstance(each, dict)
    ):
        ontology = _normalized(content, where)
    else:
        _only(content, ("tools", "classifications"), where)
        ontology = Ontology(
            tuple(_tool(node, path) for node, path in _each(content, "tools", where)), _nested(content, where)
        )
    if not ontology.names():
        raise ConfigurationError("has neither tools nor classifications", where=where)
    check_names(ontology, where=where)
    return ontology


def check_names(ontology: Ontology, *, where: str) -> None:
    """:raises ConfigurationError: two classes, nested classifications or options of one name in one place"""
    _check_apart(ontology.names(), "classes", where)
    for tool in ontology.tools:
        _check_nested(tool.classifications, f"{where}: {tool.name}")
    _check_nested(ontology.classifications, where, top=True)


def _check_nested(classifications: tuple[Classification, ...], where: str, *, top: bool = False) -> None:
    if not top:
        _check_apart([each.name for each in classifications], "classifications", where)
    for each in classifications:
        path = f"{where} / {each.name}" if not top else f"{where}: {each.name}"
        _check_apart([option.name for option in each.options], "options", path)
        for option in each.options:
            _check_nested(option.classifications, f"{path} / {option.name}")


def _check_apart(names: Iterable[str], what: str, where: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ConfigurationError(f"two {what} are called '{name}'", where=where, remedy="Rename one of them.")
        seen.add(name)


def _normalized(content: Mapping[str, Any], where: str) -> Ontology:
    try:
        return of_normalized(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"not Labelbox's normalized JSON: {error!r}", where=where) from None


def _tool(node: Mapping[str, Any], where: str) -> Tool:
    _only(node, _TOOL_KEYS, where)
    return Tool(
        name=_name(node, where),
        kind=_kind(node, _TOOL_WORDS, where),
        classifications=_nested(node, where),
        required=_flag(node, "required", where),
        color=node.get("color"),
    )


def _nested(node: Mapping[str, Any], where: str) -> tuple[Classification, ...]:
    return tuple(_classification(each, path) for each, path in _each(node, "classifications", where))


def _classification(node: Mapping[str, Any], where: str) -> Classification:
    _only(node, _CLASSIFICATION_KEYS, where)
    kind = _kind(node, _CLASSIFICATION_WORDS, where)
    options = tuple(_option(each, path) for each, path in _each(node, "options", where, words=True))
    if bool(options) != (kind in _CHOICES):
        what = "needs options" if kind in _CHOICES else "has no options"
        raise ConfigurationError(f"a {node['kind']} {what}", where=where)
    scope = node.get("scope", "global")
    if scope not in {"global", "index"}:
        raise ConfigurationError(f"scope '{scope}' is neither global nor index", where=where)
    return Classification(
        name=_name(node, where),
        kind=kind,
        options=options,
        required=_flag(node, "required", where),
        scope=scope,
        characters=(node.get("min_characters"), node.get("max_characters")),
    )


def _option(node: Mapping[str, Any], where: str) -> Option:
    _only(node, _OPTION_KEYS, where)
    name = _name(node, where)
    return Option(name, str(node.get("label", name)), _nested(node, where))


def _each(
    node: Mapping[str, Any], key: str, where: str, *, words: bool = False
) -> Iterable[tuple[Mapping[str, Any], str]]:
    """Yield the entries under ``key`` with their paths; with ``words`` a bare word is an entry of that name."""
    entries = node.get(key) or []
    if not isinstance(entries, list):
        raise ConfigurationError(f"{key} must be a list", where=where)
    for index, entry in enumerate(entries):
        path = f"{where}: {key}[{index}]"
        if words and isinstance(entry, bool):
            raise ConfigurationError("YAML reads yes, no, on and off as true or false", where=path, remedy="Quote it.")
        bare = words and isinstance(entry, str | int | float)
        yield {"name": str(entry)} if bare else _mapping(entry, path), path


def _mapping(node: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(node, dict):
        raise ConfigurationError(f"must be a mapping, found {node!r}", where=where)
    return node


def _only(node: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in node:
        if key not in known:
            raise ConfigurationError(f"unknown key '{key}'", where=where, remedy=did_you_mean(str(key), known))


def _name(node: Mapping[str, Any], where: str) -> str:
    name = node.get("name")
    if not isinstance(name, str) or not name.strip():
        raise ConfigurationError(f"name must be a non-empty text, found {name!r}", where=where)
    return name


def _kind(node: Mapping[str, Any], words: Mapping[str, str], where: str) -> str:
    kind = str(node.get("kind"))
    if kind not in words:
        hint = did_you_mean(kind, words)
        raise ConfigurationError(f"kind '{kind}' of '{node.get('name')}' is not known", where=where, remedy=hint)
    return words[kind]


def _flag(node: Mapping[str, Any], key: str, where: str) -> bool:
    flag = node.get(key, False)
    if not isinstance(flag, bool):
        raise ConfigurationError(f"{key} must be true or false, found {flag!r}", where=where)
    return flag


def write_document(ontology: Ontology) -> str:
    """Return the YAML for people; schema ids and definitions of Labelbox are left out."""
    document = {
        "tools": [_tool_entry(tool) for tool in ontology.tools],
        "classifications": [_classification_entry(each) for each in ontology.classifications],
    }
    kept = {key: entries for key, entries in document.items() if entries}
    return str(yaml.safe_dump(kept, sort_keys=False, allow_unicode=True, width=120))


def _tool_entry(tool: Tool) -> dict[str, Any]:
    words = {kind: word for word, kind in TOOLS.items()}
    entry: dict[str, Any] = {"name": tool.name, "kind": words.get(tool.kind, tool.kind)}
    if tool.color:
        entry["color"] = tool.color
    if tool.required:
        entry["required"] = True
    return entry | _nested_entries(tool.classifications)


def _nested_entries(classifications: tuple[Classification, ...]) -> dict[str, Any]:
    nested = [_classification_entry(each) for each in classifications]
    return {"classifications": nested} if nested else {}


def _classification_entry(classification: Classification) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": classification.name, "kind": classification.kind}
    if classification.required:
        entry["required"] = True
    if classification.scope != "global":
        entry["scope"] = classification.scope
    least, most = classification.characters
    limits = {"min_characters": least, "max_characters": most}
    entry |= {key: characters for key, characters in limits.items() if characters is not None}
    if classification.options:
        entry["options"] = [_option_entry(option) for option in classification.options]
    return entry


def _option_entry(option: Option) -> str | dict[str, Any]:
    label = {"label": option.label} if option.label != option.name else {}
    nested = _nested_entries(option.classifications)
    return {"name": option.name, **label, **nested} if label or nested else option.name
