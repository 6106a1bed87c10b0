"""`labelbox-sync` against real services: taking over a dataset, and asking whether what a sync names is there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.e2e.conftest import CHANGES, Deployment, row

from labelbox_airflow.hooks.labelbox import LabelboxHook
from labelbox_airflow.syncs.cli import main

DAY = datetime(2026, 1, 2, tzinfo=UTC)


def load_by_sdk(deployment: Deployment, rows: list[dict[str, Any]], field: str) -> None:
    """Load a dataset as people do without us: by the plain SDK."""
    from labelbox.schema.data_row_metadata import DataRowMetadataKind

    client = LabelboxHook().client
    client.get_data_row_metadata_ontology().create_schema(field, DataRowMetadataKind.string)
    dataset = client.create_dataset(name=deployment.name, iam_integration=None)
    items = [
        {
            "row_data": item["url"],
            "global_key": f"{deployment.name}/{item['id']}",
            "external_id": item["name"],
            "metadata_fields": [{"name": field, "value": item["colour"]}],
            "attachments": [{"type": "RAW_TEXT", "name": "note", "value": item["note"]}],
        }
        for item in rows
    ]
    task = dataset.create_data_rows([*items, {"row_data": "https://images.example.com/no-key.jpg"}])
    task.wait_till_done()
    assert task.errors is None


def test_a_dataset_loaded_before_is_taken_over_without_a_write(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    field = f"{deployment.name} colour"
    rows = [row(n, name=f"{n}.jpg", colour="red", note=f"note {n}") for n in range(6)]
    load_by_sdk(deployment, rows, field)
    file = deployment.add_sync(
        rows__external_id="name",
        rows__metadata={field: "colour"},
        rows__attachments=[{"type": "RAW_TEXT", "name": "note", "value": "note"}],
    )
    deployment.put_table(rows)
    capsys.readouterr()
    deployment.labelbox.admin("DELETE", "calls")

    assert main(["adopt", str(file)]) == 0
    said = capsys.readouterr().out
    assert f"6 data rows of '{deployment.name}' adopted; 1 have no global key" in said
    assert deployment.run_well("rows", DAY).outcomes == {"unchanged": 6}
    operations = deployment.labelbox.admin("GET", "calls")
    # Asking for an export is a mutation in name only.
    assert {name for name in operations["operations"] if "export" not in name.lower()} & CHANGES == set()

    rows[2]["colour"] = "blue"
    deployment.put_table(rows)
    assert deployment.run_well("rows", DAY).outcomes == {"unchanged": 5, "updated": 1}
    assert len(deployment.data_rows() or ()) == 7


def test_there_is_nothing_to_adopt_in_a_dataset_that_is_not_there(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    file = deployment.add_sync()
    assert main(["adopt", str(file)]) == 1
    said = capsys.readouterr().out
    assert f"{file}: labelbox.dataset: Labelbox has no dataset '{deployment.name}'. There is nothing to adopt" in said
    assert deployment.data_rows() is None


def test_check_finds_what_the_world_lacks(deployment: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    good = deployment.add_sync("good")
    deployment.put_table([row(1)])

    with deployment.changes() as changes:
        assert main(["check", "--connect", str(good)]) == 0
    assert "good.yaml: ok (dag id good, schedule 0 0 * * * UTC)" in capsys.readouterr().out

    bad = deployment.add_sync(
        "bad",
        labelbox__dataset={"name": f"{deployment.name}-2", "create": False, "delegated_access": "acces"},
        rows__metadata={"captureDateTme": "taken", "split": {"column": "split", "kind": "number"}},
        rows__embeddings={"clip-v9": {"column": "vector", "dimensions": 4}},
        rows__row_data="https://bucket.s3.amazonaws.com/{id}.jpg",
        sources__rows__uri=f"s3://{deployment.name}/missing.csv",
        pool="labelbox-typo",
    )
    unknown = deployment.add_sync("unknown", labelbox={"connection": "labelbox_prod", "dataset": {"name": "other"}})
    with deployment.changes() as more_changes:
        assert main(["check", "--connect", str(good), str(bad), str(unknown)]) == 1
    said = capsys.readouterr().out

    for problem in (
        f"{bad}: labelbox.dataset.name: there is no dataset '{deployment.name}-2'",
        f"{bad}: labelbox.dataset.delegated_access: there is no integration 'acces'",
        f"{bad}: rows.metadata.captureDateTme: Labelbox has no metadata field 'captureDateTme'. Did you mean",
        f"{bad}: rows.metadata.split.kind: 'number' is not what Labelbox has: 'split' is of kind enum.",
        f"{bad}: rows.embeddings.clip-v9: Labelbox has no custom embedding 'clip-v9'",
        f"{bad}: pool: there is no Airflow pool 'labelbox-typo'",
        f"{bad}: sources.rows: s3://{deployment.name}/missing.csv: there is no such file (connection 'aws_default')",
        f"{unknown}: labelbox.connection: connection 'labelbox_prod': there is no such connection",
        "1 sync file ok, 8 problems",
    ):
        assert problem in said
    assert changes == more_changes == {}
