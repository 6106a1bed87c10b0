"""Plans of faults as they are given: a file or a request, checked field by field."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from graphql import ObjectTypeDefinitionNode, parse
from pydantic import ValidationError

from labelbox_local.faults import DOWNLOADS, EVERY_OPERATION, Fault, plain_name
from labelbox_local.rest import OPERATIONS as REST_OPERATIONS

VECTOR_OPERATIONS = ("importVectors", "countVectors")
_ASKED = {"Query", "Mutation", "ProjectChanges"}


def read_fault_plan(path: Path) -> list[Fault]:
    """The plan of a YAML or JSON file: a list of faults, or `{seed, faults}` with the seed of those that name none.

    Raises:
        ValueError: the file cannot be read, or a field of it is wrong; the message names both.
    """
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: neither YAML nor JSON: {error}") from None
    content = {"faults": content} if isinstance(content, list) else content
    if not isinstance(content, dict) or not isinstance(content.get("faults"), list):
        raise ValueError(f"{path}: faults: must be a list of faults")  # noqa: TRY004 - the file is wrong
    unknown = sorted(map(str, content.keys() - {"faults", "seed"}))
    if unknown:
        raise ValueError(f"{path}: {unknown[0]}: not known here; a plan has faults and seed")
    if not isinstance(content.get("seed", 0), int):
        raise ValueError(f"{path}: seed: {content['seed']!r} is not a whole number")  # noqa: TRY004 - the file is wrong
    seed = {"seed": content.get("seed", 0)}
    return [
        parse_fault(seed | fault if isinstance(fault, dict) else fault, f"{path}: faults[{number}]")
        for number, fault in enumerate(content["faults"])
    ]


def parse_fault(fault: Any, place: str = "") -> Fault:
    """One fault of a plan.

    Raises:
        ValueError: a field is wrong; the message names it, after `place`.
    """
    lead = f"{place}: " if place else ""
    try:
        parsed = Fault.model_validate(fault)
    except ValidationError as error:
        raise ValueError(lead + "; ".join(_said(each) for each in error.errors())) from None
    name = parsed.operation
    # The names the SDK gives its requests are not all known; those of fields are.
    if name != EVERY_OPERATION and not name.endswith("PyApi") and plain_name(name) not in _known_operations():
        raise ValueError(f"{lead}operation: '{name}' is no operation, nor ends in PyApi as the SDK names them")
    return parsed


def _said(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"][:1])
    given = "" if error["type"] in {"missing", "extra_forbidden"} or not place else f"{error['input']!r}: "
    message = error["msg"].removeprefix("Value error, ")
    return f"{place}: {given}{message}" if place else message


@cache
def _known_operations() -> frozenset[str]:
    schema = parse((Path(__file__).parent / "schema.graphql").read_text())
    fields = (
        field.name.value
        for definition in schema.definitions
        if isinstance(definition, ObjectTypeDefinitionNode) and definition.name.value in _ASKED
        for field in definition.fields or ()
    )
    return frozenset(map(plain_name, (*fields, *REST_OPERATIONS, *VECTOR_OPERATIONS, *DOWNLOADS)))
