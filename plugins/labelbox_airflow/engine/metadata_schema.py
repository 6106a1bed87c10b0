"""The metadata schema of a Labelbox organization: its fields and enum options by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labelbox_airflow.engine.errors import ConfigurationError, LabelboxError, LabelboxUnavailableError, did_you_mean
from labelbox_airflow.engine.rows.spec import MetadataKind, MetadataSpec
from labelbox_airflow.engine.transport import Transport

# Kinds as GraphQL names them: SDK schema/data_row_metadata.py.
WIRE_KINDS: Mapping[str, MetadataKind] = {
    "CustomMetadataString": "string",
    "CustomMetadataNumber": "number",
    "CustomMetadataDateTime": "datetime",
    "CustomMetadataEnum": "enum",
}
_KIND_NAMES: Mapping[MetadataKind, str] = {kind: name for name, kind in WIRE_KINDS.items()}

_READ = """query GetMetadataOntologyBetaPyApi {
  customMetadataOntology { id name kind reserved options { id kind name reserved } }
}"""
_WRITE = """mutation UpsertCustomMetadataSchemaPyApi($data: UpsertCustomMetadataSchemaInput!) {
  upsertCustomMetadataSchema(data: $data) { id name kind options { id name kind } }
}"""


@dataclass(frozen=True, slots=True)
class MetadataField:
    """One metadata field: its 25-character id, kind, and for an enum the ids of its options by name."""

    id: str
    name: str
    kind: MetadataKind
    options: Mapping[str, str] = field(default_factory=dict)


MetadataSchema = Mapping[str, MetadataField]


def read_metadata_schema(transport: Transport) -> dict[str, MetadataField]:
    """Return the metadata fields of the organization by name; kinds that cannot be written are left out."""
    data = transport.execute(_READ) or {}
    fields = (_field(raw) for raw in data.get("customMetadataOntology", ()))
    return {found.name: found for found in fields if found is not None}


@dataclass(frozen=True, slots=True)
class SchemaAddition:
    """What a run wants of one metadata field: that it exists, and that it has these options (enums only)."""

    kind: MetadataKind
    options: frozenset[str] = frozenset()


def missing_from_schema(schema: MetadataSchema, wanted: Mapping[str, SchemaAddition]) -> dict[str, list[str]]:
    """Return the fields of ``wanted`` that ``schema`` lacks (or whose options it lacks), with the missing options."""
    missing: dict[str, list[str]] = {}
    for name, addition in wanted.items():
        held = schema.get(name)
        options = sorted(addition.options - set(held.options if held else ()))
        if held is None or options:
            missing[name] = options
    return missing


def complete_schema(transport: Transport, wanted: Mapping[str, SchemaAddition]) -> dict[str, list[str]]:
    """Create the fields and enum options of ``wanted`` that Labelbox lacks; return them (field → new options).

    Labelbox takes the whole list of options at each change, so those it has are sent again with their ids, and two
    updates at a time would undo each other: call this from one task only.
    """
    schema = read_metadata_schema(transport)
    missing = missing_from_schema(schema, wanted)
    for name, new_options in missing.items():
        held = schema.get(name)
        data: dict[str, Any] = {"name": name, "kind": _KIND_NAMES[wanted[name].kind]}
        if held is not None:
            data["id"] = held.id
        if wanted[name].kind == "enum":
            options = [{"id": id_, "name": option} for option, id_ in (held.options.items() if held else ())]
            options += [{"name": option} for option in new_options]
            data["options"] = [{**option, "kind": "CustomMetadataEnumOption"} for option in options]
        try:
            _write(transport, data)
        except LabelboxUnavailableError:
            raise
        except LabelboxError:  # another run may have made the field just now
            if held is not None or name not in read_metadata_schema(transport):
                raise
            complete_schema(transport, {name: wanted[name]})
    return missing


def check_fields(schema: MetadataSchema, wanted: Mapping[str, MetadataSpec], *, place: str = "rows") -> None:
    """Raise unless every field is there with the kind the sync says, or may be added.

    :param place: what the mapping is called in the sync file
    :raises ConfigurationError: names the field and what to do
    """
    for name, spec in wanted.items():
        held = schema.get(name)
        where = f"{place}.metadata.{name}"
        if held is None and spec.new_field != "add":
            raise ConfigurationError(
                f"Labelbox has no metadata field '{name}'",
                where=where,
                remedy=f"{did_you_mean(name, schema)} Or set new_field: add, with a kind.",
            )
        if held is None and spec.kind is None:
            raise ConfigurationError(
                f"the metadata field '{name}' is to be added, but of which kind?",
                where=where,
                remedy="Set kind: string, number, datetime or enum.",
            )
        if held is not None and spec.kind is not None and spec.kind != held.kind:
            raise ConfigurationError(
                f"the metadata field '{name}' is of kind {held.kind} in Labelbox, the sync says {spec.kind}",
                where=where,
                remedy="Kinds cannot change in Labelbox: correct the sync, or use another name.",
            )


def _write(transport: Transport, data: Mapping[str, Any]) -> None:
    if transport.execute(_WRITE, {"data": data}, idempotent=False) is None:
        raise LabelboxError(f"the metadata field '{data['name']}' could not be written: Labelbox does not find it")


def _field(raw: Mapping[str, Any]) -> MetadataField | None:
    kind = WIRE_KINDS.get(raw["kind"])
    if kind is None:
        return None
    return MetadataField(raw["id"], raw["name"], kind, {o["name"]: o["id"] for o in raw.get("options") or ()})
