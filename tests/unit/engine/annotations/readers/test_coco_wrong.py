"""What is wrong in a COCO file: with one annotation, which is rejected alone, or with the whole file."""

import gc
import json
from types import TracebackType
from typing import Any

import pytest

from labelbox_airflow.engine.annotations.model import Annotation, BoundingBox, DataRow
from labelbox_airflow.engine.annotations.problems import RejectedAnnotation
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.annotations.readers.coco import read_coco
from labelbox_airflow.engine.annotations.readers.coco_spec import CocoSpec
from labelbox_airflow.engine.errors import SourceError

IMAGE = {"id": 1, "file_name": "a.jpg", "width": 20, "height": 10}
CATEGORY = {"id": 1, "name": "car"}
GOOD = {"id": 100, "image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2]}


def read(annotations: list[Any], **document: Any) -> list[Read]:
    spec = CocoSpec(**document.pop("spec", {}))
    content = {"images": [IMAGE], "categories": [CATEGORY], "annotations": annotations, **document}
    return list(read_coco(json.dumps(content).encode(), spec, "coco.json"))


NAN, INFINITE = float("nan"), float("inf")
RUNS = {"size": [10, 20], "counts": [3, 197]}
WRONG = {
    "no annotation": ("a text", "not_an_object", "annotations = 'a text': must be an object"),
    "no image": ({"image_id": None}, "no_image", "image_id: is missing"),
    "unknown image": ({"image_id": 7}, "unknown_image", "image_id = 7: is the id of no image of the file"),
    "image as text": ({"image_id": "1"}, "unknown_image", "there it is a number, here a text"),
    "image as list": ({"image_id": [1]}, "unknown_image", "image_id = [1]: is the id of no image"),
    "no category": ({"category_id": None}, "no_category", "category_id: is missing"),
    "unknown category": ({"category_id": 9}, "unknown_category", "category_id = 9: is the id of no category"),
    "id": ({"id": [1]}, "bad_id", "id = [1]: must be a number or a text"),
    "nothing": ({"bbox": None}, "bad_box", "bbox: must be [left, top, width, height]"),
    "short box": ({"bbox": [1, 2, 3]}, "bad_box", "bbox = [1, 2, 3]: must be [left, top, width, height]"),
    "box of texts": ({"bbox": ["1", 2, 3, 4]}, "not_a_number", "bbox[0] = '1': must be a number"),
    "box without width": ({"bbox": [1, 2, 0, 4]}, "empty_box", "must have a width and a height over 0"),
    "negative box": ({"bbox": [1, 2, 3, -4]}, "empty_box", "bbox = [1, 2, 3, -4]: must have a width"),
    "NaN": ({"bbox": [1, NAN, 3, 4]}, "not_finite", "bbox[1] = nan: must be a finite number"),
    "infinite": ({"bbox": [1, 2, INFINITE, 4]}, "not_finite", "bbox[2] = inf: must be a finite number"),
    "odd": ({"segmentation": [[1, 2, 3, 4, 5, 6, 7]]}, "odd_coordinates", "segmentation[0]: has 7 numbers"),
    "two points": ({"segmentation": [[1, 2, 3, 4]]}, "too_few_points", "has 2 points; a polygon needs at least 3"),
    "NaN in polygon": (
        {"segmentation": [[1, 2, 3, NAN, 5, 6]]}, "not_finite", "segmentation[0][3] = nan: must be a finite number",
    ),
    "text in polygon": ({"segmentation": [[1, 2, 3, "4", 5, 6]]}, "not_a_number", "segmentation[0][3] = '4'"),
    "one part of two": (
        {"segmentation": [[1, 1, 9, 1, 9, 9], [1, 1, 2]]}, "odd_coordinates", "segmentation[1]: has 3 numbers",
    ),
    "points as pairs": ({"segmentation": [[[1, 2], [3, 4], [5, 6]]]}, "not_a_number", "segmentation[0][0] = [1, 2]"),
    "a part that is no list": ({"segmentation": ["1", [1]]}, "bad_polygon", "segmentation[0] = '1': must be a list"),
    "text": ({"segmentation": "x"}, "bad_segmentation", "must be a list of polygons, or run lengths"),
    "runs of another image": (
        {"segmentation": {**RUNS, "size": [20, 10]}}, "wrong_size",
        "segmentation.size = [20, 10]: is not the size of the image, height 10 and width 20",
    ),
    "too few runs": (
        {"segmentation": {**RUNS, "counts": [3, 4]}}, "wrong_size",
        "segmentation.counts: covers 7 pixels, but height 10 and width 20 make 200",
    ),
    "runs of text": ({"segmentation": {**RUNS, "counts": ";U"}}, "bad_runs", "is not the text form of COCO run"),
    "runs of floats": ({"segmentation": {**RUNS, "counts": [1.5]}}, "bad_runs", "must be whole numbers"),
    "negative runs": ({"segmentation": {**RUNS, "counts": [201, -1]}}, "bad_runs", "has a negative run length"),
    "no size": ({"segmentation": {"counts": [3, 197]}}, "bad_size", "must be [height, width]"),
    "empty mask": ({"segmentation": {**RUNS, "counts": [200]}}, "empty_mask", "has no pixel inside"),
    "score": ({"score": 7}, "bad_confidence", "score = 7: must be between 0 and 1"),
    "score of text": ({"score": "high"}, "not_a_number", "score = 'high': must be a number"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "code", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_annotation_is_rejected_alone_with_its_place_and_reason(change: Any, code: str, said: str) -> None:
    wrong = {**GOOD, "id": 1, **change} if isinstance(change, dict) else change
    before, rejected, after = read([GOOD, wrong, {**GOOD, "id": 101}])
    assert isinstance(before, Annotation)
    assert isinstance(after, Annotation)
    assert isinstance(rejected, RejectedAnnotation)
    assert rejected.code == code
    assert "coco.json annotation 2" in str(rejected)
    assert said in str(rejected)
    assert json.dumps(rejected.line) == json.dumps(wrong if isinstance(wrong, dict) else {"annotation": wrong})


def test_a_reject_says_row_class_and_id_as_far_as_they_are_known() -> None:
    [rejected] = read([{**GOOD, "bbox": [1, 1, 0, 0]}])
    assert isinstance(rejected, RejectedAnnotation)
    assert (rejected.data_row, rejected.class_name, rejected.source_id) == (DataRow("a.jpg"), "car", "100")
    assert rejected.field == "bbox"
    [rejected] = read([{**GOOD, "image_id": 5, "category_id": 5, "id": None}])
    assert isinstance(rejected, RejectedAnnotation)
    assert (rejected.data_row, rejected.class_name, rejected.source_id) == (None, None, None)


def test_an_id_that_is_a_text_in_one_place_and_a_number_in_the_other_is_said() -> None:
    [rejected] = read([GOOD], categories=[{"id": "1", "name": "car"}])
    assert "category_id = 1: is the id of no category of the file; there it is a text, here a number" in str(rejected)


def test_the_second_annotation_of_one_id_is_rejected() -> None:
    first, second = read([GOOD, GOOD])
    assert isinstance(first, Annotation)
    assert "id = 100: is the id of an annotation before it" in str(second)


def reasons(images: list[dict[str, Any]], **spec: Any) -> list[str]:
    annotations = [{**GOOD, "id": index, "image_id": each["id"]} for index, each in enumerate(images)]
    return [
        str(each) if isinstance(each, RejectedAnnotation) else ""
        for each in read(annotations, images=images, spec=spec)
    ]


def test_only_annotations_of_an_image_without_a_key_are_rejected() -> None:
    good, bad = reasons([IMAGE, {"id": 2, "filename": "b.jpg"}])
    assert not good
    assert (
        "images.file_name: is needed for global_key, but the image with id 2 has none. Did you mean 'filename'" in bad
    )
    [bad] = reasons([{**IMAGE, "id": "x"}], global_key="{id:05d}")
    assert "images.id = 'x': does not fit global_key" in bad
    [bad] = reasons([{**IMAGE, "height": -1}])
    assert "images.height = -1: must be a whole number of at least 1" in bad


def test_images_that_cannot_be_told_apart_get_no_annotations() -> None:
    *both, other = reasons([IMAGE, {**IMAGE, "file_name": "b.jpg"}, {**IMAGE, "id": 3, "file_name": "c.jpg"}])
    assert all("image_id = 1: is the id of two images, a.jpg and b.jpg" in each for each in both)
    assert not other
    one, two = reasons([IMAGE, {**IMAGE, "id": 2, "file_name": "x/a.jpg"}], global_key="{name}")
    assert one.endswith("global_key = 'a.jpg': is the key of two images, 1 and 2; put more of them into global_key")
    assert two.endswith(one.partition(": ")[2])
    assert reasons([IMAGE, IMAGE, {**IMAGE, "id": 2}]) == ["", "", ""]  # one file merged of two


def test_a_polygon_needs_the_size_of_the_image_to_become_a_mask() -> None:
    entry = {**GOOD, "segmentation": [[1, 1, 9, 1, 9, 9]]}
    [rejected] = read([entry], images=[{"id": 1, "file_name": "a.jpg"}], spec={"shapes": "mask"})
    assert "becomes a mask, for which the image needs height and width" in str(rejected)
    [rejected] = read([GOOD], spec={"shapes": "mask"})
    assert "segmentation: is missing, so there is no mask to make" in str(rejected)
    [rejected] = read([{**GOOD, "segmentation": RUNS}], spec={"shapes": "polygon"})
    assert "segmentation: is run lengths, which make no polygon" in str(rejected)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "coco.json: is not JSON: "),
        (b"", "coco.json: is not JSON: "),
        (b"\xff\xfe\x00", "coco.json: is not JSON: "),
        (b"3", "is a number, not a COCO file"),
        (b"[]", "is a list of results, without images and categories. Name the COCO file that has them under"),
        (b'{"features": [], "type": ""}', "has no key 'annotations'; its keys: features, type"),
        (b'{"annotations": {}}', "'annotations' must be a list, found an object"),
        (b'{"annotations": [], "categories": []}', "has no key 'images'; its keys: annotations, categories"),
        (b'{"annotations": [], "images": []}', "has no key 'categories'"),
        (b'{"annotations": [], "categories": [], "images": [{"file_name": "a"}]}', "an entry of 'images' has no id"),
        (b'{"annotations": [], "categories": [3], "images": []}', "an entry of 'categories' has no id"),
    ],
)  # fmt: skip
def test_a_file_of_another_shape_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(SourceError) as caught:
        list(read_coco(content, CocoSpec(), "coco.json"))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("categories", "said"),
    [
        ([CATEGORY, {"id": 2, "name": "car"}], "two categories are called 'car': ids 1 and 2. Rename one of them"),
        ([CATEGORY, {"id": 1, "name": "dog"}], "two categories have id 1: 'car' and 'dog'"),
        ([{"id": 1}], "the category with id 1 has no name"),
    ],
)
def test_categories_that_cannot_be_told_apart_are_refused(categories: list[Any], said: str) -> None:
    with pytest.raises(SourceError, match=said):
        read([GOOD], categories=categories)


