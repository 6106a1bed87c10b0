"""Global key jobs through the unmodified SDK."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from labelbox.schema.identifiable import GlobalKey
from lbox.exceptions import ResourceConflict, ResourceCreationError

if TYPE_CHECKING:
    from labelbox import Client


def test_a_look_up_keeps_the_order_asked_for(client: Client, dataset: Any) -> None:
    rows = {key: dataset.create_data_row(row_data="https://example.com/k", global_key=key).uid for key in ("k1", "k2")}
    found = client.get_data_row_ids_for_global_keys(["k2", "nobody", "k1"])
    assert found["status"] == "PARTIAL SUCCESS"
    assert found["results"] == [rows["k2"], "", rows["k1"]]
    assert found["errors"] == [{"global_key": "nobody", "error": "Data Row not found"}]
    assert client.get_data_row_ids_for_global_keys(["k1"])["status"] == "SUCCESS"
    assert client.get_data_row_ids_for_global_keys(["nobody"])["status"] == "FAILURE"


def test_a_look_up_may_take_a_while(server: Any, client: Client) -> None:
    server.admin("POST", "switches", job_seconds=0.5)
    try:
        assert client.get_data_row_ids_for_global_keys(["nobody"])["results"] == [""]
    finally:
        server.admin("POST", "switches", job_seconds=0)


def test_keys_are_assigned_one_by_one(client: Client, dataset: Any) -> None:
    first, second = (dataset.create_data_row(row_data="https://example.com/a").uid for _ in range(2))
    answer = client.assign_global_keys_to_data_rows(
        [
            {"data_row_id": first, "global_key": "assigned"},
            {"data_row_id": second, "global_key": "assigned"},
            {"data_row_id": second, "global_key": " blank"},
            {"data_row_id": second, "global_key": "x" * 201},
            {"data_row_id": "c" * 25, "global_key": "no-row"},
        ]
    )
    assert answer["status"] == "PARTIAL SUCCESS"
    assert [(row["data_row_id"], row["global_key"]) for row in answer["results"]] == [(first, "assigned")]
    assert len(answer["errors"]) == 4
    assert client.get_data_row(first).global_key == "assigned"


def test_keys_are_cleared_and_free_again(client: Client, dataset: Any) -> None:
    row = dataset.create_data_row(row_data="https://example.com/c", global_key="cleared")
    answer = client.clear_global_keys(["cleared", "nobody"])
    assert (answer["status"], answer["results"]) == ("PARTIAL SUCCESS", ["cleared"])
    assert client.get_data_row(row.uid).global_key is None
    assert dataset.create_data_row(row_data="https://example.com/c", global_key="cleared").global_key == "cleared"


def test_the_key_of_a_deleted_row_is_free_at_once(client: Client, dataset: Any) -> None:
    dataset.create_data_row(row_data="https://example.com/f", global_key="freed").delete()
    assert dataset.create_data_row(row_data="https://example.com/f", global_key="freed").global_key == "freed"


def delete_and_hold(server: Any, dataset: Any, key: str, seconds: float) -> None:
    server.admin("POST", "switches", global_key_free_seconds=seconds)
    try:
        dataset.create_data_row(row_data="https://example.com/h", global_key=key).delete()
    finally:
        server.admin("POST", "switches", global_key_free_seconds=0)


def test_the_key_of_a_deleted_row_may_be_held(server: Any, client: Client, dataset: Any) -> None:
    other = dataset.create_data_row(row_data="https://example.com/o", global_key="other")
    delete_and_hold(server, dataset, "held", 3600)
    assert client.get_data_row_ids_for_global_keys(["held"])["results"] == [""]
    with pytest.raises(ResourceCreationError, match="Duplicate global key: 'held'"):
        dataset.create_data_row(row_data="https://example.com/h", global_key="held")
    upserted = dataset.upsert_data_rows([{"key": GlobalKey("other"), "global_key": "held"}])
    upserted.wait_till_done()
    assert "Duplicate global key: 'held'" in str(upserted.errors)
    assigned = client.assign_global_keys_to_data_rows([{"data_row_id": other.uid, "global_key": "held"}])
    assert assigned["status"] == "FAILURE"
    with pytest.raises(ResourceConflict, match="Duplicate global key: 'held'"):
        other.update(global_key="held")


def test_a_held_key_is_free_in_the_end(server: Any, client: Client, dataset: Any) -> None:
    other = dataset.create_data_row(row_data="https://example.com/o")
    delete_and_hold(server, dataset, "soon", 0.5)
    wanted = [{"data_row_id": other.uid, "global_key": "soon"}]
    deadline = time.monotonic() + 60
    while client.assign_global_keys_to_data_rows(wanted)["status"] == "FAILURE":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert client.get_data_row(other.uid).global_key == "soon"
