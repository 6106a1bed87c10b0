"""COCO: what is written is what our reader reads, loads in pycocotools, and has the same ids in every run."""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from pycocotools.coco import COCO
from tests.unit.engine.exports.records.lines import labeled, thing

from labelbox_airflow.engine.annotations.model import Annotation
from labelbox_airflow.engine.annotations.readers.coco import read_coco
from labelbox_airflow.engine.annotations.readers.coco_spec import CocoSpec
from labelbox_airflow.engine.annotations.readers.runs import decode_counts, runs_of
from labelbox_airflow.engine.errors import DataIOError
from labelbox_airflow.engine.exports.files.coco.annotations import COLUMNS, AnnotationMaker
from labelbox_airflow.engine.exports.files.coco.categories import categories_of
from labelbox_airflow.engine.exports.files.coco.ids import StableIds
from labelbox_airflow.engine.exports.files.coco.instances import PreparedImage, instance_pieces
from labelbox_airflow.engine.exports.files.images import images_with_entries
from labelbox_airflow.engine.exports.files.pieces import write_pieces, write_single
from labelbox_airflow.engine.exports.files.release import read_manifest, verify
from labelbox_airflow.engine.exports.files.split import SplitSpec, with_split
from labelbox_airflow.engine.exports.files.target import local_target
from labelbox_airflow.engine.exports.records.annotations import AnnotationRecords
from labelbox_airflow.engine.exports.records.rows import RowRecords
from labelbox_airflow.engine.ontology.tree import Tool

PERSON, NOSE, TAIL = Tool("person", "rectangle"), Tool("person/nose", "point"), Tool("person/tail", "point")
TOOLS = [PERSON, Tool("field", "polygon"), NOSE, TAIL, Tool("sky", "raster-segmentation"), Tool("mark", "point")]
SIZE = {"media_attributes": {"width": 40, "height": 30}}
PIXELS = np.zeros((30, 40), bool)
PIXELS[3:9, 5:20] = PIXELS[20, 39] = True
SKY = runs_of(PIXELS)
MASKS = {("https://labelbox/1", "#0a0b0c"): SKY, ("https://labelbox/1", "#010101"): None}


def box(name: str, left: float, top: float = 2.0, feature_id: str | None = None, **more: Any) -> dict[str, Any]:
    sides = {"left": left, "top": top, "width": 10.5, "height": 20.0}
    return thing(name, **{"feature_id": feature_id or f"{name} {left}", "bounding_box": sides, **more})


def point(name: str, x: float, y: float) -> dict[str, Any]:
    return thing(name, feature_id=f"{name} {x}", point={"x": x, "y": y})


def mask(color: list[int]) -> dict[str, Any]:
    picture = {"url": "https://labelbox/1", "color_rgb": color}
    return thing("sky", feature_id=f"sky {color}", composite_mask=picture)


def lines_of(*labels: Iterable[dict[str, Any]], first: int = 1, **more: Any) -> list[bytes]:
    """Lines of data rows d1, d2, … with these objects."""
    return [
        labeled({"id": "l1", "annotations": {"objects": list(objects), **more}}, data_row=f"d{number}", **SIZE)
        for number, objects in enumerate(labels, first)
    ]


def pieces(lines: list[bytes], left_out: Counter[str] | None = None, split: Any = None, **options: Any) -> Any:
    records = RowRecords({})
    rows: Iterable[pa.RecordBatch] = (each.batch for each in records.batches(lines))
    if split is not None:
        _, rows = with_split(records.schema, rows, SplitSpec(ratios=split))
    annotations = (each.batch for each in AnnotationRecords().batches(lines))
    counted: Counter[str] = Counter() if left_out is None else left_out
    maker = AnnotationMaker(categories_of(TOOLS), StableIds(), counted)
    images = images_with_entries(rows, annotations, counted, COLUMNS)
    return instance_pieces((PreparedImage(*each, MASKS) for each in images), maker, **options)


