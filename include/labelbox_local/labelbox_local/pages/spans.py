"""Texts with the spans of entities marked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from labelbox_local.pages.classes import Classes
from labelbox_local.pages.drawing import title_of
from labelbox_local.pages.records import Kind, Layer


@dataclass(slots=True)
class Entity:
    """A span of a text or of a message; `end` is the last character."""

    start: int
    end: int
    message: str | None
    name: str
    style: str
    kind: Kind
    title: str


@dataclass(slots=True)
class Piece:
    """A part of a text that no span begins or ends in. `entities` cover it, the narrowest last."""

    text: str
    entities: list[Entity]
    is_last: bool = False  # the last piece of its narrowest entity

    @property
    def entity(self) -> Entity | None:
        """The narrowest that covers it."""
        return self.entities[-1] if self.entities else None

    @property
    def title(self) -> str:
        """All that cover it."""
        return "; ".join(entity.title for entity in self.entities)


def entities_of(layers: Iterable[Layer], classes: Classes) -> list[Entity]:
    """The entities of texts and messages in some labels."""
    found = []
    for layer in layers:
        for annotation in layer.annotations.get("objects", []):
            location, message = _location(annotation)
            if location is None:
                continue
            met = classes.of(layer.ontology, annotation)
            title = title_of(annotation, layer.kind)
            found.append(Entity(location["start"], location["end"], message, met.name, met.style, layer.kind, title))
    return found


def _location(annotation: dict[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
    if annotation["annotation_kind"] == "ConversationalTextEntity":
        place = annotation["conversational_location"]
        return place["location"], place["message_id"]
    return (annotation["location"], None) if annotation["annotation_kind"] == "TextEntity" else (None, None)


def mark(text: str, entities: list[Entity], most: int | None = None) -> list[Piece]:
    """Cut a text where spans begin and end; only the first `most` characters of it."""
    end = len(text) if most is None else min(len(text), most)
    places = {0, end}
    for entity in entities:
        places |= {min(entity.start, end), min(entity.end + 1, end)}
    cuts = sorted(places)
    pieces = []
    for start, stop in pairwise(cuts):
        over = [entity for entity in entities if entity.start <= start <= entity.end]
        over.sort(key=lambda entity: entity.start - entity.end)
        pieces.append(Piece(text[start:stop], over, bool(over) and stop == min(over[-1].end + 1, end)))
    return pieces
