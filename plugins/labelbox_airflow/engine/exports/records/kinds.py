"""What one exported object, answer or relationship says, as columns; for each kind those it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from labelbox_airflow.engine.annotations.exported.fields import HEAD
from labelbox_airflow.engine.annotations.exported.messages import EVALUATIONS
from labelbox_airflow.engine.exports.records.arrow import as_json
from labelbox_airflow.engine.exports.records.geometry import KEYS as SHAPES
from labelbox_airflow.engine.exports.records.geometry import WRITERS, GeometryForm, Shape, read_shape
from labelbox_airflow.engine.exports.records.line import Entry

Columns = dict[str, Any]
UNKNOWN = "unknown"
"""The kind of what these tables have no columns for: it is whole in ``other``."""
QUESTIONS = frozenset(("radio", "checklist", "text"))

_PAGE = frozenset(("page_number", "unit"))
_MESSAGE = frozenset(("message_id",))
_RELATIONSHIPS = ("unidirectional_relationship", "bidirectional_relationship")
_JOINED = frozenset(("readonly",))
_WHITE = "#ffffff"


def answer_key(entry: Entry) -> str | None:
    """Return the key under which a question has its answer; None for one without an answer."""
    return next((key for key in ANSWERS if entry.get(key)), None)


class Kinds:
    """Turns entries of exports into columns.

    :param form: of geometries
    """

    def __init__(self, form: GeometryForm) -> None:
        self._write: Callable[[Shape], Any] = WRITERS[form]
        self._readers: Mapping[str, Callable[[Entry], Columns]] = {
            **{key: partial(self._shape, key) for key in SHAPES},
            **_READERS,
        }

    def columns(self, entry: Entry) -> Columns | None:
        """Return kind and content of an entry; None for a question without an answer.

        An entry that is not as its kind should be is unknown, and kept as it is.
        """
        for key, value in entry.items():
            if value and key in self._readers:
                try:
                    return self._readers[key](entry) | _beyond(entry, key)
                except (KeyError, TypeError, ValueError, AttributeError, IndexError):
                    return {"kind": UNKNOWN, "other": as_json(entry)}
        return {"kind": UNKNOWN, "other": as_json(entry)} if ANSWERS.keys().isdisjoint(entry) else None

    def _shape(self, key: str, entry: Entry) -> Columns:
        shape = read_shape(key, entry)
        made = {"kind": shape.kind, "geometry": self._write(shape)}
        if "page_number" in entry:
            # Documents measure in points unless they say otherwise: their page_dimensions are points.
            made |= {"page": entry["page_number"], "unit": entry.get("unit") or "POINTS"}
        return made


def _beyond(entry: Entry, key: str) -> Columns:
    """Return scores, and what of an entry is in no column."""
    made: Columns = {}
    if entry.get("confidence") is not None:
        made["confidence"] = entry["confidence"]
    if entry.get("custom_metrics"):
        made["custom_metrics"] = entry["custom_metrics"]
    more = entry.keys() - HEAD
    more.discard(key)
    if more:
        known = _BESIDE.get(key, _PAGE)
        found = {name: entry[name] for name in more - known if entry[name] not in (None, [], {})}
        if found:
            made["other"] = as_json(found)
    return made


def _composite_mask(entry: Entry) -> Columns:
    mask = entry["composite_mask"]
    red, green, blue = mask["color_rgb"]
    return {"kind": "mask", "mask_url": mask["url"], "mask_color": f"#{red:02x}{green:02x}{blue:02x}"}


def _mask(entry: Entry) -> Columns:
    """A picture with one mask, in which that is white."""
    return {"kind": "mask", "mask_url": entry["mask"]["url"], "mask_color": _WHITE}


def _entity(entry: Entry) -> Columns:
    location = entry["location"]
    if "groups" in location:
        groups = location["groups"]
        text = " ".join(each["text"] for each in groups if each.get("text"))
        return {"kind": "entity", "page": groups[0]["page_number"], "token_groups": groups, "text": text or None}
    return {
        "kind": "entity",
        "entity_start": location["start"],
        "entity_end": location["end"],
        "text": location.get("token"),
    }


def _message_entity(entry: Entry) -> Columns:
    place = entry["conversational_location"]
    return _entity({"location": place["location"]}) | {"message_id": place["message_id"]}


def _evaluation(key: str, entry: Entry) -> Columns:
    task = entry[key]
    messages = task.get("messages") or task.get("ranked_messages") or [task]
    kind = EVALUATIONS[key].replace("-", "_")
    return {"kind": kind, "messages": messages, "parent_message_id": task["parent_message_id"]}


def _relationship(key: str, entry: Entry) -> Columns:
    ends = entry[key]
    made = {"kind": "relationship", "source_id": ends["source"], "target_id": ends["target"]}
    return made | {"relationship_type": key.partition("_")[0], "readonly": entry.get("readonly")}


def _radio(key: str, entry: Entry) -> Columns:
    option = entry[key]
    return _answered("radio", entry, [option]) | {key: option[key] for key in _SCORES if option.get(key)}


def _checklist(key: str, entry: Entry) -> Columns:
    made = _answered("checklist", entry, entry[key])
    if any(option.get(score) is not None for option in entry[key] for score in _SCORES):
        made["answer_confidences"] = [option.get("confidence") for option in entry[key]]
    return made


def _answered(kind: str, entry: Entry, options: list[Entry]) -> Columns:
    return {
        "kind": kind,
        "answer": [name_of(option) for option in options],
        "answer_schema_ids": [option.get("feature_schema_id") for option in options],
        "message_id": entry.get("message_id"),
    }


def _text(key: str, entry: Entry) -> Columns:
    answer = entry[key]
    scores = {key: answer[key] for key in _SCORES if answer.get(key)}
    return {"kind": "text", "text": answer["content"], "message_id": entry.get("message_id")} | scores


def name_of(entry: Entry) -> str:
    """Return the name of a class or option."""
    name = entry.get("name")
    return str(entry["value"] if name is None else name)


_SCORES = ("confidence", "custom_metrics")
_ANSWER_READERS: Mapping[str, Callable[[str, Entry], Columns]] = {
    "radio_answer": _radio,
    "checklist_answers": _checklist,
    "text_answer": _text,
}
ANSWERS: Mapping[str, Callable[[Entry], Columns]] = {
    f"{prefix}{key}": partial(read, f"{prefix}{key}")
    for prefix in ("", "conversational_")
    for key, read in _ANSWER_READERS.items()
}
_READERS: Mapping[str, Callable[[Entry], Columns]] = {
    "composite_mask": _composite_mask,
    "mask": _mask,
    "location": _entity,
    "conversational_location": _message_entity,
    **{key: partial(_evaluation, key) for key in EVALUATIONS},
    **{key: partial(_relationship, key) for key in _RELATIONSHIPS},
    **ANSWERS,
}
_BESIDE = dict.fromkeys(ANSWERS, _MESSAGE) | dict.fromkeys(_RELATIONSHIPS, _JOINED)