def written(folder: Path, lines: list[bytes], left_out: Counter[str] | None = None) -> dict[str, Any]:
    """Return the document of a file that was written, as pycocotools loads it."""
    file = folder / "out.json"
    write_single(local_target(file), pieces(lines, left_out, file=file.name), format="coco")
    with contextlib.redirect_stdout(io.StringIO()):
        loaded: dict[str, Any] = COCO(file).dataset
    return loaded


def meant(document: Any) -> list[tuple[str, str, Any, bool]]:
    read = list(read_coco(orjson.dumps(document), CocoSpec(), "x.json"))
    assert [str(each) for each in read if not isinstance(each, Annotation)] == []
    return [(str(e.data_row), str(e.feature), e.value, bool(e.classifications)) for e in read if type(e) is Annotation]


def test_instances_are_read_back(tmp_path: Path) -> None:
    triangle = [{"x": 1.25, "y": 2}, {"x": 30, "y": 2}, {"x": 30, "y": 22.5}]
    given = [box("person", 1), thing("field", polygon=triangle), mask([10, 11, 12])]
    document = written(tmp_path, lines_of(given, []))
    first, second = document["images"]
    assert [each["file_name"] for each in document["images"]] == ["key of d1", "key of d2"]
    assert (first["width"], first["height"], first["coco_url"]) == (40, 30, "https://a/b.jpg")
    person, field, sky = document["annotations"]
    assert {each["image_id"] for each in document["annotations"]} == {first["id"]}
    assert (person["bbox"], person["area"], person["segmentation"]) == ([1, 2, 10.5, 20], 210, [])
    assert (field["segmentation"], field["bbox"]) == ([[1.25, 2, 30, 2, 30, 22.5]], [1.25, 2, 28.75, 20.5])
    assert (field["area"], sky["area"]) == (28.75 * 20.5 / 2, PIXELS.sum())
    assert {each["iscrowd"] for each in document["annotations"]} == {0}
    assert [name for _, name, _, _ in meant(document)] == ["person", "field", "sky"]
    with contextlib.redirect_stdout(io.StringIO()):
        loaded = COCO(tmp_path / "out.json")
    assert (loaded.annToMask(loaded.loadAnns(sky["id"])[0]) == PIXELS).all()
    assert tuple(decode_counts(sky["segmentation"]["counts"], "")) == (SKY.counts if SKY else ())
    assert loaded.getAnnIds(second["id"]) == []


def test_keypoints_go_to_the_instance_around_them(tmp_path: Path) -> None:
    people = [
        *(box("person", 1), point("person/nose", 5, 5), point("person/tail", 10, 9)),
        *(box("person", 6), point("person/nose", 8, 6)),  # in both boxes: belongs to what came before it
        *(box("person", 28), point("mark", 3, 3)),
        point("person/tail", 29, 4),  # far from the last, near the third
    ]
    document = written(tmp_path, lines_of(people, [point("person/tail", 1, 2), point("person/tail", 3, 4)]))
    found = {each["bbox"][0]: each for each in document["annotations"] if "bbox" in each}
    assert {left: each["keypoints"] for left, each in found.items()} == {
        1: [5, 5, 2, 10, 9, 2],
        6: [8, 6, 2, 0, 0, 0],
        28: [0, 0, 0, 29, 4, 2],
    }
    alone = [each["keypoints"] for each in document["annotations"] if "bbox" not in each]
    assert alone == [[3, 3, 2], [0, 0, 0, 1, 2, 2], [0, 0, 0, 3, 4, 2]]
    names = {each["name"]: each.get("keypoints") for each in document["categories"]}
    assert names == {"person": ["nose", "tail"], "field": None, "sky": None, "mark": ["mark"]}
    points = [(row, name) for row, name, value, _ in meant(document) if hasattr(value, "x")]
    assert sorted(points)[-2:] == [("key of d2", "person/tail")] * 2
    assert len(points) == 7