def test_json_with_nan_or_a_byte_order_mark_is_read() -> None:
    document = {"images": [IMAGE], "categories": [CATEGORY], "annotations": [{**GOOD, "area": NAN}]}
    content = json.dumps(document)
    assert "NaN" in content
    [made] = read_coco(content.encode("utf-8-sig"), CocoSpec(), "coco.json")
    assert isinstance(made, Annotation)
    assert made.value == BoundingBox(1, 1, 2, 2)


def test_a_reason_that_many_annotations_share_does_not_grow_with_them() -> None:
    content = json.dumps({"images": [{"id": 1}], "categories": [CATEGORY], "annotations": [{**GOOD, "id": None}] * 500})
    before = tracebacks()
    reading = read_coco(content.encode(), CocoSpec(), "coco.json")
    assert all(isinstance(next(reading), RejectedAnnotation) for _ in range(499))
    assert tracebacks() - before < 100


def tracebacks() -> int:
    """Count the tracebacks alive; tests that ran before in this process may have left some."""
    return sum(isinstance(each, TracebackType) for each in gc.get_objects())


def test_numbers_beyond_any_float_are_infinite() -> None:
    content = json.dumps(
        {"images": [IMAGE], "categories": [CATEGORY], "annotations": [{**GOOD, "bbox": [10**400, 1, 2, 2]}]}
    )
    [rejected] = read_coco(content.encode(), CocoSpec(), "coco.json")
    assert "bbox[0] = inf: must be a finite number" in str(rejected)


def test_ids_that_pandas_has_made_floats_are_the_same_ids() -> None:
    [made] = read([{**GOOD, "id": 7.0, "image_id": 1.0, "category_id": 1.0}])
    assert isinstance(made, Annotation)
    assert (made.source_id, made.data_row, str(made.feature)) == ("7", DataRow("a.jpg"), "car")
