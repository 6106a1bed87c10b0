"""Drafts of ontology files, and ontology files that syncs name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelbox_airflow.engine.ontology.document import read_document
from labelbox_airflow.engine.ontology.tree import Ontology
from labelbox_airflow.syncs.cli import main


def drafted(capsys: pytest.CaptureFixture[str], *arguments: str) -> Ontology:
    assert main(["ontology", *arguments]) == 0
    return read_document(capsys.readouterr().out, where="draft")


def kinds(ontology: Ontology) -> dict[str, str]:
    return {each.name: each.kind for each in (*ontology.tools, *ontology.classifications)}


def test_categories_of_coco(tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "coco.json"
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}, {"id": 3, "name": "crowd"}]
    annotations = [
        {"category_id": 2, "segmentation": [[0, 0, 1, 0, 1, 1]]},
        {"category_id": 3, "segmentation": {"counts": []}},
    ]
    file.write_text(json.dumps({"categories": categories, "annotations": annotations}))
    assert kinds(drafted(capsys, "from-coco", str(file))) == {
        "cat": "rectangle", "dog": "polygon", "crowd": "raster-segmentation",
    }  # fmt: skip


def test_classes_of_ndjson_with_the_answers_seen(tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "labels.ndjson"
    lines = [
        {"name": "Total", "bbox": {}},
        {"name": "Sharp", "answer": {"name": "good"}},
        {"name": "Sharp", "answer": {"name": "bad"}},
        {"name": "Note", "answer": "text"},
    ]
    file.write_text("\n".join(map(json.dumps, lines)))
    ontology = drafted(capsys, "from-ndjson", str(file))
    assert kinds(ontology) == {"Total": "rectangle", "Sharp": "radio", "Note": "text"}
    assert [option.name for option in ontology.classifications[0].options] == ["good", "bad"]


def test_classes_of_a_column(tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "boxes.csv"
    file.write_text("image,cls\n1,car\n2,bus\n3,car\n4,\n")
    assert kinds(drafted(capsys, "from-table", str(file), "--class", "cls", "--kind", "polygon")) == {
        "bus": "polygon", "car": "polygon",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["from-coco"], "has no categories with names"),
        (["from-ndjson"], "line 1: no annotation with a name"),
        (["from-table", "--class", "clas"], "there is no column 'clas'"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, capsys: Any, arguments: list[str], said: str) -> None:
    file = tmp_path / "wrong.json"
    file.write_text("{}\n")
    assert main(["ontology", *arguments, str(file)]) == 1
    captured = capsys.readouterr()
    assert said in captured.err
    assert not captured.out