def test_what_has_no_place_is_counted(tmp_path: Path) -> None:
    red = thing("colour", radio_answer=thing("red", classifications=[thing("why", text_answer={"content": "sun"})]))
    weather = thing("weather", checklist_answers=[thing("rain"), thing("wind")])
    entity = thing("word", location={"start": 1, "end": 2, "token": "a"})
    deep = thing("deep", radio_answer=thing("no"))
    path = thing("lane", line=[{"x": 1, "y": 2}, {"x": 3, "y": 4}], classifications=[deep])
    objects = [box("person", 1, classifications=[red]), box("tree", 1), entity, path, mask([1, 1, 1]), mask([9, 9, 9])]
    other = {"id": "l0", "annotations": {"objects": [box("person", 3)]}}
    counted = {"id": "l1", "annotations": {"objects": objects, "classifications": [weather]}}
    left_out: Counter[str] = Counter()
    document = written(tmp_path, [labeled(other, counted, **SIZE), labeled(counted, data_row="d2")], left_out)
    assert document["images"][0]["attributes"] == {"weather": ["rain", "wind"]}
    assert document["annotations"][0]["attributes"] == {"colour": "red", "colour/red/why": "sun"}
    assert +left_out == {
        "other_label": 1,
        "unknown_class": 1,
        "entity": 1,
        "line": 1,
        "answer": 1,
        "empty_mask": 1,
        "mask": 1,
        "image_without_size": 1,
    }


def test_ids_are_the_same_in_every_run_and_never_twice(tmp_path: Path) -> None:
    lines = lines_of([box("person", 1), box("person", 2)], [box("person", 1)], [])
    document, other = written(tmp_path, lines), written(tmp_path, lines[::-1])
    for key in ("images", "annotations"):
        assert sorted(each["id"] for each in document[key]) == sorted(each["id"] for each in other[key])
    assert {each["file_name"]: each["id"] for each in document["images"]} == {
        each["file_name"]: each["id"] for each in other["images"]
    }
    assert all(0 < each["id"] < 1 << 53 for each in document["annotations"])
    few = StableIds(17)
    given = [few.of(str(number)) for number in range(100_000)]
    assert len(set(given)) == 100_000
    assert (min(given) > 0, max(given) < 1 << 17) == (True, True)
    kept = categories_of(TOOLS, former={"field": 1, "gone": 5}).by_name
    assert {name: each.id for name, each in kept.items()} == {"field": 1, "person": 6, "sky": 7, "mark": 8}


def test_splits_are_documents_of_a_release(tmp_path: Path) -> None:
    lines = lines_of(*([box("person", number)] for number in range(10)))
    manifest = write_pieces(local_target(tmp_path), pieces(lines, split={"train": 0.5, "test": 0.5}), format="coco")
    assert [file.path for file in manifest.files] == [
        f"annotations/instances_{each}.json" for each in ("test", "train")
    ]
    documents = [orjson.loads((tmp_path / manifest.release / file.path).read_bytes()) for file in manifest.files]
    assert [file.rows for file in manifest.files] == [len(each["images"]) for each in documents]
    ids = [each["id"] for document in documents for each in document["images"]]
    assert len(set(ids)) == 10
    assert sorted(each["image_id"] for document in documents for each in document["annotations"]) == sorted(ids)


def test_a_failure_leaves_the_former_file(tmp_path: Path) -> None:
    written(tmp_path, lines_of([box("person", 1)]))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(DataIOError, match="line 2 of the export: the line is no JSON"):
        written(tmp_path, [*lines_of([box("person", 2)]), b'{"data_'])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    folder = local_target(tmp_path / "folder")
    manifest = write_pieces(folder, pieces([]), format="coco")
    verify(folder, read_manifest(folder))
    (file,) = manifest.files
    assert (file.path, file.rows) == ("annotations/instances.json", 0)
    empty = orjson.loads((tmp_path / "folder" / manifest.release / file.path).read_bytes())
    assert (empty["images"], empty["annotations"], len(empty["categories"])) == ([], [], 4)
