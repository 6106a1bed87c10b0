"""What an export may say, and what Labelbox is asked for then."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.exports.request import ExportRequest
from labelbox_airflow.engine.exports.spec import FilterSpec, read_spec

PROJECT = {"project": "Receipts"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "give exactly one of project, dataset, slice, catalog, batch, model_run (given: none)"),
        ({"project": "a", "dataset": "b"}, "(given: project, dataset)"),
        ({"project": {"id": "a", "name": "b"}}, "project: give exactly one of id or name (given: both)"),
        ({"batch": {"name": "b"}}, "batch.project: Field required"),
        ({**PROJECT, "filtres": {}}, "filtres: there is no such key. Did you mean 'filters'?"),
        (
            {**PROJECT, "filters": {"batch_ids": []}},
            "filters.batch_ids: there is no such key. Did you mean 'batches'?",
        ),
        ({**PROJECT, "include": ["label_detail"]}, "'label_detail' is not known. Did you mean 'label_details'?"),
        ({**PROJECT, "include": ["predictions"]}, "include: an export of a project has no predictions"),
        ({"slice": "s", "filters": {"global_keys": ["a"]}}, "filters: an export of a slice has no global_keys"),
        ({"dataset": "d", "filters": {"workflow_status": "Done"}}, "an export of a dataset has no workflow_status"),
        ({**PROJECT, "filters": {"workflow_status": "done"}}, "'done' is not known. Did you mean 'Done'?"),
        ({**PROJECT, "projects": ["p"]}, "projects: an export of a project has its own labels only"),
        ({"dataset": "d", "projects": [str(n) for n in range(31)]}, "projects: 31 are named; Labelbox takes 1 to 30"),
        ({**PROJECT, "filters": {"last_activity": {}}}, "filters.last_activity: give since, until or both"),
        (
            {**PROJECT, "filters": {"last_activity": {"since": "1 May"}}},
            "filters.last_activity.since: '1 May' is no date or time; write it as 2026-01-31",
        ),
        (
            {**PROJECT, "filters": {"label_created": {"since": 1767225600}}},
            "filters.label_created.since: '1767225600' is no date or time",
        ),
        (
            {**PROJECT, "filters": {"label_created": {"since": "2026-02-01", "until": "2026-01-31"}}},
            "until (2026-01-31 00:00:00Z) is before since (2026-02-01 00:00:00Z)",
        ),
        ({**PROJECT, "filters": {"global_keys": ["a"], "data_row_ids": ["b"]}}, "give global_keys or data_row_ids"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_spec(given, "task 'export'")
    assert message in str(caught.value)
    assert str(caught.value).startswith("task 'export': ")


@pytest.mark.parametrize(
    ("moment", "sent"),
    [
        ("2026-05-23T14:30:00+05:30", "2026-05-23T09:00:00+0000"),  # the SDK sends 14:30 UTC
        ("2026-05-23 14:30:00", "2026-05-23T14:30:00+0000"),
        ("2026-05-23", "2026-05-23T00:00:00+0000"),
        (datetime(2026, 5, 23, 14, 30, 0, 250_000, tzinfo=UTC), "2026-05-23T14:30:00+0000"),
    ],
)
def test_moments_are_sent_in_utc(moment: Any, sent: str) -> None:
    request = ExportRequest("project", "p", FilterSpec.model_validate({"last_activity": {"since": moment}}))
    (export,) = request.wire()
    (condition,) = export.input["filters"]["searchQuery"]["query"]
    assert condition == {
        "type": "data_row_last_activity_at",
        "value": {"operator": "GREATER_THAN_OR_EQUAL", "timezone": "UTC", "value": sent},
    }


def test_a_fraction_of_a_second_at_the_end_takes_the_whole_second() -> None:
    period = {"since": "2026-05-23T14:30:00.9Z", "until": "2026-05-23T14:30:59.1Z"}
    (export,) = ExportRequest("project", "p", FilterSpec.model_validate({"label_created": period})).wire()
    (condition,) = export.input["filters"]["searchQuery"]["query"]
    assert condition["value"]["value"] == {"min": "2026-05-23T14:30:00+0000", "max": "2026-05-23T14:31:00+0000"}


def test_no_key_asks_for_nothing_rather_than_for_everything() -> None:
    assert list(ExportRequest("dataset", "d", FilterSpec(global_keys=())).wire()) == []
