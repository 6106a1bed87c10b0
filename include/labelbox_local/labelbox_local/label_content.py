"""The annotations of one label or prediction, put together from lines, and colours for its masks."""

from __future__ import annotations

import colorsys
import zlib
from dataclasses import dataclass, field
from typing import Any

import orjson

from labelbox_local.annotations import AnnotationError
from labelbox_local.annotations.relationships import join

EMPTY = '{"objects":[],"classifications":[],"relationships":[]}'
_ALWAYS = ("objects", "classifications", "relationships")


@dataclass(slots=True)
class Content:
    """What becomes one label. `masks` are rows of the table without their owner."""

    parts: dict[str, list[bytes]] = field(default_factory=dict)
    plain: bool = True
    masks: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, part: str, contents: bytes) -> None:
        """`contents` is a JSON list of annotations of that part."""
        self.parts.setdefault(part, []).append(contents[1:-1])
        if part in {"tracks", "spanned"}:
            self.plain = False

    def add_masks(self, part: str, contents: bytes, masks: list[tuple[Any, ...]]) -> None:
        """Annotations with masks: each object gets a colour of its own in the label.

        `masks` have feature, frame, uri, png, color, height, width and runs.
        """
        taken = {mask[2] for mask in self.masks}
        objects = orjson.loads(contents)
        given = {mask[0]: mask[4] for mask in masks}
        for each in objects:
            shown = _unlike(given.get(each["feature_id"]), each["feature_id"], taken)
            taken.add(shown)
            each["composite_mask"] = {"color_rgb": list(bytes.fromhex(shown))}
            self.masks += [
                (frame, feature, shown, *rest) for feature, frame, *rest in masks if feature == each["feature_id"]
            ]
        self.add(part, orjson.dumps(objects))
        self.plain = False

    def text(self) -> str:
        """The JSON of the table label, and of predictions."""
        names = [*_ALWAYS, *(part for part in self.parts if part not in _ALWAYS)]
        parts = (b'"%b":[%b]' % (name.encode(), b",".join(self.parts.get(name, ()))) for name in names)
        return (b"{" + b",".join(parts) + b"}").decode()


def _unlike(wanted: str | None, feature: str, taken: set[Any]) -> str:
    """A colour as RRGGBB that no other object of the label has: the wanted one, or one made from the feature id."""
    if wanted and wanted not in taken and wanted != "000000":
        return wanted
    start = zlib.crc32(feature.encode())
    for step in range(4096):
        hue = ((start + step * 40503) % 65536) / 65536
        shown = bytes(int(55 + 200 * part) for part in colorsys.hsv_to_rgb(hue, 1, 1)).hex()
        if shown not in taken:
            return shown
    raise AnnotationError("A label can not have that many masks", name="MaskError")


def join_relationships(
    lines: list[tuple[int, str, str, bytes]],
) -> tuple[dict[int, bytes], dict[int, AnnotationError]]:
    """Put annotations in the place of the uuids in the relationships of one data row.

    `lines` are position, uuid, part and contents of all its lines; the new contents and the errors, by position.
    """
    by_uuid: dict[str, dict[str, Any]] = {}
    by_feature: dict[str, dict[str, Any]] = {}
    for _, line_uuid, part, contents in lines:
        if part in {"objects", "classifications"}:
            annotation = orjson.loads(contents)[0]
            by_uuid[line_uuid] = annotation
            by_feature.setdefault(annotation["feature_schema_id"], annotation)
    joined: dict[int, bytes] = {}
    wrong: dict[int, AnnotationError] = {}
    for position, _, part, contents in lines:
        if part == "relationships":
            shown = orjson.loads(contents)[0]
            try:
                join(shown, by_uuid, by_feature)
            except AnnotationError as error:
                wrong[position] = error
            else:
                joined[position] = orjson.dumps([shown])
    return joined, wrong
