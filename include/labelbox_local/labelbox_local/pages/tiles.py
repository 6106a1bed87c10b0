"""How a data row looks: a picture with shapes over it, a text with spans, or a word on what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from labelbox_local.pages.drawing import Drawing, draw
from labelbox_local.pages.spans import Piece, entities_of, mark

if TYPE_CHECKING:
    from labelbox_local.pages.classes import Classes
    from labelbox_local.pages.records import Record

_BRIEF = 280  # characters of a text in a tile
_ADDRESSES = ("http://", "https://", "gs://", "s3://")


@dataclass(slots=True)
class Message:
    """What somebody says in a conversation."""

    who: str
    pieces: list[Piece]


@dataclass(slots=True)
class Tile:
    """One data row.

    :param picture: the asset is an image of known size, so that it can be shown
    :param drawing: shapes and masks; over the picture, or on a plain ground where there is none
    :param counts: annotations by what they are: label, pre-label, prediction
    :param said: what is known of an asset that is not shown
    """

    id: str
    key: str
    media_type: str
    picture: bool
    drawing: Drawing
    pieces: list[Piece] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    said: str = ""
    status: str = ""


def tile_of(record: Record, classes: Classes, most: int | None = _BRIEF) -> Tile:
    """What to show of a data row; `most` characters of a text, all of it with None."""
    row, media = record.row, record.exported["media_attributes"]
    kind = str(media.get("mime_type") or "")
    media_type = str(row["media_type"] or kind.partition("/")[0].upper() or "")
    size = (media["width"], media["height"]) if media.get("width") and media.get("height") else None
    picture = kind.startswith("image/") and size is not None
    tile = Tile(
        row["id"], row["global_key"] or row["id"], media_type, picture, draw(record.layers, size, classes),
        counts=_counts(record), said=_said(row["row_data"], media), status=_status(record),
    )  # fmt: skip
    if not picture:
        _add_text(tile, record, classes, most)
    return tile


def _add_text(tile: Tile, record: Record, classes: Classes, most: int | None) -> None:
    content = str(record.row["row_data"])
    entities = entities_of(record.layers, classes)
    messages = list(_messages(content))
    if messages:
        for number, (name, who, text) in enumerate(messages[: None if most is None else 3]):
            spans = [each for each in entities if each.message == name]
            tile.messages.append(Message(who or str(number), mark(text, spans, most)))
    elif content and not content.startswith((*_ADDRESSES, "{")):
        tile.pieces = mark(content, [each for each in entities if each.message is None], most)


def _messages(content: str) -> Iterator[tuple[str, str, str]]:
    """Id, speaker and text of the messages of a conversation; none when it is another row."""
    if not content.startswith("{"):
        return
    found = orjson.loads(content).get("messages")
    for each in found if isinstance(found, list) else []:
        if isinstance(each, dict) and isinstance(each.get("content"), str):
            user = each.get("user")
            yield (
                str(each.get("messageId")),
                str(user.get("name", "")) if isinstance(user, dict) else "",
                each["content"],
            )


def _counts(record: Record) -> dict[str, int]:
    counts: dict[str, int] = {}
    for layer in record.layers:
        counts[layer.kind] = counts.get(layer.kind, 0) + sum(1 for _ in _annotations(layer.annotations))
    return counts


def _annotations(annotations: dict[str, Any]) -> Iterator[Any]:
    yield from annotations.get("objects", [])
    yield from annotations.get("classifications", [])
    tracks = {name for frame in annotations.get("frames", {}).values() for name in frame.get("objects", {})}
    yield from tracks


def _said(content: str, media: dict[str, Any]) -> str:
    known = [f"{name.replace('_', ' ')} {value}" for name, value in media.items() if name != "mime_type"]
    where = content if content.startswith(_ADDRESSES) else ""
    return " · ".join([*filter(None, [str(media.get("mime_type") or "")]), *known]) or where


def _status(record: Record) -> str:
    """Where the row is in the workflows of its projects."""
    found = [block.get("project_details", {}).get("workflow_status") for block in record.exported["projects"].values()]
    return ", ".join(str(each).replace("_", " ").lower() for each in found if each)
