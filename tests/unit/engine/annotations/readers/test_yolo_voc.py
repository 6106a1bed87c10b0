"""What is wrong with files of YOLO and Pascal VOC is said line by line; what they mean follows the spec."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from labelbox_airflow.engine.annotations.model import Annotation, BoundingBox, DataRow, Feature
from labelbox_airflow.engine.annotations.problems import RejectedAnnotation
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.annotations.readers.coco_spec import LEFT_OUT
from labelbox_airflow.engine.annotations.readers.voc import read_voc
from labelbox_airflow.engine.annotations.readers.voc_spec import VocSpec
from labelbox_airflow.engine.annotations.readers.yolo import read_names, read_yolo
from labelbox_airflow.engine.annotations.readers.yolo_spec import YoloSpec
from labelbox_airflow.engine.errors import SourceError
from labelbox_airflow.sources.annotations import AnnotationFiles, AnnotationFilesSpec

NAMES = ["car", "dog"]


def yolo(text: str, size: tuple[int, int] | None = (200, 100), **spec: Any) -> list[Read]:
    return list(read_yolo(io.BytesIO(text.encode()), YoloSpec(**spec), "labels/a.txt.gz", NAMES, lambda _: size))


def voc(objects: str, **spec: Any) -> list[Read]:
    document = f"<annotation><folder>f</folder><filename>a.b.jpg</filename>{objects}</annotation>"
    return list(read_voc(document.encode(), VocSpec(**spec), "a.xml"))


def rejects(found: Sequence[Read]) -> list[tuple[str, str]]:
    return [(str(each.origin), each.code) for each in found if isinstance(each, RejectedAnnotation)]


def test_lines_of_yolo() -> None:
    box, low, *wrong = yolo(
        "1 0.5 0.5 0.1 0.2 0.75\r\n\n0 0.5 0.5 0.1 0.2 0.25\n2 0.5 0.5 0.1 0.2\ncar 0.5 0.5 0.1 0.2\n"
        "0 0.5 0.5 x 0.2\n0 100 50 10 20\n0 0.1 0.1 0.2 0.2 0.3 0.1\n0 0.5 0.5 0.1 0.2 7\n0\n",
        min_confidence=0.5,
    )
    assert box == Annotation(DataRow("a"), Feature("dog"), BoundingBox(90, 40, 20, 20), confidence=0.75)
    assert isinstance(low, RejectedAnnotation)
    assert (low.code, low.class_name, low.data_row) == ("below_confidence", "car", DataRow("a"))
    assert low.code in LEFT_OUT
    assert rejects(wrong) == [
        (f"labels/a.txt.gz line {line}", code)
        for line, code in (
            (4, "unknown_class"),
            (5, "unknown_class"),
            (6, "bad_number"),
            (7, "not_normalized"),
            (8, "wrong_count"),
            (9, "bad_confidence"),
            (10, "wrong_count"),
        )
    ]
    assert "6: numbers after the class; there must be 4" in str(wrong[4])
    assert rejects(yolo("0 0.5 0.5 0.1 0.2", size=None)) == [("labels/a.txt.gz line 1", "unknown_size")]
    assert rejects(yolo("0 0.5 0.5 0.1 0.2", task="segment")) == [("labels/a.txt.gz line 1", "wrong_count")]
    assert rejects(yolo("0 0.5 0.5 0.1 0.2", classes={"dog": "Dog"})) == [("labels/a.txt.gz line 1", "unmapped_class")]


def test_names_of_yolo() -> None:
    assert read_names(b"names: [a, b]", "data.yaml") == ["a", "b"]
    assert read_names(b"names: {0: a, 1: 7}", "data.yml") == ["a", "7"]
    assert read_names(b"a\r\nb c\n", "classes.txt") == ["a", "b c"]
    for content in (b"names: {1: a}", b"nc: 2", b"[", b"names: []"):
        with pytest.raises(SourceError, match=r"^data\.yaml: (there are no names|the names cannot be read)"):
            read_names(content, "data.yaml")
    with pytest.raises(ValidationError, match="names or names_from, not both"):
        YoloSpec(names=("a",), names_from="x.yaml")
    with pytest.raises(ValidationError, match=r"must have \{stem\}"):
        YoloSpec(global_key="{name}")


def test_objects_of_voc() -> None:
    box = "<bndbox><xmin>1</xmin><ymin>2.5</ymin><xmax>11</xmax><ymax>22</ymax></bndbox>"
    part = f"<part><name>head</name>{box}</part>"
    hard = f"<object><name>dog</name><difficult>1</difficult>{box}</object>"
    found = voc(f"<object><name> car </name><confidence>0.5</confidence>{box}{part}</object>{hard}")
    assert found == [
        Annotation(DataRow("a.b.jpg"), Feature("car"), BoundingBox(1, 2.5, 10, 19.5), confidence=0.5),
        Annotation(DataRow("a.b.jpg"), Feature("head"), BoundingBox(1, 2.5, 10, 19.5)),
        Annotation(DataRow("a.b.jpg"), Feature("dog"), BoundingBox(1, 2.5, 10, 19.5)),
    ]
    [left_out] = voc(hard, difficult="skip", global_key="x/{folder}/{stem}")
    assert isinstance(left_out, RejectedAnnotation)
    assert (left_out.code, left_out.data_row) == ("difficult", DataRow("x/f/a.b"))
    assert left_out.code in LEFT_OUT
    wrong = voc(
        f"<object>{box}</object><object><name>car</name></object>"
        f"<object><name>car</name>{box.replace('>11<', '>0<')}</object>"
        f"<object><name>car</name>{box.replace('>11<', '>one<')}</object>"
    )
    assert [code for _, code in rejects(wrong)][:3] == ["no_class", "no_box", "bad_box"]
    assert "bndbox.xmax = 'one'" in str(wrong[3])


def test_files_that_are_no_voc() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aa">]><annotation><filename>&a;</filename></annotation>'
    for content, message in (
        ("{}", "is not XML"),
        ("", "is not XML"),
        (bomb, "it has a document type"),
        ("<html/>", "is a document of <html>"),
        ("<annotation/>", "there is no <filename>"),
    ):
        with pytest.raises(SourceError, match=f"^a.xml: .*{message}"):
            list(read_voc(content.encode(), VocSpec(), "a.xml"))


def test_a_source_reads_them(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/a.txt").write_text("1 0.5 0.5 0.1 0.2\n")
    (tmp_path / "data.yaml").write_text("names: [car, dog]")
    keys = {"type": "annotations", "uri": "labels/*.txt", "format": "yolo"}
    spec = AnnotationFilesSpec.model_validate({**keys, "yolo": {"names_from": str(tmp_path / "data.yaml")}})
    [made] = AnnotationFiles(spec, tmp_path, {"a": (200, 100)}.get).read(None)
    assert made == Annotation(DataRow("a"), Feature("dog"), BoundingBox(90, 40, 20, 20))
    with pytest.raises(SourceError, match=r"labels/data.yaml: there is no such file. Correct yolo.names_from"):
        list(AnnotationFiles(AnnotationFilesSpec.model_validate(keys), tmp_path).read(None))
    (tmp_path / "a.xml").write_text("<annotation><filename>a</filename></annotation>")
    keys = {"type": "annotations", "uri": "*.xml", "format": "voc"}
    assert list(AnnotationFiles(AnnotationFilesSpec.model_validate(keys), tmp_path).read(None)) == []
    with pytest.raises(ValidationError, match="yolo goes with format: yolo"):
        AnnotationFilesSpec.model_validate({**keys, "yolo": {}})
