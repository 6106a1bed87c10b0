"""The one form of an annotation: every reader makes these, every writer takes them.

An `Annotation` says which data row it is of, which feature of the ontology, and a value. The type of the value is the
kind of the annotation. Geometry is in pixels of the asset, x to the right and y down, unless `part` is a page with
another unit; on maps x is the longitude and y the latitude (labelbox-notebooks, annotation_import/tiled.ipynb).

Nothing is checked here: making one must stay cheap, as a million go through. `ndjson` checks shapes while it reads,
`checks` checks annotations against an ontology and assets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[T]) -> type[T]:
    """Make a slotted dataclass that the type checker holds to be frozen.

    At run time it is not frozen: that would make each one four times as dear to build.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)


class Span(NamedTuple):
    """From where to where something lasts, both ends included: frames of a video from 1, milliseconds of an audio."""

    start: int
    end: int


Coordinates = tuple[float, float]
"""x and y."""

Color = tuple[int, int, int]
"""Red, green and blue, each 0 to 255."""


@value
class DataRow:
    """Which data row: by exactly one of global key and id. Share one among the annotations of a row.

    :param split: that of the row in a model run, where the source says: TRAINING, VALIDATION or TEST
    """

    global_key: str | None = None
    id: str | None = None
    split: str | None = None

    def __str__(self) -> str:
        return self.global_key if self.global_key is not None else f"data row {self.id}"


@value
class Feature:
    """A class of the ontology, or an option of one: by name, by schema id, or both. Share one among annotations."""

    name: str | None = None
    schema_id: str | None = None

    def __str__(self) -> str:
        return self.name if self.name is not None else f"schema id {self.schema_id}"


@value
class Origin:
    """Where an annotation was read: ``s3://bucket/boxes.ndjson line 17``; `position` counts from 1."""

    place: str
    position: int
    word: str = "line"

    def __str__(self) -> str:
        return f"{self.place} {self.word} {self.position}"


class CustomMetric(NamedTuple):
    """A number of a model about one annotation; kept by model runs only."""

    name: str
    value: float


# Where in the data row an annotation lies, when it is not simply the whole of it.


@value
class Message:
    """A message of a conversation."""

    id: str


@value
class Page:
    """A page of a document; `number` goes to Labelbox as it is. `unit` is that of the geometry."""

    number: int
    unit: Literal["POINTS", "PIXELS", "INCHES", "PERCENT"] = "PIXELS"


@value
class View:
    """A view of a DICOM series (`groupKey`)."""

    group: Literal["axial", "sagittal", "coronal"]


Part = Message | Page | View

# Shapes: of images, of documents (with a Page), of maps, and in the keyframes of videos.


@value
class BoundingBox:
    """Left and top edge, width and height."""

    left: float
    top: float
    width: float
    height: float


@value
class Polygon:
    """One ring of at least three points; whether the last repeats the first is left as it came."""

    points: tuple[Coordinates, ...]


@value
class Line:
    """A polyline of at least two points."""

    points: tuple[Coordinates, ...]


@value
class Point:
    """One point."""

    x: float
    y: float


Shape = BoundingBox | Polygon | Line | Point


@value
class MaskUri:
    """The pixels of one colour in a picture at a URL."""

    uri: str
    color: Color


@value
class MaskImage:
    """The pixels of one colour in a PNG, or without a colour all that are not zero; `png` is the file's bytes."""

    png: bytes
    color: Color | None = None


@value
class MaskRuns:
    """Run lengths, outside first, down the columns (COCO's uncompressed RLE); `size` is height and width."""

    size: tuple[int, int]
    counts: tuple[int, ...]


Mask = MaskUri | MaskImage | MaskRuns

# Answers to classifications: of a whole row, of a Message, of spans of time, or nested in an object or another answer.


@value
class Choice:
    """One option that was chosen, with the answers nested under it."""

    feature: Feature
    classifications: tuple[Classification, ...] = ()
    confidence: float | None = None
    metrics: tuple[CustomMetric, ...] = ()


@value
class Radio:
    """One option. `spans` are when it holds; none means throughout."""

    choice: Choice
    spans: tuple[Span, ...] = ()


@value
class Checklist:
    """At least one option. `spans` are when all of them hold; none means throughout."""

    choices: tuple[Choice, ...]
    spans: tuple[Span, ...] = ()


@value
class FreeText:
    """A text, also a prompt or a text response. `spans` are when it holds; none means throughout."""

    content: str
    classifications: tuple[Classification, ...] = ()
    spans: tuple[Span, ...] = ()


