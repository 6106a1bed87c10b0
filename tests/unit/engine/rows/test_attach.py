"""The model of ``attach:`` and the mapping of its rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.metadata_schema import MetadataField
from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.rows.attach import AttachSpec, mapping_spec
from labelbox_airflow.engine.rows.mapping import RowMapping, mapping_columns
from labelbox_airflow.engine.rows.spec import RowsSpec

LEAST: dict[str, Any] = {"global_key": "k/{id}", "metadata": {"score": "score"}}
SCHEMA = {"score": MetadataField("s" * 25, "score", "number")}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metadata": {}}, "there is nothing to attach"),
        ({"global_key": {"derive": "row_data"}}, "Extra inputs are not permitted"),
        ({"global_key": {"value": "same"}}, "exactly one of column or template"),
        ({"row_data": "uri"}, "Extra inputs are not permitted"),
        ({"external_id": "name"}, "Extra inputs are not permitted"),
        ({"media_type": "IMAGE"}, "Extra inputs are not permitted"),
        ({"lists": "merge"}, "Extra inputs are not permitted"),
        ({"column_grammar": {}}, "Extra inputs are not permitted"),
        ({"missing": "create"}, "'reject', 'leave' or 'later'"),
        ({"later_for": "3d"}, "later_for goes with missing: later"),
        ({"missing": "later", "later_for": "soon"}, "is no duration"),
        ({"missing": "later", "later_for": "0d"}, "must be longer than zero"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        AttachSpec.model_validate({**LEAST, **change})


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"missing": "leave"},
        {"missing": "later", "later_for": "2w", "version": "at", "when_null": "clear"},
        {"metadata": {}, "embeddings": {"e": {"column": "v", "dimensions": 2}}},
        {"global_key": {"column": "id", "too_long": "hash"}, "attachments": [{"type": "IMAGE", "value": "u"}]},
    ],
)
def test_it_survives_its_way_through_json(change: dict[str, Any]) -> None:
    spec = AttachSpec.model_validate({**LEAST, **change})
    assert mapping_spec(attach=spec.model_dump(mode="json", exclude_defaults=True)) == spec


def test_a_row_may_wait_for_a_month_unless_told() -> None:
    assert AttachSpec.model_validate({**LEAST, "missing": "later"}).longest_wait == timedelta(days=30)
    assert AttachSpec.model_validate({**LEAST, "missing": "later", "later_for": "2h"}).longest_wait == timedelta(
        hours=2
    )


def test_exactly_one_of_rows_and_attach_is_a_mapping() -> None:
    rows = {"row_data": "u", "global_key": "id"}
    assert isinstance(mapping_spec(rows), RowsSpec)
    assert isinstance(mapping_spec(attach=LEAST), AttachSpec)
    for given, said in (((None, None), "none"), ((rows, LEAST), "both")):
        with pytest.raises(ConfigurationError, match=f"exactly one of rows and attach \\(given: {said}\\)"):
            mapping_spec(*given)


ROWS = pa.RecordBatch.from_pydict(
    {
        "id": ["1", "2", "3"],
        "score": ["1.5", None, "high"],
        "vector": [[1.0, 2.0], None, [3.0, 4.0]],
        "other": ["a", "b", "c"],
    }
)


def mapped(**change: Any) -> tuple[pa.RecordBatch, list[Any], RowMapping]:
    spec = AttachSpec.model_validate({**LEAST, **change})
    mapping = RowMapping(spec, SCHEMA)
    keyed = mapping.key(Batch(ROWS, "t.csv", [2, 3, 4]), default_version=7)
    result = mapping.map(keyed, range(3))
    return result.rows, list(result.rejected), mapping


def test_a_row_has_the_parts_that_are_attached_and_no_asset() -> None:
    rows, rejected, mapping = mapped(embeddings={"clip": {"column": "vector", "dimensions": 2}})

    assert rows.schema.names == [
        "global_key",
        "version",
        "source",
        "origin",
        "metadata/score",
        "fingerprint.metadata",
        "embedding/clip",
        "fingerprint.embeddings",
    ]
    assert rows.column("global_key").to_pylist() == ["k/1", "k/2"]
    assert rows.column("metadata/score").to_pylist() == ["1.5", None]
    assert rows.column("fingerprint.metadata").null_count == 1
    assert rows.column("embedding/clip").to_pylist() == ["[1.0,2.0]", None]
    assert [(letter.code, letter.global_key) for letter in rejected] == [("bad_number", "k/3")]
    assert mapping.columns == ["id", "score", "vector"]


def test_rows_that_may_have_to_wait_keep_what_they_came_from() -> None:
    rows, _, _ = mapped(missing="later", embeddings={"clip": {"column": "vector", "dimensions": 2}})

    kept = pa.RecordBatch.from_struct_array(rows.column("source_row"))

    assert kept.equals(ROWS.slice(0, 2).select(["id", "score", "vector"]))


def test_the_columns_of_every_value_are_read() -> None:
    spec = AttachSpec.model_validate(
        {
            "global_key": "{a}/{b}",
            "version": "at",
            "metadata": {"m": "c"},
            "attachments": [{"type": "RAW_TEXT", "value": "{d}"}],
            "embeddings": {"e": {"column": "f", "dimensions": 1}},
        }
    )
    assert set(mapping_columns(spec)) == {"a", "b", "at", "c", "d", "f"}
