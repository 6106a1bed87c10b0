"""COCO documents that grow image by image, one for each split, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import orjson

from labelbox_airflow.engine.exports.files.pieces import Addition

_IN_MEMORY = 8 << 20
_BLOCK = 1 << 20
_INFO = {"description": "Exported from Labelbox"}

Object = Mapping[str, Any]


class Documents:
    """The documents of a release, each with the images and annotations that were added to it.

    Images are kept in a temporary file and come last, so that both lists can be written in one go.

    :param categories: of every document
    """

    def __init__(self, categories: Sequence[Object]) -> None:
        self._categories = categories
        self._images: dict[str, IO[bytes]] = {}
        self._has_annotations: set[str] = set()

    def add(self, path: str, image: Object, annotations: Sequence[Object]) -> Iterator[Addition]:
        """Yield what a document grows by."""
        if path not in self._images:
            yield self._begin(path)
        else:
            self._images[path].write(b",\n")
        self._images[path].write(orjson.dumps(image))
        if annotations:
            separator = b",\n" if path in self._has_annotations else b""
            self._has_annotations.add(path)
            yield Addition(path, separator + b",\n".join(map(orjson.dumps, annotations)), len(annotations))

    def finish(self, path: str) -> Iterator[Addition]:
        """Yield what all documents end with; without any, one at ``path`` that is empty."""
        if not self._images:
            yield self._begin(path)
        for each, images in self._images.items():
            yield Addition(each, b'],\n"images": [')
            images.seek(0)
            yield from (Addition(each, block) for block in iter(lambda: images.read(_BLOCK), b""))  # noqa: B023
            images.close()
            yield Addition(each, b"]}\n")

    def _begin(self, path: str) -> Addition:
        self._images[path] = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - open from image to image
        head = {"info": _INFO, "licenses": [], "categories": self._categories}
        return Addition(path, orjson.dumps(head)[:-1] + b',\n"annotations": [')
