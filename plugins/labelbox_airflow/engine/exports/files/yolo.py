"""YOLO: a text file of labels an image, lists of images by split, and data.yaml.

The format: https://docs.ultralytics.com/datasets/detect/ and /datasets/segment/. Images are not copied: ``images.csv``
says where each is, and the lists say where training looks for it: ``images/<split>/`` beside ``labels/``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal
from urllib.parse import quote

import yaml

from labelbox_airflow.engine.errors import DataIOError, did_you_mean
from labelbox_airflow.engine.exports.files.labeled_images import LabeledImage, LabeledObject
from labelbox_airflow.engine.exports.files.pieces import Addition, Piece, quoted

Task = Literal["detect", "segment"]

_SPLITS = {None: "train", "valid": "val", "validation": "val"}


def yolo_pieces(images: Iterable[LabeledImage], classes: Sequence[str], task: Task) -> Iterator[Piece | Addition]:
    """Yield the files of a YOLO dataset; write them with `write_pieces`.

    Images without a split are for training; ``valid`` becomes ``val``. An image without objects has an empty file.

    :param classes: names of all classes, in the order of the ontology, so that numbers stay the same
    :param task: detect: polygons become the boxes around them; segment: boxes become polygons of four points
    :raises DataIOError: an object of another class
    """
    numbers = {name: number for number, name in enumerate(classes)}
    splits: dict[str, str] = {}
    yield Addition("images.csv", quoted(("image", "uri", "global_key", "width", "height")))
    for image in images:
        split = _SPLITS.get(image.split) or quote(str(image.split), safe="")
        path = f"images/{split}/{image.name}"
        splits[split] = f"{split}.txt"
        lines = [_line(each, image, numbers, task) for each in image.objects]
        yield Piece(f"labels/{split}/{image.stem}.txt", "".join(lines).encode(), len(lines))
        yield Addition(splits[split], f"./{path}\n".encode())
        yield Addition("images.csv", quoted((path, image.uri, image.global_key, image.width, image.height)))
    about = {"path": ".", **(splits or {"train": "train.txt"}), "names": dict(enumerate(classes))}
    if not splits:
        yield Addition("train.txt", b"")
    yield Piece("data.yaml", yaml.safe_dump(about, sort_keys=False, allow_unicode=True).encode())


def _line(each: LabeledObject, image: LabeledImage, numbers: dict[str, int], task: Task) -> str:
    number = numbers.get(each.class_name)
    if number is None:
        raise DataIOError(
            f"'{each.class_name}' is none of the classes",
            where=f"data row {image.global_key}",
            remedy=did_you_mean(each.class_name, numbers),
        )
    if task == "segment":
        shares = [share for x, y in each.points for share in (x / image.width, y / image.height)]
    else:
        left, top, right, bottom = each.box
        shares = [
            (left + right) / 2 / image.width,
            (top + bottom) / 2 / image.height,
            (right - left) / image.width,
            (bottom - top) / image.height,
        ]
    return f"{number} {' '.join(f'{share:.6f}' for share in shares)}\n"
