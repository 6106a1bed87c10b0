"""Faults on purpose and the limits of plans, as the unmodified SDK meets them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from labelbox import Client, DataRow, Dataset
from labelbox.schema.data_row_metadata import DataRowMetadataKind
from lbox.exceptions import ApiLimitError, MalformedQueryException
from tests.integration.labelbox_local.conftest import Server, done, make_rows
from tests.integration.labelbox_local.labeling import make_image_labeling

pytestmark = pytest.mark.usefixtures("fresh_faults")
ASK = "query GetOrganizationPyApi{organization{id}}"


def test_a_rate_strikes_the_same_calls_of_each_run(server: Server) -> None:
    def statuses() -> list[int]:
        server.admin("DELETE", "faults")
        server.admin("POST", "faults", operation="organization", rate=0.4, seed=3, status=502)
        return [server.graphql(ASK).status_code for _ in range(30)]

    first = statuses()
    assert set(first) == {200, 502}
    assert statuses() == first


def test_a_plan_in_a_file_holds_from_the_start(start: Callable[..., Server], tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("faults: [{operation: organization, status: 429, retry_after: 3, times: 2}]")
    server = start("--faults", str(plan))
    answer = server.graphql(ASK)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    with pytest.raises(ApiLimitError):
        server.client().get_organization()
    assert server.client().get_organization().name


def test_a_wrong_plan_starts_no_server(
    start: Callable[..., Server], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text("[{operation: organization, status: 418}]")
    with pytest.raises(RuntimeError, match="2"):
        start("--faults", str(plan))
    assert "plan.yaml: faults[0]: status: 418" in capfd.readouterr().err


@pytest.mark.parametrize(("effect", "made"), [("before", 0), ("after", 1)])
def test_an_answer_that_never_comes_is_a_time_out(server: Server, client: Client, effect: str, made: int) -> None:
    server.admin("POST", "faults", operation="createDataset", delay_seconds="never", effect=effect)
    create = f'mutation CreateDatasetPyApi{{createDataset(data: {{name: "late {effect}"}}) {{id}}}}'
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(server.url, json={"query": create}, headers={"Authorization": "Bearer any-key"}, timeout=0.5)
    assert len(list(client.get_datasets(where=Dataset.name == f"late {effect}"))) == made


def test_the_sdk_sends_again_what_was_late_and_so_makes_it_twice(server: Server, client: Client) -> None:
    server.admin("POST", "faults", operation="createDataset", delay_seconds=30, effect="after")
    send = client.connection.send
    client.connection.send = lambda request, **options: send(request, **{**options, "timeout": 0.5})
    try:
        client.create_dataset(name="twice", iam_integration=None)
    finally:
        client.connection.send = send
    assert len(list(client.get_datasets(where=Dataset.name == "twice"))) == 2


def test_a_delayed_call_is_answered_rightly(server: Server, client: Client) -> None:
    server.admin("POST", "faults", operation="organization", delay_seconds=0.3)
    began = time.monotonic()
    assert client.get_organization().name
    assert time.monotonic() - began >= 0.3


def test_a_download_may_trickle_and_is_whole(server: Server, dataset: Any) -> None:
    [key] = make_rows(dataset, 1)
    task = done(dataset.export())
    server.admin("POST", "faults", operation="downloadExport", bytes_per_second=1_000)
    assert [line.json["data_row"]["global_key"] for line in task.get_buffered_stream()] == [key]
    assert server.admin("GET", "faults") == []


def test_a_status_file_may_have_expired(server: Server, client: Client) -> None:
    labeling = make_image_labeling(client, rows=1)
    job = labeling.import_labels([labeling.box()])
    server.admin("POST", "faults", operation="downloadImportFile", expired=True)
    assert httpx.get(job.status_file_url).status_code == 403
    assert httpx.get(job.status_file_url).json()["status"] == "SUCCESS"


def test_requests_beyond_the_limit_of_a_minute_are_the_sdks_rate_error(server: Server, client: Client) -> None:
    server.admin("POST", "switches", requests_per_minute=1)
    try:
        answer = [server.graphql(ASK) for _ in range(2)][-1]
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        with pytest.raises(ApiLimitError, match="You have exceeded"):
            client.get_organization()
        server.admin("POST", "switches", retry_after_header="omit")
        assert "retry-after" not in server.graphql(ASK).headers
    finally:
        server.admin("POST", "switches", requests_per_minute=0, retry_after_header="send")


def test_a_free_plan_has_its_limits_and_a_switch_the_last_word(start: Callable[..., Server]) -> None:
    server = start("--plan", "free", "--switch", "projects=1", "--switch", "total_data_rows=2")
    client = server.client()
    fields = client.get_data_row_metadata_ontology()
    for number in range(5):
        fields.create_schema(f"field {number}", DataRowMetadataKind.string)
    with pytest.raises(MalformedQueryException, match="At most 5 custom metadata fields"):
        fields.create_schema("one more", DataRowMetadataKind.string)
    for number in range(25):
        client.create_ontology(f"ontology {number}", {"tools": [], "classifications": []})
    with pytest.raises(MalformedQueryException, match="At most 25 ontologies"):
        client.create_ontology("one more", {"tools": [], "classifications": []})
    dataset = client.create_dataset(name="full", iam_integration=None)
    make_rows(dataset, 2)
    with pytest.raises(MalformedQueryException, match="At most 2 total data rows"):
        dataset.create_data_rows([{"row_data": "https://example.com/1.jpg"}])
    assert server.admin("GET", "switches")["requests_per_minute"] == 1_500


def test_long_texts_and_many_attachments_fail_their_rows(server: Server, dataset: Dataset) -> None:
    notes = [{"type": "RAW_TEXT", "value": f"{n}"} for n in range(3)]
    server.admin("POST", "switches", row_data_characters=40, attachments_per_row=2)
    try:
        task = done(
            dataset.create_data_rows(
                [
                    {"row_data": "https://example.com/1.jpg", "external_id": "fits", "attachments": notes[:2]},
                    {"row_data": "x" * 41, "external_id": "long"},
                    {"row_data": "https://example.com/2.jpg", "external_id": "many", "attachments": notes},
                ]
            )
        )
    finally:
        server.admin("POST", "switches", row_data_characters=16_000_000, attachments_per_row=0)
    said = {row["failedDataRows"][0]["externalId"]: row["message"] for row in task.errors}
    assert said == {
        "long": "row_data has 41 characters, at most 40 are allowed",
        "many": "3 attachments; at most 2 are allowed",
    }
    assert [row["external_id"] for row in task.result] == ["fits"]


@pytest.mark.parametrize(("repeat", "count"), [("append", 2), ("ignore", 1)])
def test_an_equal_attachment_may_be_made_again_or_not(
    server: Server, client: Client, dataset: Any, repeat: str, count: int
) -> None:
    row: DataRow = client.get_data_row_by_global_key(make_rows(dataset, 1)[0])
    server.admin("POST", "switches", attachment_repeat=repeat)
    try:
        for _ in range(2):
            row.create_attachment("RAW_TEXT", "words", "note")
    finally:
        server.admin("POST", "switches", attachment_repeat="append")
    assert len(list(row.attachments())) == count