@value
class OverTime:
    """Answers to one question that follow each other or overlap, each with its spans: of an audio, or of a video."""

    parts: tuple[Radio | FreeText, ...]


Answer = Radio | Checklist | FreeText | OverTime


@value
class Classification:
    """A nested question with its answer; the confidence is that of a text, options have their own."""

    feature: Feature
    answer: Answer
    confidence: float | None = None
    metrics: tuple[CustomMetric, ...] = ()


# Entities.


@value
class TextEntity:
    """Characters of a text, or of a Message, from 0; `end` is the last one (labelbox-python, export tests of text)."""

    start: int
    end: int


@value
class TokenGroup:
    """Tokens of a document's text layer that belong together, on one page."""

    group_id: str
    token_ids: tuple[str, ...]
    page: int


@value
class DocumentEntity:
    """An entity of a document: one or more groups of tokens."""

    groups: tuple[TokenGroup, ...]


# Videos and DICOM series. Frames are numbered from 1.


@value
class Keyframe:
    """Where an object is in one frame; between two keyframes of a segment Labelbox interpolates."""

    frame: int
    shape: BoundingBox | Point | Line
    classifications: tuple[Classification, ...] = ()


@value
class VideoObject:
    """One object that moves. It is visible during each segment: from its first keyframe to its last."""

    segments: tuple[tuple[Keyframe, ...], ...]


@value
class MaskFrame:
    """The picture with all masks of one frame: a URL, or the bytes of a PNG."""

    frame: int
    image: str | bytes


@value
class MaskInstance:
    """Which feature a colour stands for in all frames; `source_id` is the source's own id, as of an `Annotation`."""

    feature: Feature
    color: Color
    source_id: str | None = field(default=None, compare=False)


@value
class VideoMasks:
    """All masks of a video together; the annotation itself has no feature, its instances do."""

    frames: tuple[MaskFrame, ...]
    instances: tuple[MaskInstance, ...]


# Between annotations, between answers of models, and about a whole row.


@value
class Relationship:
    """From one annotation of the row to another; both are named by the source's own id or the uuid.

    `source` is None where a document's relationship begins at a classification, named by `source_class`.
    """

    source: str | None
    target: str
    type: Literal["unidirectional", "bidirectional"] = "unidirectional"
    readonly: bool | None = None
    source_class: str | None = None


@value
class ModelMessage:
    """An answer of a model in a conversation; `order` is its rank from 1, in rankings only."""

    message_id: str
    model_config_name: str
    order: int | None = None


@value
class MessageEvaluation:
    """A choice among answers of models: exactly one message, several, or all of them ranked."""

    format: Literal["message-single-selection", "message-multi-selection", "message-ranking"]
    parent_message_id: str
    messages: tuple[ModelMessage, ...]


@value
class Metric:
    """A metric of a row or of one of its features in a model run; the annotation's feature is that of `featureName`.

    `value` is a number, or four counts (true and false positives, true and false negatives) of a confusion matrix, or
    one of the two by confidence.
    """

    name: str | None
    value: float | tuple[int, ...] | tuple[tuple[float, float | tuple[int, ...]], ...]
    aggregation: str | None = "ARITHMETIC_MEAN"
    subclass_name: str | None = None


Value = (
    Shape
    | Mask
    | Answer
    | TextEntity
    | DocumentEntity
    | VideoObject
    | VideoMasks
    | Relationship
    | MessageEvaluation
    | Metric
)


@value
class Annotation:
    """One annotation of one data row.

    :param feature: its class; None for video masks, whose instances have classes, and for metrics of a whole row
    :param classifications: nested answers of an object
    :param part: where in the row it lies: a message, a page, a view; None for all others
    :param confidence: 0 to 1; Labelbox keeps it in model runs only
    :param source_id: the source's own id, which stays the same when the annotation changes
    :param uuid: what Labelbox is to call it in this import; `identity` makes it from the others
    :param is_benchmark: the reference that labelers are measured against, in imports of submitted labels
    :param origin: where it was read, for reports; no part of what it says, nor of equality
    """

    data_row: DataRow
    feature: Feature | None
    value: Value
    classifications: tuple[Classification, ...] = ()
    part: Part | None = None
    confidence: float | None = None
    metrics: tuple[CustomMetric, ...] = ()
    source_id: str | None = None
    uuid: str | None = None
    is_benchmark: bool = False
    origin: Origin | None = field(default=None, compare=False)
