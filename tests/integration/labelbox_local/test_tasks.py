"""Tasks, exports, planned faults and the life of the server."""

from __future__ import annotations

import os
import signal
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from labelbox.schema.export_task import StreamType
from labelbox.schema.taskstatus import TaskStatus
from lbox.exceptions import (
    ApiLimitError,
    AuthenticationError,
    InvalidQueryError,
    LabelboxError,
    MalformedQueryException,
    NetworkError,
    ResourceNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from labelbox import Client


def rows(count: int, prefix: str = "row") -> list[dict[str, Any]]:
    return [{"row_data": f"https://example.com/{n}", "global_key": f"{prefix}-{n}"} for n in range(count)]


def exported(dataset: Any, **filters: Any) -> list[dict[str, Any]]:
    params = {"attachments": True, "metadata_fields": True, "data_row_details": True}
    task = dataset.export(filters=filters or None, params=params)
    task.wait_till_done()
    return [output.json for output in task.get_buffered_stream()] if task.has_result() else []


def test_a_task_is_found_by_id_and_takes_its_time(server: Any, client: Client, dataset: Any) -> None:
    server.admin("POST", "switches", task_seconds=1)
    try:
        task = dataset.upsert_data_rows(rows(3, "slow"))
        assert client.get_task_by_id(task.uid).status == "IN_PROGRESS"
        task.wait_till_done(timeout_seconds=600)
    finally:
        server.admin("POST", "switches", task_seconds=0)
    again = client.get_task_by_id(task.uid)
    assert (again.status, again.completion_percentage, again.type) == ("COMPLETE", 100, "adv-upsert-data-rows")
    assert len(again.result) == 3
    answer = httpx.get(again.result_url).json()
    assert (len(answer["createdDataRows"]), answer["errors"]) == (3, [])
    with pytest.raises(ResourceNotFoundError):
        client.get_task_by_id("c" * 25)


def test_a_task_can_be_cancelled(server: Any, client: Client, dataset: Any) -> None:
    server.admin("POST", "switches", task_seconds=3)
    try:
        task = dataset.upsert_data_rows(rows(3, "cancel"))
        assert client.cancel_task(task.uid) is True
        deadline = time.monotonic() + 30
        while client.get_task_by_id(task.uid).status == "CANCELLING" and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        server.admin("POST", "switches", task_seconds=0)
    assert client.get_task_by_id(task.uid).status_as_enum == TaskStatus.Canceled
    assert client.get_dataset(dataset.uid).row_count == 0


def test_too_many_rows_in_one_task_are_a_malformed_request(server: Any, dataset: Any) -> None:
    server.admin("POST", "switches", rows_per_task=2)
    try:
        with pytest.raises(MalformedQueryException, match="at most 2"):
            dataset.upsert_data_rows(rows(3, "many"))
    finally:
        server.admin("POST", "switches", rows_per_task=150_000)


def test_an_export_has_the_documented_shape(dataset: Any) -> None:
    item = {
        "row_data": "https://example.com/ä.jpg",
        "global_key": "export-ä",
        "external_id": "e",
        "metadata_fields": [{"name": "tag", "value": "grün"}, {"name": "split", "value": "train"}],
        "attachments": [{"type": "RAW_TEXT", "value": "words", "name": "note"}],
    }
    created = dataset.create_data_row(item)
    [row] = exported(dataset)
    details = row["data_row"].pop("details")
    assert row["data_row"] == {
        "id": created.uid,
        "global_key": "export-ä",
        "external_id": "e",
        "row_data": "https://example.com/ä.jpg",
    }
    assert details["dataset_id"] == dataset.uid
    assert datetime.fromisoformat(details["last_activity_at"]).tzinfo is not None
    assert {field["schema_name"]: field["value"] for field in row["metadata_fields"]} == {
        "tag": "grün",
        "split": [{"schema_id": "cko8sbscr0003h2dk04w86hof", "schema_name": "train"}],
    }
    [attachment] = row["attachments"]
    assert (attachment["type"], attachment["value"], attachment["name"]) == ("RAW_TEXT", "words", "note")


def test_an_export_comes_in_pieces_that_fit_exactly(server: Any, dataset: Any) -> None:
    dataset.create_data_rows(rows(1_000, "piece")).wait_till_done()
    server.admin("POST", "switches", export_chunk_bytes=10_000)
    try:
        task = dataset.export()
        task.wait_till_done()
    finally:
        server.admin("POST", "switches", export_chunk_bytes=5_000_000)
    found = [output.json["data_row"]["global_key"] for output in task.get_buffered_stream()]
    assert found == [f"piece-{n}" for n in range(1_000)] or sorted(found) == sorted(f"piece-{n}" for n in range(1_000))
    assert task.get_total_lines(StreamType.RESULT) == 1_000
    assert task.has_errors() is False


def test_an_export_is_filtered_by_key_id_and_activity(client: Client, dataset: Any) -> None:
    dataset.create_data_rows(rows(5, "filter")).wait_till_done()
    assert [row["data_row"]["global_key"] for row in exported(dataset, global_keys=["filter-3"])] == ["filter-3"]
    row_id = client.get_data_row_ids_for_global_keys(["filter-1"])["results"][0]
    assert [row["data_row"]["id"] for row in exported(dataset, data_row_ids=[row_id])] == [row_id]
    past, future = "2000-01-01 00:00:00", (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S")
    assert len(exported(dataset, last_activity_at=[past, future])) == 5
    assert len(exported(dataset, last_activity_at=[past, None])) == 5
    assert exported(dataset, last_activity_at=[None, past]) == []


def test_an_empty_export_has_no_stream(dataset: Any) -> None:
    task = dataset.export()
    task.wait_till_done()
    assert task.status == "COMPLETE"
    assert task.has_result() is False
    with pytest.raises(ValueError, match="RESULT"):
        task.get_buffered_stream()


def test_calls_are_counted_by_operation(server: Any, client: Client) -> None:
    server.admin("DELETE", "calls")
    client.get_organization()
    client.create_dataset(name="counted", iam_integration=None).delete()
    calls = server.admin("GET", "calls")
    assert calls["operations"] == {"GetOrganizationPyApi": 1, "CreateDatasetPyApi": 1, "deleteDatasetPyApi": 1}
    assert (calls["read"], calls["write"]) == (1, 2)


@pytest.mark.usefixtures("fresh_faults")
def test_a_planned_status_is_answered_as_often_as_planned(server: Any, client: Client) -> None:
    server.admin("POST", "faults", operation="GetOrganizationPyApi", status=429, retry_after=3, times=2)
    answer = server.graphql("query GetOrganizationPyApi{organization{id}}")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    with pytest.raises(ApiLimitError):
        client.get_organization()
    assert client.get_organization().name


@pytest.mark.usefixtures("fresh_faults")
@pytest.mark.parametrize(("effect", "made"), [("before", 0), ("after", 1)])
def test_a_cut_connection_comes_before_or_after_the_effect(server: Any, client: Client, effect: str, made: int) -> None:
    from labelbox import Dataset

    server.admin("POST", "faults", operation="createDataset", effect=effect)
    with pytest.raises(NetworkError):
        client.create_dataset(name=f"cut {effect}", iam_integration=None)
    assert len(list(client.get_datasets(where=Dataset.name == f"cut {effect}"))) == made


@pytest.mark.usefixtures("fresh_faults")
def test_tasks_can_be_made_to_stay_fail_or_drop_rows(server: Any, client: Client, dataset: Any) -> None:
    server.admin("POST", "faults", operation="UpsertDataRowsPyApi", task="stuck")
    stuck = dataset.upsert_data_rows(rows(3, "stuck"))
    server.admin("POST", "faults", operation="upsertDataRows", task="failed")
    failed = dataset.upsert_data_rows(rows(3, "failed"))
    failed.wait_till_done()
    assert failed.status == "FAILED"
    server.admin("POST", "faults", operation="upsertDataRows", task="drop_rows")
    dropped = dataset.upsert_data_rows(rows(20, "dropped"))
    dropped.wait_till_done()
    assert dropped.status == "COMPLETE"
    assert (len(dropped.result), len(dropped.errors)) == (18, 2)
    assert "will not be imported" in dropped.errors[0]["message"]
    assert client.get_task_by_id(stuck.uid).status == "IN_PROGRESS"
    assert client.cancel_task(stuck.uid) is True
    assert client.get_task_by_id(stuck.uid).status == "CANCELED"


def test_a_planned_fault_with_an_unknown_word_is_refused(server: Any) -> None:
    answer = httpx.post(f"{server.base}/admin/faults", json={"operation": "x", "task": "sleepy"})
    assert answer.status_code == 400
    assert "sleepy" in answer.json()["message"]


@pytest.mark.parametrize(
    "query",
    [
        "query {organization{id nothing}}",
        "query {organization{id",
        "query {dataset{id}}",
        'query {dataset(where: {id: "x", size: 3}){id}}',
        "query A($x: Int!){organization{id}}",
    ],
)
def test_a_bad_query_is_an_invalid_query(client: Client, query: str) -> None:
    with pytest.raises(InvalidQueryError):
        client.execute(query)


def test_an_unknown_manifest_is_malformed(client: Client) -> None:
    with pytest.raises(MalformedQueryException, match="not found"):
        client.execute(
            "mutation UpsertDataRowsPyApi($m: String!){upsertDataRows(data:{manifestUri:$m}){id}}",
            {"m": "http://127.0.0.1/uploads/nothing"},
        )


def test_a_chunk_that_is_no_json_fails_its_task(client: Client) -> None:
    import json

    chunk = client.upload_data(b"[{", filename="c", content_type="application/json")
    manifest = json.dumps({"source": "SDK", "item_count": 1, "chunk_uris": [chunk]}).encode()
    uri = client.upload_data(manifest, filename="m", content_type="application/json")
    answer = client.execute(
        "mutation UpsertDataRowsPyApi($m: String!){upsertDataRows(data:{manifestUri:$m}){id}}", {"m": uri}
    )
    task = client.get_task_by_id(answer["upsertDataRows"]["id"])
    task.wait_till_done()
    assert task.status == "FAILED"


def test_rest_of_what_is_not_there_is_a_json_answer(client: Client) -> None:
    with pytest.raises((LabelboxError, ResourceNotFoundError)):
        client.delete_unused_ontology("c" * 25)


def test_data_survive_a_restart(start: Callable[..., Any]) -> None:
    first = start()
    client = first.client()
    dataset = client.create_dataset(name="kept", iam_integration=None)
    dataset.create_data_rows(rows(5, "kept")).wait_till_done()
    first.admin("POST", "faults", operation="upsertDataRows", task="stuck")
    stuck = dataset.upsert_data_rows(rows(1, "stuck"))
    embedding = client.create_embedding("kept", 4)
    user = client.get_user().uid
    assert first.stop() == 0
    assert len(first.lines) == 1

    second = start()
    client = second.client()
    again = client.get_dataset(dataset.uid)
    assert (again.name, again.row_count) == ("kept", 5)
    assert client.get_user().uid == user
    assert embedding.id in [each.id for each in client.get_embeddings()]
    assert client.get_task_by_id(stuck.uid).status == "IN_PROGRESS"
    assert exported(again)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_import_that_was_cut_off_goes_on_at_the_next_start(start: Callable[..., Any], how: signal.Signals) -> None:
    first = start()
    client = first.client()
    dataset = client.create_dataset(name="cut", iam_integration=None)
    task = dataset.upsert_data_rows(rows(30_000, "cut"))
    while not client.get_dataset(dataset.uid).row_count:
        time.sleep(0.01)
    os.kill(first.process.pid, how)
    first.process.wait(timeout=30)

    client = start().client()
    again = client.get_task_by_id(task.uid)
    again.wait_till_done(timeout_seconds=600)
    assert again.status == "COMPLETE"
    assert again.errors is None
    assert len(again.result) == client.get_dataset(dataset.uid).row_count == 30_000


def test_only_the_given_key_is_accepted(start: Callable[..., Any]) -> None:
    server = start("--api-key", "right")
    assert server.client("right").get_organization().name
    with pytest.raises(AuthenticationError):
        server.client("wrong").get_organization()
    assert server.graphql("{organization{id}}", Accept="application/json").status_code == 401
    assert httpx.get(f"{server.base}/admin/calls").status_code == 401
    wrong = {"Authorization": "Bearer wrong"}
    assert httpx.get(f"{server.base}/adv/adv/v1/embeddings/x/vectors/_count", headers=wrong).status_code == 401


def test_two_servers_cannot_share_a_directory(start: Callable[..., Any]) -> None:
    start()
    with pytest.raises(RuntimeError, match="2"):
        start()


@pytest.mark.parametrize("switch", ["nothing=1", "task_seconds=long", "upsert_unknown_key=maybe", "task_seconds"])
def test_a_wrong_switch_is_refused(start: Callable[..., Any], switch: str) -> None:
    with pytest.raises(RuntimeError, match="2"):
        start("--switch", switch)


def test_the_server_answers_while_an_import_runs(client: Client, dataset: Any) -> None:
    task = dataset.upsert_data_rows(rows(20_000, "busy"))
    answered = 0
    waiter = threading.Thread(target=task.wait_till_done, kwargs={"timeout_seconds": 600})
    waiter.start()
    while waiter.is_alive():
        client.create_dataset(name="while busy", iam_integration=None).delete()
        answered += 1
    assert answered > 0
    assert task.status == "COMPLETE"
