"""Global key jobs through the unmodified SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
