"""Airflow's pages, as far as a data engineer goes with a sync."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from playwright.sync_api import Locator, Page, expect

Reprocess = Literal["Missing Runs", "Missing and Errored Runs", "All Runs"]


def log_in(page: Page, password: str) -> None:
    """Open Airflow and log in."""
    page.goto("/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Welcome")).to_be_visible()


def dialog_of(page: Page, title: str) -> Locator:
    """Return the dialog whose heading begins with the title."""
    return page.get_by_role("dialog").filter(has=page.get_by_role("heading", name=re.compile(f"^{title}")))


def open_trigger_form(page: Page, dag: str) -> Locator:
    """Open the trigger form of a DAG and return the dialog."""
    page.goto(f"/dags/{dag}")
    page.get_by_role("button", name="Trigger").first.click()
    dialog = dialog_of(page, "Trigger Dag")
    expect(dialog.get_by_text("Run Parameters")).to_be_visible()
    return dialog


def choose_moment(page: Page, field: Locator, day: str) -> None:
    """Enter a day, such as 2026-01-05, at midnight UTC, in a field for date and time."""
    field.click()
    page.get_by_placeholder("YYYY/MM/DD").fill(day.replace("-", "/"))
    page.get_by_placeholder("HH:mm").fill("00:00")
    page.get_by_placeholder("HH:mm").press("Tab")
    page.keyboard.press("Escape")
    expect(page.get_by_placeholder("YYYY/MM/DD")).to_be_hidden()


def fill_backfill(
    page: Page, dag: str, first: str, last: str, *, reprocess: Reprocess = "Missing Runs", at_once: int = 1
) -> Locator:
    """Fill in a backfill of whole days and return the dialog."""
    dialog = open_trigger_form(page, dag)
    dialog.get_by_text("Backfill", exact=True).click()
    dialog = dialog_of(page, "Run Backfill")
    for day in (first, last):
        # The first of the fields that are still empty.
        choose_moment(page, dialog.get_by_text("Select date and time").first, day)
    dialog.get_by_text(reprocess, exact=True).click()
    dialog.locator("input[name=max_active_runs]").fill(str(at_once))
    return dialog


def start_backfill(page: Page, dialog: Locator) -> None:
    """Start the backfill that was filled in, and see that Airflow took it."""
    button = dialog.get_by_role("button", name="Run Backfill")
    expect(button).to_be_enabled()
    button.click()
    expect(dialog).to_be_hidden()
    page.goto("about:blank")  # which asks for nothing while the runs need the machine


def fields(dialog: Locator) -> Mapping[str, str]:
    """Return the named fields of a form that can be seen, with their values."""
    found = dialog.locator("input[name], textarea[name]")
    return {each.get_attribute("name") or "": each.input_value() for each in found.all() if each.is_visible()}


def widen_grid(page: Page) -> None:
    """Give the grid of a DAG's page more room."""
    page.mouse.move(315, 600)
    page.mouse.down()
    page.mouse.move(460, 600, steps=5)
    page.mouse.up()


def open_log(page: Page, dag: str, run_id: str, task: str, says: str) -> None:
    """Open the log of a task and see that it says something."""
    page.goto(f"/dags/{dag}/runs/{run_id}/tasks/{task}")
    expect(page.get_by_role("code").filter(has_text=says).first).to_be_visible()
