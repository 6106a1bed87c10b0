"""The summary on staging, and the plan of a dry run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from labelbox_airflow.engine.errors import IncompleteRunError
from labelbox_airflow.engine.extract import Extracted
from labelbox_airflow.engine.metadata_schema import MetadataField, SchemaAddition
from labelbox_airflow.engine.report import Reason
from labelbox_airflow.engine.rows.attach import AttachSpec
from labelbox_airflow.engine.rows.spec import RowsSpec
from labelbox_airflow.engine.staging import Staging
from labelbox_airflow.engine.summary import Summary, plan_text
from labelbox_airflow.engine.units import Unit

TARGET = {"organization": "org", "dataset_id": "d", "dataset": "Receipts"}
WINDOW = "[2026-03-01T00:00:00+00:00, 2026-03-02T00:00:00+00:00)"


def extracted(**changes: Any) -> Extracted:
    spec = RowsSpec.model_validate(
        {"row_data": {"pdf_url": "u"}, "global_key": "{id}", "metadata": {"cc": {"value": 0}}, "attachments": []}
    )
    fields: dict[str, Any] = {
        "read": 12_345,
        "outcomes": Counter(unchanged=10_000, superseded=40, rejected=5),
        "planned": Counter(create=2_000, update=300),
        "changes": Counter(metadata=300, row_data=2),
        "units": [Unit("unit-00001", 2_300)],
        "additions": {"cc": SchemaAddition("enum", frozenset({"b", "a"})), "new": SchemaAddition("string")},
        "samples": {"create": ["k1", "k2"], "superseded": ["k9"]},
    }
    return Extracted(spec, **{**fields, **changes})


def test_a_summary_comes_back_from_staging(tmp_path: Path) -> None:
    staging = Staging(LocalFileSystem(), str(tmp_path))
    summary = Summary.of(extracted(), TARGET, WINDOW, True, "always")
    staging.write_json("s.json", summary.as_dict())
    assert Summary.read_from(staging, "s.json") == summary


def test_an_empty_summary_comes_back_and_missing_counts_are_zero(tmp_path: Path) -> None:
    staging = Staging(LocalFileSystem(), str(tmp_path))
    summary = Summary.of(Extracted(extracted().mapping), TARGET, "everything", False, "newer")
    staging.write_json("s.json", summary.as_dict())
    read = Summary.read_from(staging, "s.json")
    assert read == summary
    assert read.planned["create"] == read.outcomes["rejected"] == 0


def test_rows_cannot_be_sent_before_their_dataset_is_made() -> None:
    summary = Summary.of(extracted(), {**TARGET, "dataset_id": None}, WINDOW, True, "newer")
    with pytest.raises(IncompleteRunError, match=r"the dataset is not made yet\. Clear the gate task"):
        _ = summary.target_id


def test_no_summary_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Summary.read_from(Staging(LocalFileSystem(), str(tmp_path)), "s.json")


def test_the_plan_says_what_would_happen() -> None:
    found = extracted()
    summary = Summary.of(found, TARGET, WINDOW, True, "newer")
    schema = {"cc": MetadataField("c", "cc", "enum", {"a": "1"})}
    text = plan_text(summary, found, schema, [Reason("bad_url", 5, "t.csv line 3: is no URL", ["k3"])])
    lines = [line.strip() for line in text.splitlines()]
    assert lines[:-1] == [
        f"Dry run of {WINDOW} into 'Receipts'",
        "12,345 rows read",
        "2,000 would be created, e.g. k1, k2",
        "300 would be updated (metadata 300, row_data 2)",
        "10,000 unchanged",
        "40 superseded, e.g. k9",
        "5 rejected",
        "5 with bad_url: t.csv line 3: is no URL",
        "metadata field 'cc': options b would be added",
        "metadata field 'new': the field would be added",
    ]
    assert "nothing was written" in lines[-1]


def test_a_plan_without_changes_calls_nothing() -> None:
    found = extracted(planned=Counter(), changes=Counter(), additions={}, samples={})
    text = plan_text(Summary.of(found, {**TARGET, "dataset_id": None}, "everything", True, "newer"), found, {}, [])
    assert "about 0 calls to Labelbox" in text
    assert "everything into 'Receipts' (the dataset would be created)" in text


def test_a_plan_shows_the_rows_that_would_wait_or_be_left_alone() -> None:
    spec = AttachSpec.model_validate({"global_key": "id", "metadata": {"cc": "cc"}, "missing": "later"})
    found = Extracted(
        spec,
        read=10,
        retried=2,
        outcomes=Counter(waiting=4, left_alone=3),
        planned=Counter(update=3),
        samples={"no_data_row": ["k1", "k2"]},
    )
    summary = Summary.of(found, TARGET, WINDOW, True, "newer")

    lines = plan_text(summary, found, {}, []).splitlines()

    assert lines[1] == "  10 rows read, of which 2 had waited since earlier runs"
    assert lines[6:9] == [
        "  4 waiting for their data rows, e.g. k1, k2",
        "  3 left alone, without a data row, e.g. k1, k2",
        "  0 rejected",
    ]


def test_the_summary_of_rows_that_are_attached_comes_back(tmp_path: Path) -> None:
    spec = AttachSpec.model_validate({"global_key": "id", "metadata": {"cc": "cc"}, "missing": "later"})
    staging = Staging(LocalFileSystem(), str(tmp_path))
    summary = Summary.of(Extracted(spec, read=3, retried=1), TARGET, WINDOW, True, "newer")
    staging.write_json("s.json", summary.as_dict())
    assert Summary.read_from(staging, "s.json") == summary
