"""One data row with all that is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.errors import NotFoundError
from labelbox_local.pages.answers import Question, questions_of
from labelbox_local.pages.classes import Classes
from labelbox_local.pages.drawing import title_of
from labelbox_local.pages.records import Layer, read_records
from labelbox_local.pages.tiles import tile_of

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_NUMBERS = 8  # of a vector that are shown
_OBJECTS = 200  # of a label that are listed
_VERSIONS = """SELECT label.id AS label, action, queue_name, label_version.created_at, email FROM label_version
    JOIN label ON label.seq = label_version.label LEFT JOIN user ON user.id = label_version.created_by
    WHERE label.data_row = ? ORDER BY label_version.seq"""


def read(platform: Platform, row_id: str) -> dict[str, Any]:
    """What the template needs; the row by its id or its global key.

    Raises:
        NotFoundError: there is no such row.
    """
    found = platform.store.row("SELECT seq FROM data_row WHERE id = ? OR global_key = ?", row_id, row_id)
    if found is None:
        raise NotFoundError(f"There is no data row {row_id}")
    (record,) = read_records(platform, [found["seq"]], full=True)
    classes = Classes(platform)
    tile = tile_of(record, classes, None)
    exported = record.exported
    return {
        "row": record.row,
        "tile": tile,
        "classes": list(classes),
        "row_data": _pretty(record.row["row_data"]),
        "media": exported["media_attributes"],
        "metadata": [(each["schema_name"], _value(each["value"])) for each in exported["metadata_fields"]],
        "attachments": exported["attachments"],
        "embeddings": [_embedding(each) for each in exported["embeddings"]],
        "layers": [_shown(layer) for layer in record.layers],
        "projects": list(exported["projects"].items()),
        "versions": platform.store.rows(_VERSIONS, found["seq"]),
    }


def _pretty(content: str) -> str:
    if not content.startswith("{"):
        return content
    return orjson.dumps(orjson.loads(content), option=orjson.OPT_INDENT_2).decode()


def _value(value: Any) -> str:
    """A metadata value: options by name, numbers and texts as they are."""
    if isinstance(value, list):
        return ", ".join(str(each["schema_name"]) for each in value)
    return str(value)


def _embedding(embedding: dict[str, Any]) -> dict[str, Any]:
    numbers = embedding["values"][0]["value"]
    first = ", ".join(f"{number:.4g}" for number in numbers[:_NUMBERS])
    return {**embedding, "first": first + (", …" if len(numbers) > _NUMBERS else "")}


def _shown(layer: Layer) -> dict[str, Any]:
    """A label, pre-label or prediction as text."""
    objects = [title_of(each, layer.kind) for each in layer.annotations.get("objects", [])]
    frames = layer.annotations.get("frames", {})
    tracks = {name: str(each["name"]) for frame in frames.values() for name, each in frame.get("objects", {}).items()}
    questions: list[Question] = questions_of(layer.annotations.get("classifications", []))
    return {
        "layer": layer,
        "objects": (objects + [f"{name} in a film" for name in tracks.values()])[:_OBJECTS],
        "more": max(0, len(objects) + len(tracks) - _OBJECTS),
        "questions": questions,
        "relationships": [str(each["name"]) for each in layer.annotations.get("relationships", [])],
        "details": layer.details.get("label_details", {}),
        "performance": layer.details.get("performance_details", {}),
    }
