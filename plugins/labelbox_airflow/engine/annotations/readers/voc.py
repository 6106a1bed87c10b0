"""Pascal VOC: a file of XML an image, with its objects and their parts in boxes.

The format: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html, section on annotations.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser, tostring

from labelbox_airflow.engine.annotations.model import Annotation, BoundingBox, DataRow, Origin
from labelbox_airflow.engine.annotations.problems import AnnotationError, RejectedAnnotation
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.annotations.readers.cells import number
from labelbox_airflow.engine.annotations.readers.class_names import ClassNames
from labelbox_airflow.engine.annotations.readers.voc_spec import VocSpec
from labelbox_airflow.engine.errors import SourceError

_SIDES = ("xmin", "ymin", "xmax", "ymax")


def read_voc(content: bytes, spec: VocSpec, place: str) -> Iterator[Read]:
    """Yield what each object of a file is, in order, and after it its parts.

    Rejected, while the rest goes on: objects without a name or a box. What the spec asks to leave out is a reject too,
    with a code of `coco_spec.LEFT_OUT`.

    :param content: the file, unpacked
    :param place: what messages and origins call the file
    :raises SourceError: no XML, another document, or one that does not say its image
    """
    top = _parse(content, place)
    row = DataRow(_key(top, spec, place))
    classes = ClassNames(spec.classes, spec.unmapped)
    for position, entry in enumerate(top.findall("object"), start=1):
        origin = Origin(place, position, "object")
        for each in (entry, *entry.findall("part")):
            try:
                yield _annotation(each, spec, row, classes, origin)
            except AnnotationError as error:
                yield RejectedAnnotation(
                    origin, error.code, str(error), error.field, row, _text(each, "name"), line=_said(each)
                )


def _parse(content: bytes, place: str) -> Element:
    parser = XMLParser(target=_Builder())  # noqa: S314 - attacks need a document type, which is refused
    try:
        parser.feed(content)
        top = parser.close()
    except (ParseError, ValueError) as error:
        raise SourceError(f"is not XML that can be read ({error})", where=place) from None
    if top.tag != "annotation":
        raise SourceError(f"is a document of <{top.tag}>, not of <annotation>", where=place, remedy="Is it Pascal VOC?")
    return top


class _Builder(TreeBuilder):
    def doctype(self, *_: object) -> None:
        """Refuse it before its entities are read."""
        raise ValueError("it has a document type, and VOC has none")


def _key(top: Element, spec: VocSpec, place: str) -> str:
    filename = _text(top, "filename")
    if filename is None:
        raise SourceError("there is no <filename>", where=place, remedy="It says which data row the objects are of.")
    stem = PurePosixPath(filename.replace("\\", "/")).stem
    return spec.global_key.format(filename=filename, stem=stem, folder=_text(top, "folder") or "")


def _annotation(entry: Element, spec: VocSpec, row: DataRow, classes: ClassNames, origin: Origin) -> Annotation:
    name = _text(entry, "name")
    if name is None:
        raise AnnotationError("no_class", "name", None, "is missing")
    if spec.difficult == "skip" and (_text(entry, "difficult") or "0") != "0":
        raise AnnotationError("difficult", "difficult", _text(entry, "difficult"), "is left out by difficult: skip")
    feature = classes.feature(name, "name")
    return Annotation(row, feature, _box(entry, spec), confidence=_confidence(entry), origin=origin)


def _box(entry: Element, spec: VocSpec) -> BoundingBox:
    if entry.find("bndbox") is None:
        raise AnnotationError("no_box", "bndbox", None, "is missing")
    left, top, right, bottom = (number(_text(entry, f"bndbox/{side}"), f"bndbox.{side}") for side in _SIDES)
    if spec.corners == "pixels_from_1":
        left, top = left - 1, top - 1
    for field, first, last in (("xmax", left, right), ("ymax", top, bottom)):
        if last < first:
            raise AnnotationError("bad_box", f"bndbox.{field}", last, "is before the beginning of the box")
    return BoundingBox(left, top, right - left, bottom - top)


def _confidence(entry: Element) -> float | None:
    """Predictions have one, the challenge's own files have none."""
    given = _text(entry, "confidence")
    if given is None:
        return None
    confidence = number(given, "confidence")
    if not 0 <= confidence <= 1:
        raise AnnotationError("bad_confidence", "confidence", given, "must be between 0 and 1")
    return confidence


def _text(entry: Element, path: str) -> str | None:
    return (entry.findtext(path) or "").strip() or None


def _said(entry: Element) -> dict[str, str]:
    return {"xml": tostring(entry, encoding="unicode").strip()}
