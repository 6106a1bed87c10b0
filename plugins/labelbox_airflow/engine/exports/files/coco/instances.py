"""Instances of COCO: ``annotations/instances_<split>.json``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from labelbox_airflow.engine.exports.files.coco.annotations import AnnotationMaker, Masks
from labelbox_airflow.engine.exports.files.coco.document import Documents
from labelbox_airflow.engine.exports.files.coco.ids import StableIds
from labelbox_airflow.engine.exports.files.images import Entry, Image
from labelbox_airflow.engine.exports.files.pieces import Addition


class PreparedImage(NamedTuple):
    """An image, the annotations of its label, and those of its masks that are wanted."""

    image: Image
    entries: Sequence[Entry]
    masks: Masks


def instance_pieces(
    images: Iterable[PreparedImage], maker: AnnotationMaker, *, file: str | None = None
) -> Iterator[Addition]:
    """Yield a document for each split, and ``instances.json`` for images without one.

    Every image is in one of them, with or without annotations. Its ``file_name`` is its global key.

    :param file: the one file that all of it goes to, whatever the split
    """
    ids = StableIds()
    documents = Documents(maker.categories.entries())
    for image, entries, masks in images:
        image_id = ids.of(image.key)
        made, attributes = maker.make(image, image_id, entries, masks)
        listed = image_entry(image, image_id) | ({"attributes": attributes} if attributes else {})
        yield from documents.add(file or document_path("instances", image.split), listed, made)
    yield from documents.finish(file or document_path("instances", None))


def image_entry(image: Image, image_id: int) -> dict[str, Any]:
    """Return an image as it stands in the document; ``coco_url`` is where it is."""
    return {
        "id": image_id,
        "file_name": image.key,
        "width": image.width,
        "height": image.height,
        "coco_url": image.uri,
        "data_row_id": image.data_row_id,
    }


def document_path(what: str, split: str | None) -> str:
    """Return where the document of a split is in a release."""
    return f"annotations/{what}{'_' + quote(split, safe='') if split else ''}.json"
