"""What a run reads, by the kind of run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.ledger import RunState
from labelbox_airflow.engine.window import Window
from labelbox_airflow.operators.runs import EPOCH, RunPlan, check_run_conf, is_dry_run, plan_run
from labelbox_airflow.syncs.dag import sync_params


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


DUE = day(10)


@dataclass
class DagRun:
    run_type: Any = "scheduled"
    run_after: datetime = DUE


def plan(
    run_type: Any = "scheduled",
    interval: tuple[datetime, datetime] | None = (day(9), day(10)),
    watermark: datetime | None = None,
    before: RunState | None = None,
    run_after: datetime = DUE,
    **params: Any,
) -> RunPlan:
    context: dict[str, Any] = {"dag_run": DagRun(run_type, run_after), "params": params}
    if interval is not None:
        context |= {"data_interval_start": interval[0], "data_interval_end": interval[1]}
    return plan_run(context, watermark, before)


def state(start: datetime | None, end: datetime | None) -> RunState:
    fields: dict[str, Any] = {"rows_read": 0, "rows_filtered": 0, "finished_at": None, "state": None}
    return RunState(started_at=day(1), window_start=start, window_end=end, spec_hash="", **fields)


def test_the_first_scheduled_run_reads_its_interval() -> None:
    assert plan() == RunPlan(Window(day(9), day(10)), True, day(10))


def test_a_scheduled_run_goes_on_at_the_watermark() -> None:
    assert plan(watermark=day(5)) == RunPlan(Window(day(5), day(10)), True, day(10))


@pytest.mark.parametrize("watermark", [day(10), day(20)])
def test_a_run_whose_interval_is_done_reads_it_again(watermark: datetime) -> None:
    assert plan(watermark=watermark).window == Window(day(9), day(10))


@pytest.mark.parametrize("run_type", ["manual", "asset_triggered", "operator_triggered"])
def test_a_run_without_an_interval_goes_up_to_when_it_was_due(run_type: str) -> None:
    assert plan(run_type, None).window == Window(EPOCH, day(10))
    assert plan(run_type, None, watermark=day(5)) == RunPlan(Window(day(5), day(10)), True, day(10))


@pytest.mark.parametrize("interval", [None, (day(10), day(10))])
def test_a_run_that_others_overtook_has_nothing_left_to_read(interval: Any) -> None:
    assert plan("asset_triggered", interval, watermark=day(11)).window == Window(day(10), day(10))


def test_the_first_run_by_hand_reads_everything_though_its_interval_is_empty() -> None:
    """Airflow gives runs of a DAG without schedule an interval of no length."""
    assert plan("manual", (day(10), day(10))).window == Window(EPOCH, day(10))


def run_types() -> list[Any]:
    from airflow.sdk.api.datamodels._generated import DagRunType as TaskRunType
    from airflow.utils.types import DagRunType as ServerRunType

    return ["backfill", TaskRunType("backfill"), ServerRunType("backfill")]


@pytest.mark.parametrize("run_type", run_types(), ids=["text", "task SDK", "server"])
def test_a_backfill_reads_its_interval_alone_and_leaves_the_watermark(run_type: Any) -> None:
    expected = RunPlan(Window(day(2), day(3)), False, day(3))
    assert plan(run_type, (day(2), day(3)), watermark=day(1)) == expected
    assert plan(run_type, (day(2), day(3)), watermark=day(9)) == expected
    assert plan(run_type, (day(2), day(3))) == expected


def test_a_cleared_run_reads_what_it_read_before() -> None:
    before = state(day(3), day(10))
    assert plan(watermark=day(10), before=before) == RunPlan(Window(day(3), day(10)), True, day(10))
    assert plan("asset_triggered", None, watermark=day(12), before=before).window == Window(day(3), day(10))
    assert plan("backfill", (day(9), day(10)), before=before).moves_watermark is False


def test_a_cleared_full_refresh_is_one_again() -> None:
    assert plan(before=state(None, day(10)), full_refresh=True) == RunPlan(None, True, day(10))


def test_a_full_refresh_reads_everything_and_moves_the_watermark() -> None:
    assert plan("manual", None, watermark=day(5), full_refresh=True) == RunPlan(None, True, day(10))
    assert plan("backfill", (day(2), day(3)), full_refresh=True) == RunPlan(None, False, day(3))


@pytest.mark.parametrize("run_type", ["manual", "scheduled", "backfill"])
def test_since_and_until_are_read_exactly(run_type: str) -> None:
    asked: dict[str, Any] = {"since": "2026-03-01", "until": "2026-03-02T12:00+02:00"}
    expected = RunPlan(Window(day(1), day(2) + timedelta(hours=10)), False, day(2) + timedelta(hours=10))
    assert plan(run_type, watermark=day(5), before=state(day(3), day(4)), full_refresh=True, **asked) == expected


def test_since_alone_goes_up_to_when_the_run_was_due_and_until_alone_begins_at_the_beginning() -> None:
    assert plan("manual", None, since="2026-03-04T00:00:00Z").window == Window(day(4), day(10))
    assert plan("manual", None, until="2026-03-04T00:00:00Z").window == Window(EPOCH, day(4))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"since": "2026-03-02", "until": "2026-03-02"}, "is empty"),
        ({"since": "2026-03-03", "until": "2026-03-02"}, "is empty"),
        ({"since": "2027-01-01"}, "is empty"),
        ({"since": "yesterday"}, "since = 'yesterday' is no date"),
        ({"until": "31.12.2026"}, r"until = '31\.12\.2026' is no date"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        plan("manual", None, **params)


def test_a_row_limit_and_a_dry_run_leave_the_watermark() -> None:
    limited = plan(row_limit=100)
    assert (limited.row_limit, limited.moves_watermark) == (100, False)
    dry = plan(dry_run=True)
    assert (dry.dry_run, dry.moves_watermark, dry.window) == (True, False, Window(day(9), day(10)))
    assert plan(row_limit=100, full_refresh=True).moves_watermark is False
    assert plan(row_limit=None).row_limit is None


def test_overwrite_is_newer_unless_told() -> None:
    assert plan().overwrite == "newer"
    assert plan(overwrite=None).overwrite == "newer"
    assert plan(overwrite="always", since="2026-03-01").overwrite == "always"


def test_times_of_every_zone_and_none_are_utc() -> None:
    berlin = timezone(timedelta(hours=1))
    start, end = datetime(2026, 3, 9), datetime(2026, 3, 10, 1, tzinfo=berlin)
    assert plan(interval=(start, end)).window == Window(day(9), day(10))
    assert plan("manual", None, run_after=end).end == day(10)


def test_pendulum_times_become_plain_ones() -> None:
    import pendulum

    planned = plan(interval=(pendulum.datetime(2026, 3, 9), pendulum.datetime(2026, 3, 10)))
    assert planned.window is not None
    assert type(planned.end) is type(planned.window.start) is datetime


def test_a_dry_run_is_told_by_its_param() -> None:
    assert is_dry_run({"params": {"dry_run": True}})
    assert not is_dry_run({"params": None})
    assert not is_dry_run({})


@pytest.mark.parametrize(
    ("key", "meant"), [("dryrun", "dry_run"), ("Since", "since"), ("full-refresh", "full_refresh")]
)
def test_a_mistyped_param_does_not_become_a_real_run(key: str, meant: str) -> None:
    context = {"dag": SimpleNamespace(params=sync_params()), "dag_run": SimpleNamespace(conf={key: True})}
    with pytest.raises(ConfigurationError, match=rf"'{key}' is no param of this DAG\. Did you mean '{meant}'"):
        check_run_conf(context)


def test_conf_of_others_is_left_alone() -> None:
    for conf in (None, {}, {"ticket": 7}, {"dry_run": True}):
        check_run_conf({"dag": SimpleNamespace(params=sync_params()), "dag_run": SimpleNamespace(conf=conf)})
