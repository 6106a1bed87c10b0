"""Sync files as text: YAML 1.2 scalars, no key twice, the line of every key, defaults, environments, variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from labelbox_airflow.engine.errors import ConfigurationError, did_you_mean
from labelbox_airflow.syncs.columns import Problem

KeyPath = tuple[str | int, ...]

VARIABLE = re.compile(r"\$\{env\.(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
# Keys that exclude one another: a file that gives one of them drops the others of its defaults.
ALTERNATIVES: dict[KeyPath, tuple[frozenset[str], ...]] = {
    (): (frozenset({"rows"}), frozenset({"attach"})),
    ("schedule",): (frozenset({"every", "at"}), frozenset({"cron"}), frozenset({"after"})),
    ("labelbox", "dataset"): (frozenset({"id"}), frozenset({"name"})),
    ("ledger",): (frozenset({"connection"}), frozenset({"url"})),
}


try:  # libyaml reads a hundred files in the time that Python takes for ten
    from yaml import CSafeLoader as _SafeLoader
except ImportError:
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]


class _Loader(_SafeLoader):
    """PyYAML's safe loader with the scalars of YAML 1.2, where NO is a word, 12:30 and 2026-01-01 are text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Read a mapping whose keys are always text, also where they look like numbers (a metadata field 2024)."""
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and not key.tag.endswith(":merge"):
                key.tag = "tag:yaml.org,2002:str"
        return super().construct_mapping(node, deep)


for _tag, _pattern, _first in (
    ("null", r"^(~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?(0|[1-9][0-9]*)$", list("-+0123456789")),
    ("float", r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", list("-+.0123456789")),
    ("merge", r"^<<$", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


@dataclass(frozen=True)
class Document:
    """The content of one YAML file, with the line (from 1) of every key and list item."""

    path: Path
    content: dict[str, Any] = field(default_factory=dict)
    lines: Mapping[KeyPath, int] = field(default_factory=dict)


def read_document(path: Path) -> Document:
    """Read the YAML mapping in ``path``.

    :raises ConfigurationError: the file cannot be read, is no YAML, no mapping, or has a key twice
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigurationError("there is no such file", where=str(path)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot be read as UTF-8 text: {error}", where=str(path)) from error
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines = _lines(node, path) if node is not None else {}
        content = loader.construct_document(node) if node is not None else {}
    except yaml.MarkedYAMLError as error:
        raise ConfigurationError(_syntax_message(error), where=f"{path}{_position(error)}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"is no valid YAML: {' '.join(str(error).split())}", where=str(path)) from error
    except RecursionError as error:
        raise ConfigurationError("an alias contains itself", where=str(path)) from error
    finally:
        loader.dispose()
    if not isinstance(content, dict):
        raise ConfigurationError(
            f"holds a {type(content).__name__}, not a mapping",
            where=str(path),
            remedy="Write keys such as 'version: 1'.",
        )
    return Document(path, content, lines)


def _syntax_message(error: yaml.MarkedYAMLError) -> str:
    said = ", ".join(part for part in (error.context, error.problem) if part)
    return f"YAML syntax error: {said}"


def _position(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f":{mark.line + 1}:{mark.column + 1}" if mark is not None else ""


def _lines(node: yaml.Node, path: Path, at: KeyPath = ()) -> dict[KeyPath, int]:
    lines: dict[KeyPath, int] = {}
    if isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            key = str(key_node.value)
            here, line = (*at, key), key_node.start_mark.line + 1
            if here in lines:
                raise ConfigurationError(
                    f"{dotted(here)}: the key is given twice, first in line {lines[here]}",
                    where=f"{path}:{line}",
                    remedy="Keep one of them.",
                )
            lines[here] = line
            lines |= _lines(value_node, path, here)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[*at, index] = item.start_mark.line + 1
            lines |= _lines(item, path, (*at, index))
    return lines


def dotted(path: KeyPath) -> str:
    """Return ``path`` as the messages write it: ``rows.attachments.0.type``."""
    return ".".join(str(key) for key in path)


def merged(
    first: Mapping[str, Any], second: Mapping[str, Any], *, second_wins: bool, at: KeyPath = ()
) -> dict[str, Any]:
    """Return the keys of ``first``, then those that only ``second`` has; mappings merge, lists and scalars replace."""
    winner, loser = (second, first) if second_wins else (first, second)
    dropped = _excluded(at, winner) & loser.keys()
    result: dict[str, Any] = {}
    for key in [*first, *(key for key in second if key not in first)]:
        if key in dropped:
            continue
        ours, theirs = first.get(key), second.get(key)
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            result[key] = merged(ours, theirs, second_wins=second_wins, at=(*at, key))
        else:
            result[key] = winner[key] if key in winner else loser[key]
    return result


def _excluded(at: KeyPath, winner: Mapping[str, Any]) -> set[str]:
    groups = ALTERNATIVES.get(at, ())
    chosen = [group for group in groups if group & winner.keys()]
    return {key for group in groups if chosen and group not in chosen for key in group}


def for_environment(content: Mapping[str, Any], environment: str | None) -> dict[str, Any]:
    """Return ``content`` with the overrides of ``environment`` merged over it and the key ``environments`` gone.

    :raises ConfigurationError: the file has overrides, but none for ``environment``
    """
    base = {key: value for key, value in content.items() if key != "environments"}
    environments = content.get("environments") or {}
    if not isinstance(environments, Mapping) or not all(isinstance(o, Mapping) for o in environments.values()):
        raise ConfigurationError(
            "is not a mapping of environments to overrides",
            where="environments",
            remedy="Write {dev: {labelbox: {connection: labelbox_dev}}}.",
        )
    if not environments or not environment:
        return base
    if environment not in environments:
        raise ConfigurationError(
            f"there is no environment '{environment}', which LABELBOX_ENVIRONMENT names",
            where="environments",
            remedy=did_you_mean(environment, environments),
        )
    return merged(base, environments[environment], second_wins=True)


def interpolated(content: Any, variables: Mapping[str, str], problems: list[Problem], at: KeyPath = ()) -> Any:
    """Return ``content`` with ``${env.NAME}`` and ``${env.NAME:-default}`` in its texts replaced.

    A variable that is not set and has no default is added to ``problems``.
    """
    if isinstance(content, dict):
        return {key: interpolated(value, variables, problems, (*at, key)) for key, value in content.items()}
    if isinstance(content, list):
        return [interpolated(value, variables, problems, (*at, index)) for index, value in enumerate(content)]
    if not isinstance(content, str) or "${" not in content:
        return content

    def replacement(match: re.Match[str]) -> str:
        name, default = match["name"], match["default"]
        value = variables.get(name) or default
        if value is None:
            message = f"the environment variable {name} is not set. Set it, or write ${{env.{name}:-default}}"
            problems.append(Problem(dotted(at), message))
        return value or ""

    if VARIABLE.sub("", content).find("${") >= 0:
        problems.append(Problem(dotted(at), f"'{content}' is no reference to a variable; write ${{env.NAME}}"))
    return VARIABLE.sub(replacement, content)
