"""Turn what pydantic finds wrong in a sync file into sentences for the person who wrote it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from labelbox_airflow.engine.errors import did_you_mean
from labelbox_airflow.syncs.columns import Problem
from labelbox_airflow.syncs.documents import KeyPath, dotted
from labelbox_airflow.syncs.schema import known_keys
from labelbox_airflow.syncs.spec import PATTERNS_IN_WORDS, SyncSpec

# Keys of the format that this version does not build yet, by the place where they belong; * stands for any key.
NOT_BUILT_KEYS: dict[KeyPath, frozenset[str]] = {
    (): frozenset({"tables", "files", "sink", "export", "transform"}),
    ("labelbox",): frozenset({"project"}),
    ("rows",): frozenset({"transform"}),
    ("attach",): frozenset({"transform"}),
}
# Values of the format that this version does not build yet.
NOT_BUILT_VALUES: dict[KeyPath, frozenset[str]] = {
    ("direction",): frozenset({"export"}),
    ("sources", "*", "type"): frozenset(
        {"bigquery", "databricks", "snowflake", "postgres", "sheets", "delta", "excel"}
    ),
    ("sources", "*", "missing"): frozenset({"later"}),
    ("on_missing", "action"): frozenset({"delete", "archive", "mark"}),
}
# Names of union members in pydantic's locations, which are no keys of the file.
UNION_MEMBERS = re.compile(
    r".*[\[(].*|str|int|float|bool|constrained-(str|int)|ValueSpec|table|objects|sql|iceberg|plugin|annotations|LocalFilesSpec"
)
SOURCE_TYPES = ("table", "objects", "sql", "iceberg", "plugin", "annotations")
SHOWN_CHARACTERS = 80

Error = Mapping[str, Any]


def checked(content: Mapping[str, Any], *, conditions: bool = False) -> tuple[SyncSpec | None, list[Problem]]:
    """Return the model of a sync file's ``content``, or None, and everything that is wrong with it."""
    try:
        return SyncSpec.model_validate(
            content, context={"conditions": conditions}
        ), []  # models refuse unknown keys too
    except ValidationError:
        return None, _problems(content, conditions)


def _problems(content: Mapping[str, Any], conditions: bool) -> list[Problem]:
    refused: list[Problem] = []
    buildable = _without_unknown_keys(content, (), refused)
    found = _faults(buildable, conditions)
    # What a model lacks because of a misspelt key in it is said with that key.
    holders = {problem.path.rpartition(".")[0] for problem in refused}
    return [*refused, *(problem for problem in found if problem.path not in holders)]


def _without_unknown_keys(content: Any, at: KeyPath, refused: list[Problem]) -> Any:
    """Return ``content`` without the keys that the format does not have, so that the rest can be checked as well."""
    if isinstance(content, list):
        return [_without_unknown_keys(item, (*at, index), refused) for index, item in enumerate(content)]
    if not isinstance(content, dict) or _is_foreign_source(content, at):
        return content
    not_built, known = _listed(NOT_BUILT_KEYS, at), known_keys(at, content.get("type"))
    kept = {}
    for key, value in content.items():
        if key in not_built:
            refused.append(Problem(dotted((*at, key)), "is not built yet in this version. Leave it out"))
        elif known and key not in known:
            refused.append(Problem(dotted((*at, key)), f"unknown key. {did_you_mean(str(key), known)}"))
        else:
            kept[key] = _without_unknown_keys(value, (*at, key), refused)
    return kept


def _is_foreign_source(content: Mapping[str, Any], at: KeyPath) -> bool:
    """Tell whether ``content`` is a source of a type that we do not have, of whose keys we know nothing."""
    return len(at) == 2 and at[0] == "sources" and content.get("type", "table") not in SOURCE_TYPES


def _listed(table: Mapping[KeyPath, frozenset[str]], at: KeyPath) -> frozenset[str]:
    place = (at[0], "*", *at[2:]) if len(at) > 1 and at[0] == "sources" else at
    return table.get(place, frozenset())


def _faults(content: Any, conditions: bool) -> list[Problem]:
    try:
        SyncSpec.model_validate(content, context={"conditions": conditions})
    except ValidationError as error:
        errors = error.errors(include_url=False)
    else:
        return []
    found: dict[KeyPath, list[Error]] = {}
    for fault in map(_of_type, errors):
        if fault["type"] == "inconsistent":
            return list(fault["ctx"]["problems"])
        found.setdefault(_path(fault["loc"], content), []).append(fault)
    wrong_types = {path[:2] for path in found if len(path) == 3 and path[0] == "sources" and path[2] == "type"}
    return [
        Problem(dotted(path), _message(path, faults))
        for path, faults in found.items()
        if path[:2] not in wrong_types or path[2:] == ("type",)
    ]


