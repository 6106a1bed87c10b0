"""Which kinds of annotations a media type takes, and which class of the ontology a kind needs.

From docs.labelbox.com/reference/import-* (one page for each media type), as far as a kind is shown there.
"""

from __future__ import annotations

from labelbox_airflow.engine.annotations.model import (
    BoundingBox,
    Checklist,
    DocumentEntity,
    FreeText,
    Line,
    MaskImage,
    MaskRuns,
    MaskUri,
    Message,
    MessageEvaluation,
    Metric,
    OverTime,
    Page,
    Point,
    Polygon,
    Radio,
    Relationship,
    TextEntity,
    VideoMasks,
    VideoObject,
    View,
)
from labelbox_airflow.engine.ontology.tree import MASKS

ANSWERS: tuple[type, ...] = (Radio, Checklist, FreeText, OverTime)
_SHAPES: tuple[type, ...] = (BoundingBox, Polygon, Line, Point)
_MASKS: tuple[type, ...] = (MaskUri, MaskImage, MaskRuns)

KINDS: dict[str, tuple[type, ...]] = {
    "IMAGE": (*_SHAPES, *_MASKS, Relationship),
    "VIDEO": (VideoObject, VideoMasks),
    "TEXT": (TextEntity, Relationship),
    "PDF": (BoundingBox, DocumentEntity, Relationship),
    "AUDIO": (),
    "HTML": (),
    "CONVERSATIONAL": (TextEntity, MessageEvaluation, Relationship),
    "LLM": (TextEntity, MessageEvaluation),
    "TMS_GEO": _SHAPES,
    "TMS_SIMPLE": _SHAPES,
    "POINT_CLOUD": (),
    "DICOM": (VideoObject, VideoMasks),
}
"""By media type, besides answers and metrics, which every one takes."""

TIMED = frozenset(("VIDEO", "AUDIO", "DICOM"))
"""Media types whose answers can last for some time."""
CONVERSATIONS = frozenset(("CONVERSATIONAL", "LLM"))
"""Media types whose answers can be about a message."""

TOOLS: dict[type, frozenset[str]] = {
    BoundingBox: frozenset(("rectangle",)),
    Polygon: frozenset(("polygon",)),
    Line: frozenset(("line",)),
    Point: frozenset(("point",)),
    **dict.fromkeys(_MASKS, MASKS),
    TextEntity: frozenset(("named-entity",)),
    DocumentEntity: frozenset(("named-entity",)),
    Relationship: frozenset(("edge",)),
}
"""The kind of tool that a kind of annotation is made with."""

MOVING = TOOLS[BoundingBox] | TOOLS[Point] | TOOLS[Line]
"""Tools whose shapes can move through a video."""

WORDS: dict[type, str] = {
    BoundingBox: "bounding box",
    Polygon: "polygon",
    Line: "line",
    Point: "point",
    **dict.fromkeys(_MASKS, "mask"),
    Radio: "single option",
    Checklist: "list of options",
    FreeText: "text",
    OverTime: "answer over time",
    TextEntity: "text entity",
    DocumentEntity: "document entity",
    VideoObject: "moving object",
    VideoMasks: "masks of a video",
    Relationship: "relationship",
    MessageEvaluation: "message evaluation",
    Metric: "metric",
    Message: "messageId",
    Page: "page",
    View: "groupKey",
    type(None): "nothing",
}
"""How messages call kinds of annotations, and of parts."""


def parts(kind: type, media_type: str) -> frozenset[type]:
    """Return what an annotation of that kind may have as its part; answers, which depend on the scope, excepted."""
    if kind is BoundingBox and media_type == "PDF":
        return frozenset((Page,))
    if kind is TextEntity and media_type == "CONVERSATIONAL":
        return frozenset((Message,))
    if kind is TextEntity and media_type == "LLM":
        return frozenset((Message, type(None)))
    if media_type == "DICOM" and kind in {VideoObject, VideoMasks}:
        return frozenset((View,))
    return frozenset((type(None),))
