"""What changes in Labelbox is a named change of the columns, and passes or not as the policy says."""

import logging

import pyarrow as pa
import pytest

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.exports.records.drift import SchemaChange, check_drift, schema_changes
from labelbox_airflow.engine.exports.records.labels import LabelRecords
from labelbox_airflow.engine.exports.records.rows import RowRecords
from labelbox_airflow.engine.metadata_schema import MetadataField
from labelbox_airflow.engine.ontology.tree import Classification, Ontology, Tool

FORMER = LabelRecords(
    Ontology(
        (Tool("car", "rectangle", (Classification("color", "text", schema_id="q"),), schema_id="t"),),
        (Classification("note", "text", schema_id="n"), Classification("gone", "text", schema_id="g")),
    )
).schema
NEW = LabelRecords(
    Ontology(
        (
            Tool("auto", "rectangle", (Classification("hue", "text", schema_id="q"),), schema_id="t"),
            Tool("sky", "superpixel", schema_id="s"),
        ),
        (Classification("note", "checklist", schema_id="n"),),
    )
).schema


def test_each_change_has_a_name() -> None:
    assert schema_changes(FORMER, FORMER) == []
    assert [(each.kind, each.column, each.former) for each in schema_changes(FORMER, NEW)] == [
        ("renamed", "objects_auto", "objects_car"),
        ("renamed", "objects_auto.answers.hue", "objects_auto.answers.color"),
        ("added", "objects_sky", None),
        ("type changed", "answer_note", "string"),
        ("removed", "answer_gone", None),
    ]


def test_ids_outlast_arrow_files_and_names_are_enough_without_them() -> None:
    tag, label = (RowRecords({name: MetadataField("m", name, "string")}).schema for name in ("tag", "label"))
    kept = pa.ipc.read_schema(tag.serialize())
    assert schema_changes(kept, label) == [SchemaChange("renamed", "metadata_label", "metadata_tag", "string")]
    assert [each.kind for each in schema_changes(tag.remove_metadata(), label)] == ["renamed"]
    bare = pa.schema([pa.field(field.name, field.type) for field in tag])
    assert [(each.kind, each.column) for each in schema_changes(bare, label)] == [
        ("added", "metadata_label"),
        ("removed", "metadata_tag"),
    ]


def test_names_that_change_places_are_no_renames_of_each_other() -> None:
    first, second = MetadataField("1", "a", "string"), MetadataField("2", "b", "string")
    swapped = {"b": MetadataField("1", "b", "string"), "a": MetadataField("2", "a", "string")}
    found = schema_changes(RowRecords({"a": first, "b": second}).schema, RowRecords(swapped).schema)
    assert [str(each) for each in found] == [
        "metadata_a is now called metadata_b",
        "metadata_b is now called metadata_a",
    ]


def test_the_policy_decides(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    assert len(check_drift(FORMER, NEW, "evolve", where="labels")) == 5
    assert caplog.messages == []
    check_drift(FORMER, NEW, "warn", where="labels")
    assert "objects_car is now called objects_auto" in caplog.text
    with pytest.raises(ConfigurationError, match=r"labels: the columns have changed: .*answer_gone was removed\. Set"):
        check_drift(FORMER, NEW, "fail", where="labels")
    assert check_drift(NEW, NEW, "fail", where="labels") == []
