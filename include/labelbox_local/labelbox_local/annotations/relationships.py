"""Relationships between two annotations of the same import, named by their uuids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelbox_local.annotations.checks import mapping, only, text
from labelbox_local.annotations.errors import AnnotationError

if TYPE_CHECKING:
    from labelbox_local.annotations.line import AnnotationReader

_KEYS = frozenset(("source", "target", "type", "readonly", "sourceOntologyName"))
_TYPES = ("unidirectional", "bidirectional")


@dataclass(slots=True)
class Ends:
    """What a relationship joins, as its line names it; resolved when all lines of the data row are known."""

    source: str | None
    source_feature: str | None
    target: str


def read_relationship(reader: AnnotationReader, entry: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A relationship, whose `ends` are still uuids.

    Raises:
        AnnotationError: what is wrong with it.
    """
    if not reader.rules.relationships:
        raise AnnotationError("Relationships are only supported for MAL imports", name="RelationshipError")
    tool = reader.tool(entry, "edge")
    relationship = mapping(entry["relationship"], "relationship")
    only(relationship, _KEYS, "relationship")
    kind = relationship.get("type")
    if kind not in _TYPES:
        raise AnnotationError(f"The type of a relationship must be one of {', '.join(_TYPES)}. Found {kind!r}")
    source, named = relationship.get("source"), relationship.get("sourceOntologyName")
    if (source is None) == (named is None):
        raise AnnotationError("A relationship must have exactly one of source and sourceOntologyName")
    ends = {
        "source": text(source, "source") if source is not None else None,
        "source_feature": reader.features.classifications.find({"name": named}).id if named is not None else None,
        "target": text(relationship.get("target"), "target"),
    }
    shown = tool.head(reader.new_id()) | {"annotation_kind": "Relationship", "type": kind, "ends": ends}
    shown["constraints"] = sorted(tool.constraints)
    if relationship.get("readonly") is not None:
        shown["readonly"] = bool(relationship["readonly"])
    return "relationships", shown


def join(shown: dict[str, Any], others: dict[str, dict[str, Any]], by_feature: dict[str, dict[str, Any]]) -> None:
    """Put the annotations in the place of the uuids. `others` are those of the data row by uuid.

    Raises:
        AnnotationError: an end that is not there, or a pair the ontology does not allow.
    """
    ends, constraints = shown.pop("ends"), shown.pop("constraints")
    source = others.get(ends["source"]) if ends["source"] else by_feature.get(ends["source_feature"])
    target = others.get(ends["target"])
    for side, found in (("source", source), ("target", target)):
        if found is None:
            named = ends[side] or ends["source_feature"]
            raise AnnotationError(
                f"The {side} {named} of the relationship is not an annotation of the same data row in this import",
                name="RelationshipError",
            )
    if source is None or target is None:
        return
    pair = (source["feature_schema_id"], target["feature_schema_id"])
    if constraints and pair not in {tuple(each) for each in constraints}:
        raise AnnotationError(
            f"The ontology allows no relationship '{shown['name']}' from {source['name']} to {target['name']}",
            name="RelationshipError",
        )
    kind = shown.pop("type")
    shown[f"{kind}_relationship"] = {"source": source["feature_id"], "target": target["feature_id"]}
