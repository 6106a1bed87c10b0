"""Lines of exports become annotations of the rows they are of; whose labels are read is never a guess."""

import io
from typing import Any

import orjson
import pytest

from labelbox_airflow.engine.annotations.model import (
    Annotation,
    Choice,
    Classification,
    DataRow,
    Feature,
    FreeText,
    Origin,
    Radio,
)
from labelbox_airflow.engine.annotations.problems import RejectedAnnotation
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.annotations.readers.export import read_export
from labelbox_airflow.engine.errors import SourceError


def label(content: str, called: str = "l1") -> dict[str, Any]:
    note = {"feature_id": f"f-{content}", "name": "note", "text_answer": {"content": content}}
    return {"id": called, "label_kind": "Default", "annotations": {"objects": [], "classifications": [note]}}


def row(key: str | None, **labels: Any) -> dict[str, Any]:
    """An exported row: by project its labels, or the whole block."""
    blocks = {project: each if isinstance(each, dict) else {"labels": each} for project, each in labels.items()}
    return {"data_row": {"id": f"id-{key}", "global_key": key}, "projects": blocks}


def run(key: str, **blocks: Any) -> dict[str, Any]:
    return {"data_row": {"id": f"id-{key}", "global_key": key}, "experiments": {"m1": {"name": "m", "runs": blocks}}}


def read(*lines: Any, **options: Any) -> list[Read]:
    content = b"\n".join(line if type(line) is bytes else orjson.dumps(line) for line in lines)
    return list(read_export(io.BytesIO(content), "export.ndjson", **options))


def contents(found: list[Read]) -> list[tuple[str, str]]:
    """Row and text of each annotation."""
    return [
        (str(each.data_row), each.value.content)
        for each in found
        if isinstance(each, Annotation) and isinstance(each.value, FreeText)
    ]


def codes(found: list[Read]) -> list[str]:
    return [each.code for each in found if isinstance(each, RejectedAnnotation)]


def test_labels_are_read_with_their_row_and_line():
    found = read(row("a", p1=[]), row("b", p1=[label("x")]))
    assert found == [Annotation(DataRow("b"), Feature("note"), FreeText("x"), source_id="f-x")]
    assert [each.origin for each in found] == [Origin("export.ndjson", 2)]


def test_rows_can_be_named_by_id():
    (found,) = read(row("a", p1=[label("x")]), by="id")
    assert found.data_row == DataRow(id="id-a")


def test_a_row_without_a_global_key_is_rejected_with_the_way_out():
    (found,) = read(row(None, p1=[label("x")]))
    assert isinstance(found, RejectedAnnotation)
    assert (found.code, found.data_row) == ("no_global_key", DataRow(id="id-None"))
    assert "Give the row a global key, or read by id." in str(found)
    assert read(row(None)) == []
    assert contents(read(row(None, p1=[label("x")]), by="id")) == [("data row id-None", "x")]


def test_the_labels_of_one_project_are_read():
    lines = (row("a", p1=[label("x")], p2=[label("y")]), row("b", p2=[label("z")]))
    assert contents(read(*lines, project_id="p2")) == [("a", "y"), ("b", "z")]


def test_labels_of_two_projects_are_not_mixed():
    with pytest.raises(SourceError, match=r"export.ndjson: line 2 has labels of project p2, earlier ones are of p1"):
        read(row("a", p1=[label("x")], p2=[]), row("b", p2=[label("y")]))


def test_a_project_that_is_not_in_the_file_is_an_error_and_one_without_labels_is_none():
    with pytest.raises(SourceError, match=r"no line is of project p9. Known: p1"):
        read(row("a", p1=[label("x")]), project_id="p9")
    assert read(row("a", p1=[]), project_id="p1") == []
    assert read(project_id="p1") == []


def test_of_several_labels_the_selected_one_is_read_and_the_others_are_named():
    labels = [label("x", "l1"), label("y", "l2")]
    selected = {"labels": labels, "project_details": {"selected_label_id": "l2"}}
    found = read(row("a", p1=selected))
    assert contents(found) == [("a", "y")]
    assert codes(found) == ["other_label"]
    assert "the row has 2 labels; label l2 is read, label l1 is not" in " ".join(map(str, found))
    assert contents(read(row("a", p1=labels))) == [("a", "x")]


def test_predictions_of_a_model_run_are_read():
    lines = (run("a", r1={"labels": [label("x")], "predictions": [label("y")]}, r2={"predictions": [label("z")]}),)
    assert contents(read(*lines, project_id="r1")) == [("a", "y")]
    assert contents(read(run("a", r1={"predictions": [label("y")]}))) == [("a", "y")]


def test_what_is_no_exported_row_is_rejected_and_the_rest_goes_on():
    found = read(
        row("a", p1=[label("x")]), b'{"data_row":', {"dataRow": {"globalKey": "a"}}, 3, row("b", p1=[label("y")])
    )
    assert codes(found) == ["bad_json", "not_exported", "not_exported"]
    assert contents(found) == [("a", "x"), ("b", "y")]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ({"data_row": "a"}, "data_row"),
        ({"data_row": {}, "projects": [1]}, "projects"),
        ({"data_row": {}, "projects": {"p1": []}}, "projects"),
        ({"data_row": {}, "projects": {"p1": {"labels": {"id": "l1"}}}}, "labels"),
        ({"data_row": {}, "projects": {"p1": {"labels": ["l1"]}}}, "labels"),
        ({"data_row": {}, "projects": {"p1": {"project_details": "x"}}}, "project_details"),
        ({"data_row": {}, "experiments": {"m1": {"runs": [1]}}}, "runs"),
    ],
)
def test_lines_of_another_shape_are_rejected_with_the_key(line: dict[str, Any], field: str):
    (found,) = read(line)
    assert isinstance(found, RejectedAnnotation)
    assert (found.code, found.field, found.line) == ("not_exported", field, line)


def test_classes_are_named_by_name_alone_unless_asked_for_by_schema_id():
    nested = {"name": "why", "feature_schema_id": "s3", "text_answer": {"content": "y"}}
    option = {"name": "rain", "feature_schema_id": "s2", "classifications": [nested]}
    weather = {"feature_id": "f1", "name": "weather", "feature_schema_id": "s1", "radio_answer": option}
    line = row("a", p1=[{"annotations": {"classifications": [weather]}}])

    def expected(*ids: str | None) -> Annotation:
        why = Classification(Feature("why", ids[2]), FreeText("y"))
        choice = Choice(Feature("rain", ids[1]), (why,))
        return Annotation(DataRow("a"), Feature("weather", ids[0]), Radio(choice), source_id="f1")

    assert read(line) == [expected(None, None, None)]
    assert read(line, classes="schema_id") == [expected("s1", "s2", "s3")]


def test_a_class_without_a_name_keeps_its_schema_id():
    (found,) = read(
        row(
            "a",
            p1=[
                {
                    "annotations": {
                        "metrics": [],
                        "objects": [
                            {"feature_schema_id": "s1", "annotation_kind": "ImagePoint", "point": {"x": 1, "y": 2}}
                        ],
                    }
                }
            ],
        )
    )
    assert isinstance(found, Annotation)
    assert found.feature == Feature(schema_id="s1")
