"""COCO files become annotations: shapes, masks, results of models, and what is left out on purpose."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pytest
from pycocotools import mask as original
from pydantic import ValidationError

from labelbox_airflow.engine.annotations.model import (
    Annotation,
    BoundingBox,
    Choice,
    Classification,
    DataRow,
    Feature,
    FreeText,
    MaskRuns,
    Origin,
    Point,
    Polygon,
    Radio,
)
from labelbox_airflow.engine.annotations.ndjson.line import LineReader, write_lines
from labelbox_airflow.engine.annotations.problems import RejectedAnnotation
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.annotations.readers.coco import read_coco
from labelbox_airflow.engine.annotations.readers.coco_spec import LEFT_OUT, CocoSpec
from labelbox_airflow.engine.ontology.draft import from_coco

IMAGES = [
    {"id": 1, "file_name": "street/a.jpg", "width": 20, "height": 10},
    {"id": 2, "file_name": "street/b.jpg", "width": 20, "height": 10},
]
CATEGORIES = [{"id": 1, "name": "car"}, {"id": 2, "name": "dog"}]
TRIANGLE = [1, 1, 9, 1, 9, 8]
SQUARE = [12, 2, 18, 2, 18, 8, 12, 8]


def read(annotations: Any, spec: dict[str, Any] | None = None, **arguments: Any) -> list[Read]:
    document = {"images": IMAGES, "categories": CATEGORIES, "annotations": annotations}
    return list(read_coco(json.dumps(document).encode(), CocoSpec(**spec or {}), "coco.json", **arguments))


def instance(annotation_id: Any = 1, image: Any = 1, category: Any = 1, **more: Any) -> dict[str, Any]:
    return {"id": annotation_id, "image_id": image, "category_id": category, **more}


def values(reads: Sequence[Read]) -> list[Any]:
    assert all(isinstance(each, Annotation) for each in reads), [str(each) for each in reads]
    return [each.value for each in reads if isinstance(each, Annotation)]


def codes(reads: Sequence[Read]) -> list[str]:
    return [each.code if isinstance(each, RejectedAnnotation) else "" for each in reads]


def crowd(rows: slice, columns: slice) -> dict[str, Any]:
    picture = np.zeros((10, 20), np.uint8, order="F")
    picture[rows, columns] = 1
    return {"size": [10, 20], "counts": original.encode(picture)["counts"].decode()}


def test_a_box_is_an_annotation_with_row_class_id_and_origin() -> None:
    [made] = read([instance(17, bbox=[1, 2.5, 3, 4])])
    expected = Annotation(DataRow("street/a.jpg"), Feature("car"), BoundingBox(1, 2.5, 3, 4), source_id="17")
    assert made == expected
    assert made.origin == Origin("coco.json", 1, "annotation")
    assert str(made.origin) == "coco.json annotation 1"


def test_annotations_of_one_image_or_category_share_their_row_and_class() -> None:
    first, second = read([instance(1, bbox=[1, 2, 3, 4]), instance(2, bbox=[1, 2, 3, 5])])
    assert first.data_row is second.data_row
    assert first.feature is second.feature


def test_by_default_a_class_has_one_shape_whatever_its_annotations_are() -> None:
    box, single, double = (
        instance(1, bbox=[1, 1, 2, 2]),
        {"segmentation": [TRIANGLE]},
        {"segmentation": [TRIANGLE, SQUARE]},
    )
    assert [type(each) for each in values(read([box, instance(2, category=2, **single)]))] == [BoundingBox, Polygon]
    assert [type(each) for each in values(read([instance(1, **single), instance(2, **double)]))] == [MaskRuns, MaskRuns]
    runs = instance(2, segmentation=crowd(slice(0, 3), slice(2, 4)), iscrowd=1)
    assert [type(each) for each in values(read([instance(1, **single), runs]))] == [MaskRuns, MaskRuns]
    kept, left_out = read([instance(1, **single), runs], {"iscrowd": "skip"})
    assert values([kept]) == [Polygon(((1, 1), (9, 1), (9, 8)))]
    assert codes([left_out]) == ["crowd"]


def test_what_has_nothing_but_a_box_stays_a_box_unless_told() -> None:
    mixed = [instance(1, segmentation=[TRIANGLE]), instance(2, bbox=[1, 1, 2, 2])]
    assert [type(each) for each in values(read(mixed))] == [Polygon, BoundingBox]
    assert codes(read(mixed, {"shapes": "polygon"})) == ["", "no_segmentation"]


def test_the_shape_that_the_ontology_has_for_a_class_comes_first() -> None:
    entry = instance(bbox=[1, 1, 8, 7], segmentation=[TRIANGLE])
    [box], [mask] = (values(read([entry], kinds={"car": kind})) for kind in ("rectangle", "raster-segmentation"))
    assert box == BoundingBox(1, 1, 8, 7)
    assert isinstance(mask, MaskRuns)
    [polygon] = values(read([entry], {"shapes": "polygon"}, kinds={"car": "rectangle"}))
    assert isinstance(polygon, Polygon)


def test_polygons_of_several_parts_are_one_mask_or_a_polygon_each() -> None:
    entry = instance(5, segmentation=[TRIANGLE, SQUARE])
    [mask] = values(read([entry]))
    assert sum(mask.counts[1::2]) == pytest.approx(28 + 36, abs=4)
    parts = read([entry], {"parts": "polygons"})
    assert values(parts) == [Polygon(((1, 1), (9, 1), (9, 8))), Polygon(((12, 2), (18, 2), (18, 8), (12, 8)))]
    assert [each.source_id for each in parts] == ["5/1", "5/2"]
    [refused] = read([entry], {"shapes": "polygon"})
    assert "has 2 parts; set parts: polygons for a polygon of each, or shapes: mask" in str(refused)


def test_a_single_polygon_may_stand_without_a_list_around_it() -> None:
    assert values(read([instance(segmentation=TRIANGLE)])) == [Polygon(((1, 1), (9, 1), (9, 8)))]


@pytest.mark.parametrize("is_text", [True, False])
def test_run_lengths_become_the_same_pixels(is_text: bool) -> None:
    segmentation = crowd(slice(2, 5), slice(3, 7))
    if not is_text:
        segmentation["counts"] = [32, 3, 7, 3, 7, 3, 7, 3, 135]
    assert values(read([instance(segmentation=segmentation)])) == [MaskRuns((10, 20), (32, 3, 7, 3, 7, 3, 7, 3, 135))]


def test_boxes_are_made_of_segmentations_that_have_none() -> None:
    annotations = [
        instance(1, bbox=[0, 0, 1, 1], segmentation=[TRIANGLE]),
        instance(2, segmentation=[TRIANGLE, SQUARE]),
        instance(3, segmentation=crowd(slice(2, 5), slice(3, 7))),
    ]
    assert values(read(annotations, {"shapes": "bounding_box"})) == [
        BoundingBox(0, 0, 1, 1), BoundingBox(1, 1, 17, 7), BoundingBox(3, 2, 4, 3),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("template", "key"),
    [
        ("coco/{file_name}", "coco/street/a.jpg"),
        ("{name}", "a.jpg"),
        ("x-{stem}", "x-a"),
        ("{id}", "1"),
        ("{id:012d}.jpg", "000000000001.jpg"),
        ("{width}x{id}{{}}", "20x1{}"),
    ],
)
def test_global_keys_are_templates_over_the_image(template: str, key: str) -> None:
    [made] = read([instance(bbox=[1, 1, 2, 2])], {"global_key": template})
    assert made.data_row == DataRow(key)


def test_categories_become_classes_of_the_map() -> None:
    annotations = [instance(1, bbox=[1, 1, 2, 2]), instance(2, category=2, bbox=[1, 1, 2, 2])]
    mapped, refused = read(annotations, {"classes": {"car": "Vehicle", "dogs": "Animal"}})
    assert mapped.feature == Feature("Vehicle")
    assert "category_id = 'dog': is a category that is not in classes. Did you mean 'dogs'?" in str(refused)
    assert refused.class_name == "dog"
    _, kept = read(annotations, {"classes": {"car": "Vehicle"}, "unmapped": "keep"})
    assert kept.feature == Feature("dog")


def test_results_of_a_model_take_images_and_categories_from_another_file() -> None:
    results = [
        {"image_id": 2, "category_id": 2, "bbox": [1, 1, 2, 2], "score": 0.75},
        {"image_id": 2, "category_id": 2, "bbox": [1, 1, 2, 2], "score": 0.25},
        {"image_id": 2, "category_id": 2, "bbox": [1, 1, 2, 2]},
    ]
    other = orjson.dumps({"images": IMAGES, "categories": CATEGORIES})
    spec = CocoSpec(images_from="instances.json", confidence={"min": 0.3})
    made, low, none = read_coco(orjson.dumps(results), spec, "results.json", images=other)
    box = BoundingBox(1, 1, 2, 2)
    assert made == Annotation(DataRow("street/b.jpg"), Feature("dog"), box, confidence=0.75)
    assert codes([low, none]) == ["below_confidence", "no_confidence"]
    assert low.code in LEFT_OUT
    assert none.code not in LEFT_OUT


def test_the_confidence_can_be_under_another_key_or_not_be_read() -> None:
    entry = instance(bbox=[1, 1, 2, 2], score=3, p=1)
    assert [each.confidence for each in read([entry], {"confidence": {"field": "p"}})] == [1.0]
    assert [each.confidence for each in read([entry], {"confidence": None})] == [None]
    assert codes(read([entry])) == ["bad_confidence"]


def test_attributes_answer_nested_questions() -> None:
    spec = {"attributes": {"occluded": {"classification": "Hidden"}, "note": {"kind": "text"}, "side": {}}}
    first = instance(1, bbox=[1, 1, 2, 2], attributes={"occluded": False, "note": "left"}, side=2)
    second = instance(2, bbox=[1, 1, 2, 2], attributes={"occluded": None, "note": ""})
    third = instance(3, bbox=[1, 1, 2, 2], attributes={"note": ["a"]})
    full, empty, wrong = read([first, second, third], spec)
    assert full.classifications == (
        Classification(Feature("Hidden"), Radio(Choice(Feature("false")))),
        Classification(Feature("note"), FreeText("left")),
    )
    assert empty.classifications == ()
    assert "attributes.note = ['a']: must be a text" in str(wrong)
    [beside] = read([instance(side=2, bbox=[1, 1, 2, 2])], {"attributes": {"side": {}}})
    assert beside.classifications == (Classification(Feature("side"), Radio(Choice(Feature("2")))),)


def test_what_is_read_stays_the_same_through_labelbox_ndjson() -> None:
    annotations = [
        instance(1, bbox=[1, 2.5, 3, 4], score=0.5, attributes={"colour": "red"}),
        instance(2, category=2, image=2, segmentation=[TRIANGLE, SQUARE]),
        instance(3, category=2, segmentation=crowd(slice(2, 5), slice(3, 7))),
    ]
    made = [*read(annotations, {"attributes": {"colour": {}}}), *read([instance(4, segmentation=[SQUARE])])]
    reader = LineReader()
    again = [reader.read(orjson.loads(line)) for line in write_lines(made).splitlines()]
    for each in made:
        each.source_id = None
    assert len(made) == 4
    assert again == made


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"global_key": "all"}, "has no key in braces"),
        ({"keypoint_class": "{category}"}, "must have {keypoint}"),
        ({"keypoint_class": "{keypoint}{x}"}, "nothing else in braces"),
        ({"shape": "mask"}, "Extra inputs are not permitted"),
        ({"confidence": {"min": 1.5}}, "less than or equal to 1"),
    ],
)
def test_a_wrong_spec_is_refused(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        CocoSpec(**spec)


def test_a_drafted_ontology_has_the_classes_and_kinds_that_are_read() -> None:
    names = {1: "box", 2: "single", 3: "double", 4: "runs", 5: "person"}
    categories: list[dict[str, Any]] = [{"id": number, "name": name} for number, name in names.items()]
    categories[-1]["keypoints"] = ["nose"]
    annotations = [
        instance(1, bbox=[1, 1, 2, 2]),
        instance(2, category=2, segmentation=[TRIANGLE]),
        instance(3, category=3, segmentation=[TRIANGLE]),
        instance(4, category=3, segmentation=[TRIANGLE, SQUARE]),
        instance(5, category=4, segmentation=crowd(slice(2, 5), slice(3, 7))),
        instance(6, category=5, bbox=[1, 1, 2, 2], keypoints=[3, 4, 2]),
    ]
    document = {"images": IMAGES, "categories": categories, "annotations": annotations}
    drafted = from_coco(document, where="coco.json")
    kinds = {
        BoundingBox: "rectangle", Polygon: "polygon", MaskRuns: "raster-segmentation", Point: "point",
    }  # fmt: skip
    made = list(read_coco(json.dumps(document).encode(), CocoSpec(), "coco.json"))
    assert {str(each.feature): kinds[type(value)] for each, value in zip(made, values(made), strict=True)} == {
        tool.name: tool.kind for tool in drafted.tools
    }
    assert len(drafted.tools) == 6