def _of_type(fault: Any) -> Any:
    """Return what is wrong with the key that tells the members of a union apart as a fault of that key."""
    if fault["type"] == "union_tag_not_found":
        return {**fault, "type": "missing", "loc": (*fault["loc"], "type")}
    if fault["type"] == "union_tag_invalid":
        expected = {"expected": fault["ctx"]["expected_tags"]}
        place = (*fault["loc"], "type")
        return {**fault, "type": "literal_error", "loc": place, "input": fault["input"]["type"], "ctx": expected}
    return fault


def _path(location: tuple[int | str, ...], content: Any) -> KeyPath:
    """Return the place in the file: pydantic's location without the names of union members and validators."""
    path: list[int | str] = []
    for step in location:
        if step in content if isinstance(content, Mapping) else isinstance(content, list) and isinstance(step, int):
            content = content[step]
        elif isinstance(step, str) and UNION_MEMBERS.fullmatch(step):
            continue
        path.append(step)
    return tuple(path)


def _message(path: KeyPath, errors: list[Error]) -> str:
    by_kind = {error["type"]: error for error in reversed(errors)}
    if "value_error" in by_kind:
        return str(by_kind["value_error"]["ctx"]["error"])
    if "literal_error" in by_kind:
        return _unknown_value(path, by_kind["literal_error"])
    if "missing" in by_kind:
        return "is missing"
    demands = " or ".join(dict.fromkeys(_demand(error) for error in errors))
    return f"{shown(errors[0]['input'])} is not {demands}"


def _unknown_value(path: KeyPath, error: Error) -> str:
    value, expected = error["input"], error["ctx"]["expected"]
    known = re.findall(r"'([^']*)'", expected) or [expected]
    if isinstance(value, str) and value in _listed(NOT_BUILT_VALUES, path):
        return f"{shown(value)} is not built yet in this version. There is: {', '.join(known)}"
    near = did_you_mean(str(value), known)
    if len(known) == 1 and not near.startswith("Did"):
        return f"{shown(value)} is not {known[0]}, the only one there is"
    listed = f" ({', '.join(known)})" if near.startswith("Did") else ""
    return f"{shown(value)} is not known here{listed}. {near}"


DEMANDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "string_type": lambda _: "text",
    "string_pattern_mismatch": lambda ctx: PATTERNS_IN_WORDS.get(ctx["pattern"], f"of the form {ctx['pattern']}"),
    "string_too_short": lambda ctx: f"text of at least {ctx['min_length']} characters",
    "string_too_long": lambda ctx: f"text of at most {ctx['max_length']} characters",
    "int_type": lambda _: "a whole number",
    "int_parsing": lambda _: "a whole number",
    "int_from_float": lambda _: "a whole number",
    "float_type": lambda _: "a number",
    "float_parsing": lambda _: "a number",
    "bool_type": lambda _: "true or false",
    "bool_parsing": lambda _: "true or false",
    "date_type": lambda _: "a date such as 2026-01-31",
    "date_from_datetime_parsing": lambda _: "a date such as 2026-01-31",
    "dict_type": lambda _: "a mapping of keys",
    "model_type": lambda _: "a mapping of keys",
    "model_attributes_type": lambda _: "a mapping of keys",
    "list_type": lambda _: "a list",
    "greater_than_equal": lambda ctx: f"at least {ctx['ge']}",
    "less_than_equal": lambda ctx: f"at most {ctx['le']}",
    "too_short": lambda ctx: (
        f"a {'list' if ctx['field_type'] == 'List' else 'mapping'} of at least {ctx['min_length']}"
    ),
}


def _demand(error: Error) -> str:
    demand = DEMANDS.get(error["type"])
    return demand(error.get("ctx", {})) if demand else f"what is asked for: {error['msg']}"


def shown(value: object) -> str:
    """Return ``value`` as a message may show it: cut to size, without password or signature of a URL."""
    if value is None:
        return "null"
    if not isinstance(value, str):
        text = str(value)
        return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
    if "://" in value:
        parts = urlsplit(value)
        value = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    return f"'{value}'" if len(value) <= SHOWN_CHARACTERS else f"'{value[:SHOWN_CHARACTERS]}…'"
