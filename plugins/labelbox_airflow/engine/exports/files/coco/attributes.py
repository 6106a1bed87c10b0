"""Answers to questions as attributes, which several tools write into COCO: of an annotation, or of an image."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from labelbox_airflow.engine.exports.files.images import Entry

ANSWERS = frozenset(("radio", "checklist", "text"))

Attributes = dict[str, Any]


def attributes_of(entries: Iterable[Entry]) -> dict[str | None, Attributes]:
    """Return the answers by the id of the object that they are about, None being the image.

    Each is called by the path of its question, ``weather`` or ``weather/rain/how much``; a checklist is a list.

    :param entries: of a label, answers behind what they are about
    """
    found: dict[str | None, Attributes] = {}
    about: dict[str, str | None] = {}
    for entry in entries:
        if entry["kind"] in ANSWERS:
            parent, path = entry["parent_id"], entry["class_path"] or [entry["class"]]
            owner = about.get(parent, parent)
            if entry["annotation_id"] is not None:
                about[entry["annotation_id"]] = owner
            question = "/".join(map(str, path if owner is None else path[1:]))
            found.setdefault(owner, {})[question] = _answer(entry)
    return found


def _answer(entry: Entry) -> Any:
    if entry["kind"] == "text":
        return entry["text"]
    return entry["answer"] if entry["kind"] == "checklist" else entry["answer"][0]
