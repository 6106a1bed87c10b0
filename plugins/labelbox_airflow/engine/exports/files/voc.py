"""Pascal VOC: a file of XML an image, and lists of images by split.

The format: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html, section on annotations. Images are
not copied: ``images.csv`` says where each is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from labelbox_airflow.engine.exports.files.labeled_images import LabeledImage
from labelbox_airflow.engine.exports.files.pieces import Addition, Piece, quoted

Corners = Literal["edges", "pixels_from_1"]


def voc_pieces(images: Iterable[LabeledImage], corners: Corners = "edges") -> Iterator[Piece | Addition]:
    """Yield the files of a VOC dataset; write them with `write_pieces`. Polygons become the boxes around them.

    Images without a split are for training; ``valid`` becomes ``val``.

    :param corners: edges: where a box begins and ends, from 0, as most tools write; pixels_from_1: its first and last
        whole pixel, counted from 1, as in the VOC challenge itself
    """
    yield Addition("images.csv", quoted(("image", "uri", "global_key", "width", "height")))
    for image in images:
        content = tostring(_document(image, corners), encoding="utf-8")
        yield Piece(f"Annotations/{image.stem}.xml", content, len(image.objects))
        split = "val" if image.split in {"valid", "validation"} else quote(image.split or "train", safe="")
        yield Addition(f"ImageSets/Main/{split}.txt", f"{image.stem}\n".encode())
        cells = (f"JPEGImages/{image.name}", image.uri, image.global_key, image.width, image.height)
        yield Addition("images.csv", quoted(cells))


def _document(image: LabeledImage, corners: Corners) -> Element:
    top = Element("annotation")
    _texts(top, folder="JPEGImages", filename=image.name)
    _texts(SubElement(top, "source"), database="Labelbox")
    _texts(SubElement(top, "size"), width=image.width, height=image.height, depth=3)
    _texts(top, segmented=0)
    for each in image.objects:
        entry = SubElement(top, "object")
        _texts(entry, name=each.class_name, pose="Unspecified", truncated=0, difficult=0)
        sides = each.box if corners == "edges" else _pixels(each.box)
        _texts(
            SubElement(entry, "bndbox"), **dict(zip(("xmin", "ymin", "xmax", "ymax"), map(_side, sides), strict=True))
        )
    indent(top)
    return top


def _texts(parent: Element, **texts: object) -> None:
    for name, text in texts.items():
        SubElement(parent, name).text = str(text)


def _pixels(box: tuple[float, float, float, float]) -> tuple[float, ...]:
    left, top, right, bottom = (round(side) for side in box)
    return left + 1, top + 1, max(right, left + 1), max(bottom, top + 1)


def _side(value: float) -> str:
    """Whole numbers have no point, as some readers take nothing else."""
    rounded = round(value, 3)
    return str(int(rounded)) if rounded == int(rounded) else str(rounded)
