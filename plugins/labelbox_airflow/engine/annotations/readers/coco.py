"""COCO files: boxes, polygons, masks, keypoints and panoptic segments, of people or of models.

The format: https://cocodataset.org/#format-data and #format-results. A file is one JSON document, so all of it is in
memory while it is read, as Python objects: three to six times its size. Annotations are made one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from labelbox_airflow.engine.annotations.model import (
    Annotation,
    BoundingBox,
    Classification,
    Feature,
    MaskImage,
    Origin,
    Point,
)
from labelbox_airflow.engine.annotations.ndjson.fields import number
from labelbox_airflow.engine.annotations.problems import AnnotationError, RejectedAnnotation
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.annotations.readers.coco_attributes import Question
from labelbox_airflow.engine.annotations.readers.coco_document import IDS, Category, Document, Image, read_document
from labelbox_airflow.engine.annotations.readers.coco_keypoints import read_points
from labelbox_airflow.engine.annotations.readers.coco_panoptic import OpenPng, Segments, open_segments
from labelbox_airflow.engine.annotations.readers.coco_segmentation import converters, read_box
from labelbox_airflow.engine.annotations.readers.coco_spec import CocoSpec
from labelbox_airflow.engine.rows.values import as_text


def read_coco(
    content: bytes,
    spec: CocoSpec,
    place: str,
    *,
    images: bytes | None = None,
    kinds: Mapping[str, str] | None = None,
    open_png: OpenPng | None = None,
) -> Iterator[Read]:
    """Yield what each annotation of a COCO file is, in order; one can be several, such as keypoints.

    The source's own id of each is that of COCO; a keypoint or a part has its name or number behind it (``17/nose``),
    a panoptic segment the id of the image before it (``139/8345``). What the spec asks to leave out is a reject too,
    with a code of `coco_spec.LEFT_OUT`.

    :param content: the file, unpacked
    :param place: what messages and origins call the file
    :param images: the file named by ``images_from``
    :param kinds: the kind of tool (``rectangle``, ``raster-segmentation``) that the ontology has for each class;
        ``shapes: auto`` follows it
    :param open_png: returns a PNG of ``png_folder`` by its name
    :raises SourceError: not JSON, JSON of another shape, categories that cannot be told apart, segments without PNGs
    """
    document = read_document(content, spec, place, images, kinds)
    reader = _Reader(document, spec, place, open_png)
    for position, entry in enumerate(document.annotations, start=1):
        origin = Origin(place, position, "annotation")
        try:
            yield from reader.read(entry, origin)
        except AnnotationError as error:
            yield reader.rejected(entry, error, origin)


class _Reader:
    """Reads the annotations of one document."""

    def __init__(self, document: Document, spec: CocoSpec, place: str, open_png: OpenPng | None) -> None:
        self._images = document.images
        self._categories = document.categories
        self._convert = converters(spec)
        self._spec = spec
        self._place = place
        self._open_png = open_png
        self._ids: set[Any] = set()
        self._score = spec.confidence.field if spec.confidence is not None else None
        self._least_score = spec.confidence.min if spec.confidence is not None else None
        self._is_auto = spec.shapes == "auto"
        self._has_shapes = spec.shapes != "none"
        self._skips_crowds = spec.iscrowd == "skip"
        self._questions = [Question(name, each) for name, each in spec.attributes.items()]

    def read(self, entry: Any, origin: Origin) -> list[Read]:
        """Return what an annotation makes.

        :raises AnnotationError: the first thing that is wrong, with key, value and what to do
        """
        if type(entry) is not dict:
            raise AnnotationError("not_an_object", "annotations", entry, "must be an object")
        if "segments_info" in entry:
            return self._segments(entry, origin)
        source_id = self._source_id(entry)
        image, category = self._image(entry), self._category(entry)
        confidence = self._confidence(entry)
        points = self._points(entry, category) if entry.get("keypoints") or not self._has_shapes else []
        made: list[Read] = []
        if self._has_shapes and not (points and not entry.get("bbox") and not entry.get("segmentation")):
            is_box = self._is_auto and not entry.get("segmentation")
            values = self._convert["bounding_box" if is_box else category.shape](entry, image)
            nested = self._classifications(entry) if self._questions else ()
            row, feature, number_of = image.row, category.feature, len(values)
            for part, value in enumerate(values, start=1):
                part_id = source_id if number_of == 1 else _under(source_id, part)
                # By position, which is quicker: no part, no metrics, no uuid, no benchmark.
                made.append(Annotation(row, feature, value, nested, None, confidence, (), part_id, None, False, origin))
        for name, feature, point in points:
            point_id = _under(source_id, name)
            made.append(Annotation(image.row, feature, point, confidence=confidence, source_id=point_id, origin=origin))
        return made

    def rejected(self, entry: Any, error: AnnotationError, origin: Origin) -> RejectedAnnotation:
        """Return the reject of an annotation, with what it says about itself as far as that can be read."""
        said: dict[str, Any] = entry if type(entry) is dict else {"annotation": entry}
        image_id, category_id = said.get("image_id"), said.get("category_id")
        image = self._images.get(image_id) if type(image_id) in IDS else None
        category = self._categories.get(category_id) if type(category_id) in IDS else None
        name = str(category.feature) if isinstance(category, Category) else None
        if isinstance(category, AnnotationError):
            name = as_text(category.value)
        return RejectedAnnotation(
            origin=origin,
            code=error.code,
            reason=str(error),
            field=error.field,
            data_row=image.row if isinstance(image, Image) else None,
            class_name=name,
            source_id=as_text(said.get("id")),
            line=said,
        )

    def _source_id(self, entry: Mapping[str, Any]) -> str | None:
        """Results of models have no ids."""
        given = entry.get("id")
        if given is None:
            return None
        if type(given) not in IDS:
            raise AnnotationError("bad_id", "id", given, "must be a number or a text")
        if given in self._ids:
            raise AnnotationError("duplicate_id", "id", given, "is the id of an annotation before it")
        self._ids.add(given)
        return str(given) if type(given) is int else as_text(given)

    def _image(self, entry: Mapping[str, Any]) -> Image:
        given = entry.get("image_id")
        found = self._images.get(given) if type(given) in IDS else None
        if isinstance(found, Image):
            return found
        # The error of an image is raised for each of its annotations, and must not gather their tracebacks.
        raise (found or _unknown("image", given, self._images)).with_traceback(None)

    def _category(self, entry: Mapping[str, Any]) -> Category:
        given = entry.get("category_id")
        found = self._categories.get(given) if type(given) in IDS else None
        if not isinstance(found, Category):
            raise (found or _unknown("category", given, self._categories)).with_traceback(None)
        if self._skips_crowds and entry.get("iscrowd"):
            raise AnnotationError("crowd", "iscrowd", entry["iscrowd"], "is left out by iscrowd: skip")
        return found

    def _confidence(self, entry: Mapping[str, Any]) -> float | None:
        field, least = self._score, self._least_score
        if field is None:
            return None
        given = entry.get(field)
        if given is None:
            if least is not None:
                raise AnnotationError("no_confidence", field, None, "is missing, though confidence.min is set")
            return None
        if not 0 <= number(given, field) <= 1:
            raise AnnotationError("bad_confidence", field, given, "must be between 0 and 1")
        if least is not None and given < least:
            raise AnnotationError("below_confidence", field, given, f"is below confidence.min, {least}")
        return float(given)

    def _points(self, entry: Mapping[str, Any], category: Category) -> list[tuple[str, Feature, Point]]:
        points: list[tuple[str, Feature, Point]] = []
        if self._spec.keypoints == "points" and entry.get("keypoints"):
            if not category.keypoints:
                reason = f"cannot be named: category '{category.feature}' names no keypoints; set keypoints: skip"
                raise AnnotationError("no_keypoint_names", "keypoints", None, reason)
            points = read_points(entry, category, with_occluded=self._spec.occluded_keypoints == "keep")
        if not points and not self._has_shapes:
            reason = "has none to read, and shapes: none leaves out the rest"
            raise AnnotationError("no_keypoints", "keypoints", None, reason)
        return points

    def _classifications(self, entry: Mapping[str, Any]) -> tuple[Classification, ...]:
        made = (question.read(entry) for question in self._questions)
        return tuple(each for each in made if each is not None)

    def _segments(self, entry: Mapping[str, Any], origin: Origin) -> list[Read]:
        """Return what each segment of an image is; the colours that no segment claims are rejects."""
        image, listed = self._image(entry), entry["segments_info"]
        if type(listed) is not list:
            raise AnnotationError("bad_segments", "segments_info", listed, "must be a list")
        if ("segments", entry["image_id"]) in self._ids:
            raise AnnotationError("duplicate_id", "image_id", entry["image_id"], "had its segments before")
        self._ids.add(("segments", entry["image_id"]))
        segments: Segments | AnnotationError
        try:
            segments = open_segments(entry, image, self._open_png, self._place)
        except AnnotationError as error:
            segments = error
        made: list[Read] = []
        for segment in listed:
            said = {"image_id": entry["image_id"], **segment} if type(segment) is dict else segment
            try:
                made.append(self._segment(said, image, segments, origin))
            except AnnotationError as error:
                made.append(self.rejected(said, error, origin))
        if isinstance(segments, AnnotationError):
            return made or [self.rejected(entry, segments, origin)]
        reason = "is in the PNG, but in no segment of segments_info"
        unlisted = [AnnotationError("unlisted_segment", "id", each, reason) for each in segments.left()]
        return made + [self.rejected({"image_id": entry["image_id"], "id": e.value}, e, origin) for e in unlisted]

    def _segment(self, segment: Any, image: Image, segments: Segments | AnnotationError, origin: Origin) -> Annotation:
        if type(segment) is not dict:
            raise AnnotationError("bad_segment", "segments_info", segment, "must be an object")
        if isinstance(segments, AnnotationError):
            raise segments.with_traceback(None)
        value: MaskImage | BoundingBox = segments.take(segment)
        category, confidence = self._category(segment), self._confidence(segment)
        if not self._has_shapes or category.shape == "polygon":
            asked = category.shape if self._has_shapes else "none"
            reason = f"is a panoptic segment, which makes a mask or a box; {asked} is asked for"
            raise AnnotationError("not_polygons", "id", segment["id"], reason)
        if category.shape == "bounding_box":
            value = read_box(segment)
        source_id = f"{as_text(segment['image_id'])}/{segment['id']}"
        return Annotation(image.row, category.feature, value, confidence=confidence, source_id=source_id, origin=origin)


def _unknown(what: str, given: Any, known: Mapping[Any, Any]) -> AnnotationError:
    field = f"{what}_id"
    if given is None:
        return AnnotationError(f"no_{what}", field, None, "is missing")
    reason = f"is the id of no {what} of the file"
    if type(given) is str and given.isdecimal() and int(given) in known:
        reason += "; there it is a number, here a text"
    elif type(given) is int and str(given) in known:
        reason += "; there it is a text, here a number"
    return AnnotationError(f"unknown_{what}", field, given, reason)


def _under(source_id: str | None, name: str | int) -> str | None:
    return None if source_id is None else f"{source_id}/{name}"
