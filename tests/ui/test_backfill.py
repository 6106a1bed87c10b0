"""Backfills from the browser: three days equal one load, runs overlap, runs are done again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from tests.local_stack import wait_until
from tests.ui.conftest import Deployment
from tests.ui.pages import choose_moment, fill_backfill, open_log, open_trigger_form, start_backfill, widen_grid

pytestmark = pytest.mark.timeout(1800)
DAYS = ("2026-01-05", "2026-01-06", "2026-01-07")
DAY_AFTER = "2026-01-08"
IDS = [f"{number:04d}" for number in range(1, 13)]
Picture = Callable[[Page, str], None]


def row(number: int, day: str, **changes: Any) -> dict[str, Any]:
    """Return a row of the table as it was written on a day."""
    made = {
        "id": f"{number:04d}",
        "image": f"images/{number:04d}.png",
        "country": ("DE", "FR", "PL")[number % 3],
        "total": number * 1.5,
        "note": f"Receipt {number}, of {day}",
        "updated_at": f"{day}T{number:02d}:00:00Z",
    }
    return made | changes


def three_days() -> list[dict[str, Any]]:
    """Return twelve rows of three days, two of which are corrected on the last one."""
    first = date.fromisoformat(DAYS[0])
    rows = [row(number, str(first + timedelta(days=number % 3))) for number in range(1, 13)]
    corrections = [row(1, DAYS[2], total=99.5, country="NL"), row(3, DAYS[2], note="Written anew")]
    return [*rows, *corrections]


def load_in_one(page: Page, deployment: Deployment, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Load the rows by one run of the trigger form; return what the dataset `photos_loaded` then holds."""
    deployment.put_table("photos_loaded", rows)
    dialog = open_trigger_form(page, "photos_loaded")
    dialog.get_by_text("Window", exact=True).click()
    for day in (DAYS[0], DAY_AFTER):
        choose_moment(page, dialog.get_by_text("Select date and time").first, day)
    dialog.get_by_role("button", name="Trigger", exact=True).click()
    expect(dialog).to_be_hidden()
    page.goto("about:blank")
    runs = deployment.airflow("dags/photos_loaded/dagRuns?order_by=-run_after")["dag_runs"]
    run = next(run for run in runs if run["run_type"] == "manual")
    assert deployment.await_end("photos_loaded", run["dag_run_id"]) == "success"
    open_log(page, "photos_loaded", run["dag_run_id"], "report", "of 14 rows read")
    return deployment.content("photos_loaded")


def test_three_days_of_backfill_are_equal_to_one_load(page: Page, deployment: Deployment, picture: Picture) -> None:
    deployment.put_table("photos", three_days())
    dialog = fill_backfill(page, "photos", DAYS[0], DAYS[2])
    picture(page, "backfill-form")
    start_backfill(page, dialog)
    states = wait_until(lambda: deployment.ended("photos", DAYS), 900)
    assert states == dict.fromkeys(DAYS, "success")

    runs = deployment.runs("photos")
    counts = [deployment.counts("photos", runs[day]["dag_run_id"]) for day in DAYS]
    assert counts == [
        {"read": 4, "created": 4},
        {"read": 4, "created": 4},
        {"read": 6, "created": 4, "updated": 2},
    ]
    page.goto("/dags/photos/backfills")
    expect(page.get_by_role("row").nth(1)).to_contain_text("Missing Runs")
    open_log(page, "photos", runs[DAYS[2]]["dag_run_id"], "extract", "6 rows read")
    open_log(page, "photos", runs[DAYS[2]]["dag_run_id"], "report", "of 6 rows read")
    picture(page, "report-log")

    page.goto("/dags/photos/runs")
    expect(page.get_by_role("row").filter(has_text="Backfill")).to_have_count(len(DAYS))
    widen_grid(page)
    picture(page, "runs")

    loaded = load_in_one(page, deployment, three_days())
    assert sorted(loaded) == IDS
    assert deployment.content("photos") == loaded
    assert loaded["0001"]["metadata"] == {"country": "NL", "total": 99.5}
    assert loaded["0003"]["attachments"] == [("RAW_TEXT", "note", "Written anew")]


