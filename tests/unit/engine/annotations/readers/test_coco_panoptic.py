"""Panoptic COCO: segments become masks of one colour each in a PNG that they share."""

import json
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from labelbox_airflow.engine.annotations.model import Annotation, BoundingBox, DataRow, Feature, MaskImage
from labelbox_airflow.engine.annotations.problems import RejectedAnnotation
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.annotations.readers.coco import read_coco
from labelbox_airflow.engine.annotations.readers.coco_spec import CocoSpec
from labelbox_airflow.engine.errors import SourceError

SKY, CAR = 3, 66051  # 66051 = 3 + 256 * 2 + 256² * 1
CATEGORIES = [{"id": 10, "name": "sky", "isthing": 0}, {"id": 20, "name": "car", "isthing": 1}]
SEGMENTS = [{"id": SKY, "category_id": 10}, {"id": CAR, "category_id": 20, "bbox": [2, 2, 3, 1], "iscrowd": 0}]


def png(*colors: tuple[int, int, int]) -> bytes:
    """Return a picture with a row of each colour under a black one."""
    picture = np.zeros((4, 6, 3), np.uint8)
    for row, color in enumerate(colors, start=1):
        picture[row] = color
    file = BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


PNG = png((3, 0, 0), (3, 2, 1))


def read(segments: Any, files: dict[str, bytes] | None = None, **spec: Any) -> list[Read]:
    images = [{"id": 5, "file_name": "a.jpg", "width": 6, "height": 4}]
    entry = {"image_id": 5, "file_name": "a.png", "segments_info": segments}
    document = {"images": images, "categories": CATEGORIES, "annotations": [entry]}
    content = json.dumps(document).encode()

    def open_png(name: str) -> bytes:
        if files is not None and name not in files:
            raise FileNotFoundError(name)
        return PNG if files is None else files[name]

    return list(read_coco(content, CocoSpec(**spec), "panoptic.json", open_png=open_png))


def reasons(reads: list[Read]) -> list[str]:
    return [str(each) if isinstance(each, RejectedAnnotation) else "" for each in reads]


def test_each_segment_is_the_pixels_of_its_colour_in_the_shared_png() -> None:
    sky, car = read(SEGMENTS)
    assert sky == Annotation(DataRow("a.jpg"), Feature("sky"), MaskImage(PNG, (3, 0, 0)), source_id="5/3")
    assert car == Annotation(DataRow("a.jpg"), Feature("car"), MaskImage(PNG, (3, 2, 1)), source_id="5/66051")
    assert sky.value.png is car.value.png
    assert str(car.origin) == "panoptic.json annotation 1"


def test_segments_can_become_their_boxes_but_no_polygons() -> None:
    sky, car = read(SEGMENTS, shapes="bounding_box")
    assert car.value == BoundingBox(2, 2, 3, 1)
    assert "bbox: must be [left, top, width, height]" in str(sky)
    assert all(
        "makes a mask or a box; polygon is asked for" in each for each in reasons(read(SEGMENTS, shapes="polygon"))
    )


def test_every_segment_of_a_png_that_is_not_there_is_rejected() -> None:
    sky, car = read(SEGMENTS, {})
    assert isinstance(car, RejectedAnnotation)
    assert (car.code, car.class_name, car.data_row) == ("missing_png", "car", DataRow("a.jpg"))
    assert "file_name = 'a.png': is not in the folder of PNGs" in str(sky)
    assert "missing_png" in [each.code for each in read([], {})]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"GIF89a", "file_name = 'a.png': cannot be read as a PNG"),
        (PNG[:48], "file_name = 'a.png': cannot be read as a PNG"),
    ],
)
def test_a_broken_png_is_a_reason(content: bytes, said: str) -> None:
    assert all(said in each for each in reasons(read(SEGMENTS, {"a.png": content})))


def test_segments_and_colours_that_do_not_match_are_rejected() -> None:
    sky, car, unlisted = read([{"id": SKY, "category_id": 10}, {"id": 9, "category_id": 20}])
    assert isinstance(sky, Annotation)
    assert "id = 9: has no pixel in the PNG" in str(car)
    assert "id = 66051: is in the PNG, but in no segment of segments_info" in str(unlisted)
    assert "a.jpg" in str(unlisted)


@pytest.mark.parametrize(
    ("segment", "said"),
    [
        ({"id": 0, "category_id": 10}, "id = 0: must be a whole number from 1 to 16,777,215"),
        ({"id": SKY, "category_id": 10}, "id = 3: is the id of a segment before it"),
        ({"id": CAR, "category_id": 11}, "category_id = 11: is the id of no category"),
        (7, "segments_info = 7: must be an object"),
    ],
)
def test_a_wrong_segment_is_rejected_alone(segment: Any, said: str) -> None:
    sky, wrong, *_ = read([SEGMENTS[0], segment])
    assert isinstance(sky, Annotation)
    assert said in str(wrong)


def test_segments_need_a_place_of_their_pngs() -> None:
    entry = {"image_id": 5, "file_name": "a.png", "segments_info": SEGMENTS}
    document = {"images": [{"id": 5, "file_name": "a.jpg"}], "categories": CATEGORIES, "annotations": [entry]}
    with pytest.raises(SourceError, match="has panoptic segments"):
        list(read_coco(json.dumps(document).encode(), CocoSpec(), "panoptic.json"))


def test_a_png_of_another_size_is_a_reason() -> None:
    file = BytesIO()
    Image.fromarray(np.full((2, 2, 3), 3, np.uint8)).save(file, "PNG")
    said = "has height 2 and width 2, but the image 4 and 6"
    assert all(said in each for each in reasons(read(SEGMENTS, {"a.png": file.getvalue()})))
