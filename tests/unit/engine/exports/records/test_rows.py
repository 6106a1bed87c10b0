"""A data row of an export becomes one typed row, whatever the line happens to have."""

from datetime import UTC, datetime

import orjson
import pytest
from tests.unit.engine.exports.records.lines import line

from labelbox_airflow.engine.errors import LabelboxError
from labelbox_airflow.engine.exports.records.raw import RawRecords
from labelbox_airflow.engine.exports.records.rows import RowRecords
from labelbox_airflow.engine.metadata_schema import MetadataField

METADATA = {
    "tag": MetadataField("m1", "tag", "string"),
    "split": MetadataField("m2", "split", "enum", {"train": "o1"}),
    "score": MetadataField("m3", "score", "number"),
    "taken at": MetadataField("m4", "taken at", "datetime"),
}
FULL = {
    "data_row": {
        "id": "d1",
        "global_key": "gk",
        "external_id": "x",
        "row_data": {"pdf_url": "https://a/b.pdf"},
        "details": {
            "dataset_id": "ds",
            "dataset_name": "Set",
            "created_at": "2023-03-15T14:46:58.000+00:00",
            "updated_at": "2023-03-15T16:46:58.500+02:00",
            "last_activity_at": "2024-04-08T16:34:01Z",
            "created_by": "me@example.com",
        },
    },
    "media_attributes": {"width": 20, "height": 10, "mime_type": "image/png", "frame_rate": 25, "codec": "h264"},
    "metadata_fields": [
        {"schema_id": "m1", "schema_name": "an older name", "value": "a"},
        {"schema_name": "split", "value": [{"schema_id": "o1", "schema_name": "train"}]},
        {"schema_id": "m3", "schema_name": "score", "value": 1},
        {"schema_id": "m4", "schema_name": "taken at", "value": "2024-01-02T03:04:05+01:00"},
        {"schema_id": "new", "schema_name": "new", "value": "n"},
    ],
    "attachments": [{"id": "a", "type": "RAW_TEXT", "name": "n", "value": "v"}],
    "embeddings": [{"id": "e", "name": "clip", "dimensions": 2, "is_custom": True, "values": [{"value": [1, 0.5]}]}],
    "projects": {
        "p1": {
            "name": "One",
            "labels": [{"id": "l"}],
            "project_details": {"workflow_status": "DONE", "batch_id": "b", "batch_name": "B", "priority": 5},
        }
    },
}


def test_a_full_row_is_typed_and_what_has_no_column_is_kept() -> None:
    (records,) = RowRecords(METADATA).batches([line(FULL)])
    (row,) = records.batch.to_pylist()
    assert row["created_at"] == datetime(2023, 3, 15, 14, 46, 58, tzinfo=UTC)
    assert row["updated_at"] == datetime(2023, 3, 15, 14, 46, 58, 500_000, tzinfo=UTC)
    assert row["last_activity_at"] == datetime(2024, 4, 8, 16, 34, 1, tzinfo=UTC)
    assert row["row_data"] == '{"pdf_url":"https://a/b.pdf"}'
    assert (row["width"], row["height"], row["frame_rate"], row["duration"]) == (20, 10, 25.0, None)
    assert (row["metadata_tag"], row["metadata_split"], row["metadata_score"]) == ("a", "train", 1.0)
    assert row["metadata_taken at"] == datetime(2024, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert row["attachments"] == [{"id": "a", "type": "RAW_TEXT", "name": "n", "value": "v"}]
    assert row["embeddings"] == [{"id": "e", "name": "clip", "vector": [1.0, 0.5]}]
    (project,) = row["projects"]
    assert (project["id"], project["workflow_status"], project["batch_name"], project["labels"]) == (
        "p1",
        "DONE",
        "B",
        1,
    )
    other = orjson.loads(row["other"])
    assert other["media_attributes"] == {"codec": "h264"}
    assert [each["schema_name"] for each in other["metadata_fields"]] == ["new"]


def test_columns_do_not_depend_on_the_data() -> None:
    bare = {"data_row": {"id": "d2"}}
    made = RowRecords(METADATA, projects=["p1"])
    (records,) = made.batches([line(bare), line(FULL)])
    assert records.batch.schema == made.schema
    assert (records.data_rows, records.projects) == (["d2", "d1"], ("p1",))
    row = records.batch.to_pylist()[0]
    assert (row["project_id"], row["metadata_tag"], row["other"]) == ("p1", None, None)


def test_a_data_row_is_once_in_a_batch() -> None:
    found = list(RawRecords().batches([line(FULL), line({"data_row": {"id": "d2"}}), line(FULL)]))
    assert [each.data_rows for each in found] == [["d1", "d2"], ["d1"]]
    assert found[1].batch.to_pylist() == [
        {"project_id": None, "data_row_id": "d1", "global_key": "gk", "line": line(FULL).decode().rstrip()}
    ]
    assert list(RawRecords().batches([])) == []


def test_batches_are_bounded() -> None:
    lines = (line({"data_row": {"id": str(number)}}) for number in range(25_000))
    assert [each.batch.num_rows for each in RawRecords().batches(lines)] == [10_000, 10_000, 5_000]
    heavy = (line({"data_row": {"id": str(number), "row_data": "x" * (9 << 20)}}) for number in range(5))
    assert [each.batch.num_rows for each in RawRecords().batches(heavy)] == [2, 2, 1]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (b'{"data_row": {"id": "d', "line 2 of the export: the line is no JSON"),
        (b"[1]", "line 2 of the export: the line is no exported data row"),
        (line({"data_row": {"id": "d2"}, "media_attributes": {"width": "wide"}}), "export: width = 'wide'"),
        (line({"data_row": {"id": "d2", "details": {"created_at": "soon"}}}), "created_at = 'soon' is no timestamp"),
        (line({"data_row": {"id": "d2"}, "projects": []}), None),
        (line({"data_row": {"id": "d2"}, "projects": {"p": {"labels": 3}}}), "projects.p is not as in exports"),
    ],
)
def test_what_is_wrong_is_said(wrong: bytes, said: str | None) -> None:
    lines = [line({"data_row": {"id": "d1"}}), wrong]
    if said is None:
        assert sum(each.batch.num_rows for each in RowRecords(METADATA).batches(lines)) == 2
        return
    with pytest.raises(LabelboxError) as raised:
        list(RowRecords(METADATA).batches(lines))
    assert said in str(raised.value)