def test_a_backfill_beside_the_schedule_and_a_run_by_hand(page: Page, deployment: Deployment) -> None:
    deployment.put_table("photos_overlapping", three_days())
    deployment.labelbox.admin("POST", "switches", {"task_seconds": 8})  # so that uploads are still under way
    dialog = fill_backfill(page, "photos_overlapping", DAYS[0], DAYS[2], at_once=3)
    start_backfill(page, dialog)  # which also unpauses the DAG, so that its schedule makes a run
    by_hand = deployment.airflow(
        "dags/photos_overlapping/dagRuns",
        body={"logical_date": None, "conf": {"since": f"{DAYS[0]}T00:00:00Z", "until": f"{DAY_AFTER}T00:00:00Z"}},
    )["dag_run_id"]
    together = wait_until(lambda: active(deployment, "photos_overlapping"), 900)
    states = wait_until(lambda: deployment.ended("photos_overlapping", DAYS), 900)
    deployment.labelbox.admin("POST", "switches", {"task_seconds": 0})

    assert together >= 2
    assert states == dict.fromkeys(DAYS, "success")
    assert deployment.await_end("photos_overlapping", by_hand) == "success"
    runs = [by_hand, *(run["dag_run_id"] for run in deployment.runs("photos_overlapping").values())]
    counts = [deployment.counts("photos_overlapping", run) for run in runs]
    assert sum(each["read"] for each in counts) == 2 * len(three_days())
    assert all(sum(count for name, count in each.items() if name != "read") == each["read"] for each in counts)
    assert sum(each.get("created", 0) for each in counts) == len(IDS)
    content = deployment.content("photos_overlapping")
    assert sorted(content) == IDS
    assert content["0001"]["metadata"] == {"country": "NL", "total": 99.5}
    assert content["0003"]["attachments"] == [("RAW_TEXT", "note", "Written anew")]


def active(deployment: Deployment, dag: str) -> int | None:
    """Return how many runs are running, once there are several."""
    running: int = deployment.airflow(f"dags/{dag}/dagRuns?state=running")["total_entries"]
    return running if running >= 2 else None


def test_runs_are_done_again(page: Page, deployment: Deployment) -> None:
    # On the second day nothing had come, which the guard does not let pass.
    late = [each for each in three_days() if not each["updated_at"].startswith(DAYS[1])]
    deployment.put_table("photos_reprocessed", late)
    start_backfill(page, fill_backfill(page, "photos_reprocessed", DAYS[0], DAYS[2]))
    states = wait_until(lambda: deployment.ended("photos_reprocessed", DAYS), 900)
    assert states == {DAYS[0]: "success", DAYS[1]: "failed", DAYS[2]: "success"}
    run_ids = {day: run["dag_run_id"] for day, run in deployment.runs("photos_reprocessed").items()}
    tries = {day: deployment.tries("photos_reprocessed", run_ids[day]) for day in DAYS}

    # Airflow notes the end of a backfill some time after that of its runs, and takes no other before.
    wait_until(lambda: deployment.backfills_completed("photos_reprocessed"), 120)
    deployment.put_table("photos_reprocessed", three_days())
    again = fill_backfill(page, "photos_reprocessed", DAYS[0], DAYS[2], reprocess="Missing and Errored Runs")
    start_backfill(page, again)
    wait_until(lambda: deployment.ended("photos_reprocessed", DAYS) == dict.fromkeys(DAYS, "success"), 900)
    assert {day: run["dag_run_id"] for day, run in deployment.runs("photos_reprocessed").items()} == run_ids
    assert deployment.counts("photos_reprocessed", run_ids[DAYS[1]])["read"] == 4
    for day in (DAYS[0], DAYS[2]):
        assert deployment.tries("photos_reprocessed", run_ids[day]) == tries[day]
    assert sorted(deployment.content("photos_reprocessed")) == IDS

    await_backfills(deployment, "photos_reprocessed")
    late_evening = f"{DAYS[2]}T23:00:00Z"
    corrections = [row(number, DAYS[2], note="Corrected since", updated_at=late_evening) for number in (5, 8)]
    deployment.put_table("photos_reprocessed", [*three_days(), *corrections])
    deployment.client().get_data_row_by_global_key("photos_reprocessed/0005").delete()  # by mistake, in Labelbox
    start_backfill(page, fill_backfill(page, "photos_reprocessed", DAYS[0], DAYS[2], reprocess="All Runs"))
    wait_until(
        lambda: deployment.tries("photos_reprocessed", run_ids[DAYS[2]])["report"] > tries[DAYS[2]]["report"], 900
    )
    wait_until(lambda: deployment.ended("photos_reprocessed", DAYS) == dict.fromkeys(DAYS, "success"), 900)
    for day in DAYS:
        assert deployment.tries("photos_reprocessed", run_ids[day])["extract"] > tries[day]["extract"]
    counts = [deployment.counts("photos_reprocessed", run_ids[day]) for day in DAYS]
    assert [each["read"] for each in counts] == [4, 4, 8]
    assert (counts[2]["updated"], counts[2]["created"]) == (1, 1)
    content = deployment.content("photos_reprocessed")
    assert sorted(content) == IDS
    for number in ("0005", "0008"):
        assert content[number]["attachments"] == [("RAW_TEXT", "note", "Corrected since")]
    assert content["0001"]["metadata"] == {"country": "NL", "total": 99.5}


def await_backfills(deployment: Deployment, dag: str) -> None:
    """Wait until the scheduler has noticed that the backfills of a DAG are done; it allows one at a time."""
    wait_until(
        lambda: all(each["completed_at"] for each in deployment.airflow(f"backfills?dag_id={dag}")["backfills"]), 120
    )
