"""Syncs that cannot live side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from labelbox_airflow.syncs.load import claimed_fields, conflicts, load_sync


def test_a_sync_claims_the_fields_it_names(write: Any) -> None:
    assert claimed_fields(load_sync(write({"rows/external_id": "x"})).spec) == [
        "row_data",
        "external_id",
        "metadata.country",
        "attachments (IMAGE thumbnail)",
        "embeddings.clip-v3",
    ]


def test_two_syncs_of_one_dataset_that_claim_a_field_are_named(write: Any) -> None:
    bare = {"rows/metadata": {"country": "cc"}, "rows/attachments": [], "rows/embeddings": {}}
    syncs = [load_sync(write()), load_sync(write({**bare, "name": "other"}, "other.yaml"))]
    first, second = (sync.path for sync in syncs)
    assert conflicts(syncs) == [
        f"{first} and {second} both write rows.{field} of dataset 'Receipts' (connection labelbox_default). "
        "Leave the field to one of them."
        for field in ("row_data", "metadata.country")
    ]


def test_other_datasets_and_other_connections_do_not_conflict(write: Any) -> None:
    syncs = [
        load_sync(write()),
        load_sync(write({"name": "b", "labelbox/dataset/name": "Others"}, "b.yaml")),
        load_sync(write({"name": "c", "labelbox/connection": "labelbox_eu"}, "c.yaml")),
        load_sync(write({"name": "d", "labelbox/dataset": {"id": "Receipts"}}, "d.yaml")),
    ]
    assert conflicts(syncs) == []


def test_two_files_of_one_name_are_both_named(write: Any, tmp_path: Path) -> None:
    other = {"labelbox/dataset/name": "Others"}
    syncs = [load_sync(write()), load_sync(write(other, "team/receipts.yaml"))]
    first, second = tmp_path / "receipts.yaml", tmp_path / "team/receipts.yaml"
    assert conflicts(syncs) == [f"{first} and {second} are syncs of one name, 'receipts'. Rename one."]
