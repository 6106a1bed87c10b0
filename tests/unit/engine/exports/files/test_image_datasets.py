"""YOLO and Pascal VOC: what is written of records is what our readers, and the formats, say."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from labelbox_airflow.engine.annotations.model import Annotation, BoundingBox, DataRow, Feature, Polygon
from labelbox_airflow.engine.annotations.readers.voc import read_voc
from labelbox_airflow.engine.annotations.readers.voc_spec import VocSpec
from labelbox_airflow.engine.annotations.readers.yolo import read_names, read_yolo
from labelbox_airflow.engine.annotations.readers.yolo_spec import YoloSpec
from labelbox_airflow.engine.errors import DataIOError
from labelbox_airflow.engine.exports.files.labeled_images import labeled_images
from labelbox_airflow.engine.exports.files.pieces import write_pieces
from labelbox_airflow.engine.exports.files.release import read_manifest, verify
from labelbox_airflow.engine.exports.files.target import local_target
from labelbox_airflow.engine.exports.files.voc import voc_pieces
from labelbox_airflow.engine.exports.files.yolo import Task, yolo_pieces

POINTS = pa.list_(pa.struct([("x", pa.float64()), ("y", pa.float64())]))
SIDES = [(name, pa.float64()) for name in ("left", "top", "width", "height")]
GEOMETRY = pa.struct([*SIDES, ("points", POINTS), ("holes", pa.list_(POINTS))])
BOX = {"left": 10.0, "top": 20.0, "width": 30.0, "height": 40.0}
TRIANGLE = {"points": [{"x": 0.0, "y": 0.0}, {"x": 50.0, "y": 0.0}, {"x": 50.0, "y": 25.0}], "holes": [[]]}
CLASSES = ["Total", "Ta<x"]


def row(key: str, split: str | None = None, width: int | None = 200) -> dict[str, Any]:
    uri = f"s3://b/{key}"
    return {
        "data_row_id": f"id-{key}",
        "global_key": key,
        "row_data": uri,
        "width": width,
        "height": 100,
        "split": split,
    }


def annotation(key: str, geometry: dict[str, Any] | None, class_: str = "Total", **keys: Any) -> dict[str, Any]:
    kind = "polygon" if geometry and "points" in geometry else "bounding_box"
    own = {
        "data_row_id": f"id-{key}",
        "label_id": "l1",
        "class": class_,
        "kind": kind,
        "frame": None,
        "is_selected": None,
    }
    return {**own, "geometry": geometry, **keys}


def batches(entries: list[dict[str, Any]]) -> list[pa.RecordBatch]:
    """Cut in the middle of a data row."""
    table = pa.Table.from_pylist(entries)
    if "geometry" in table.column_names:
        geometries = pa.array([entry["geometry"] for entry in entries], GEOMETRY)
        table = table.set_column(table.column_names.index("geometry"), "geometry", geometries)
    batches_: list[pa.RecordBatch] = table.to_batches(max_chunksize=2)
    return batches_


ROWS = [row("a.png", "train"), row("in/b", "valid"), row("c.png"), row("d.png", width=None)]
ANNOTATIONS = [
    annotation("a.png", BOX),
    annotation("a.png", TRIANGLE, "Ta<x"),
    annotation("a.png", {**BOX, "left": 190.0}),
    annotation("a.png", {**BOX, "left": 300.0}),
    annotation("a.png", None, kind="radio"),
    annotation("in/b", BOX, label_id="l2"),
    annotation("in/b", {**BOX, "left": 0.0}, label_id="l3", is_selected=True),
]


def write_yolo(folder: Path, task: Task, left_out: Counter[str]) -> None:
    images = labeled_images(batches(ROWS), batches(ANNOTATIONS), left_out)
    manifest = write_pieces(local_target(folder), yolo_pieces(images, CLASSES, task), format="yolo", release="r")
    assert read_manifest(local_target(folder)) == manifest
    verify(local_target(folder), manifest)


def near(made: Any) -> tuple[Any, Any]:
    """What an annotation says, rounded to hundredths of a pixel."""
    assert isinstance(made, Annotation)
    value = made.value
    assert isinstance(value, BoundingBox | Polygon)
    sides = value.points if isinstance(value, Polygon) else [(value.left, value.top), (value.width, value.height)]
    return made.feature, [(round(x, 2), round(y, 2)) for x, y in sides]


def test_yolo_is_read_back(tmp_path: Path) -> None:
    left_out: Counter[str] = Counter()
    write_yolo(tmp_path, "detect", left_out)
    assert left_out == {"outside_image": 1, "radio": 1, "other_label": 1, "hole": 1, "image_without_size": 1}
    place = tmp_path / "r"
    about = yaml.safe_load((place / "data.yaml").read_text())
    assert about == {"path": ".", "train": "train.txt", "val": "val.txt", "names": {0: "Total", 1: "Ta<x"}}
    assert (place / "train.txt").read_text() == "./images/train/a.png\n./images/train/c.png\n"
    assert (place / "val.txt").read_text() == "./images/val/in%2Fb.jpg\n"
    assert (place / "images.csv").read_text().splitlines()[
        2
    ] == '"images/val/in%2Fb.jpg","s3://b/in/b","in/b","200","100"'
    assert (place / "labels/train/c.txt").read_text() == ""
    assert (place / "labels/val/in%2Fb.txt").read_text() == "0 0.075000 0.400000 0.150000 0.400000\n"
    names = read_names((place / "data.yaml").read_bytes(), "data.yaml")
    file = place / "labels/train/a.txt"
    spec = YoloSpec(global_key="{stem}.png")
    found = list(read_yolo(io.BytesIO(file.read_bytes()), spec, str(file), names, {"a.png": (200, 100)}.get))
    assert [near(each) for each in found] == [
        (Feature("Total"), [(10, 20), (30, 40)]),
        (Feature("Ta<x"), [(0, 0), (50, 25)]),
        (Feature("Total"), [(190, 20), (10, 40)]),
    ]
    assert found[0].data_row == DataRow("a.png")


def test_yolo_polygons_are_read_back(tmp_path: Path) -> None:
    write_yolo(tmp_path, "segment", Counter())
    file = tmp_path / "r/labels/train/a.txt"
    spec = YoloSpec(task="segment")
    found = list(read_yolo(io.BytesIO(file.read_bytes()), spec, str(file), CLASSES, lambda _: (200, 100)))
    assert [near(each) for each in found[:2]] == [
        (Feature("Total"), [(10, 20), (40, 20), (40, 60), (10, 60)]),
        (Feature("Ta<x"), [(0, 0), (50, 0), (50, 25)]),
    ]


@pytest.mark.parametrize("corners", ["edges", "pixels_from_1"])
def test_voc_is_read_back(tmp_path: Path, corners: Any) -> None:
    images = labeled_images(batches(ROWS), batches(ANNOTATIONS), Counter())
    write_pieces(local_target(tmp_path), voc_pieces(images, corners), format="voc", release="r")
    place = tmp_path / "r"
    assert (place / "ImageSets/Main/train.txt").read_text() == "a\nc\n"
    content = (place / "Annotations/a.xml").read_bytes()
    xmin = 10 if corners == "edges" else 11  # the same pixels, counted from 1
    assert f"<xmin>{xmin}</xmin>\n      <ymin>{xmin + 10}</ymin>\n      <xmax>40</xmax>".encode() in content
    found = list(read_voc(content, VocSpec(corners=corners), "a.xml"))
    assert [near(each) for each in found] == [
        (Feature("Total"), [(10, 20), (30, 40)]),
        (Feature("Ta<x"), [(0, 0), (50, 25)]),
        (Feature("Total"), [(190, 20), (10, 40)]),
    ]
    assert found[0].data_row == DataRow("a.png")
    assert list(read_voc((place / "Annotations/c.xml").read_bytes(), VocSpec(), "c.xml")) == []


def test_names_of_files_are_told_apart() -> None:
    rows = [row("a.png"), row("a.jpg"), row("b%2Fc"), row("b/c")]
    names = [image.name for image in labeled_images(batches(rows), [], Counter())]
    assert names == ["a.png", "a-id-a.jpg.jpg", "b%252Fc.jpg", "b%2Fc.jpg"]


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataIOError, match=r"data row id-z: .* not among the rows.*Take rows and annotations of one"):
        list(labeled_images(batches(ROWS), batches([annotation("z", BOX)]), Counter()))
    images = labeled_images(batches(ROWS), batches(ANNOTATIONS), Counter())
    with pytest.raises(DataIOError, match=r"data row a.png: 'Ta<x' is none of the classes. Known: Total."):
        write_pieces(local_target(tmp_path), yolo_pieces(images, ["Total"], "detect"), format="yolo")
    assert not [path for path in tmp_path.rglob("*") if path.suffix in {".json", ".yaml", ".csv", ".part"}]
    manifest = write_pieces(local_target(tmp_path), yolo_pieces([], ["Total"], "detect"), format="yolo")
    assert {file.path for file in manifest.files} == {"data.yaml", "images.csv", "train.txt"}
    assert json.loads((tmp_path / "latest.json").read_bytes())["release"] == manifest.release
