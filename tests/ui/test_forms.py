"""What a user sees before anything runs: the login, the connection form, the trigger form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Browser, Page, expect
from tests.ui.conftest import Deployment
from tests.ui.pages import dialog_of, fields, open_trigger_form

Picture = Callable[[Page, str], None]


def test_only_the_password_of_this_stack_opens_it(browser: Browser, deployment: Deployment) -> None:
    context = browser.new_context(base_url=deployment.url)
    page = context.new_page()
    page.goto("/dags/receipts")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("admin")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Invalid")).to_be_visible()
    page.get_by_label("Password").fill(deployment.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{deployment.url}/dags/receipts")
    context.close()


def test_a_connection_is_made_in_our_form(page: Page, deployment: Deployment, picture: Picture) -> None:
    page.goto("/connections")
    page.get_by_role("button", name="Add Connection").click()
    dialog = dialog_of(page, "Add Connection")
    dialog.locator("input[name=connection_id]").fill("labelbox_second")
    dialog.get_by_role("combobox").click()
    page.get_by_role("option", name="Labelbox", exact=True).click()
    for label in ("GraphQL endpoint", "API key"):
        expect(dialog.get_by_text(label, exact=True)).to_be_visible()
    for label in ("Login", "Port", "Schema"):
        expect(dialog.get_by_text(label, exact=True)).to_be_hidden()
    dialog.locator("input[name=host]").fill(deployment.labelbox.endpoint)
    dialog.locator("input[name=password]").fill(deployment.labelbox.api_key)
    picture(page, "connection-form")
    dialog.get_by_text("Extra Fields", exact=True).click()
    for label in ("REST endpoint", "Timeout (seconds)", "Patience (seconds)"):
        expect(dialog.get_by_text(label, exact=True)).to_be_visible()
    assert fields(dialog)["element_timeout"] == "60"
    assert fields(dialog)["element_patience"] == "120"
    picture(page, "connection-form-extra")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name="labelbox_second")).to_be_visible()

    # Airflow 3.3.2 refuses its own button's test of a connection without a port, so the API is asked.
    made = deployment.airflow("connections/labelbox_second")
    tested = deployment.airflow("connections/test", body={"connection_id": "labelbox_second", "conn_type": "labelbox"})
    assert (made["conn_type"], made["host"]) == ("labelbox", deployment.labelbox.endpoint)
    assert tested["status"] is True, tested


def test_the_connections_of_the_stack_pass_their_test(page: Page) -> None:
    page.goto("/connections")
    for name in ("labelbox_default", "aws_default", "labelbox_ledger"):
        row = page.get_by_role("row", name=name)
        row.get_by_role("button", name="Test Connection").click()
        expect(page.get_by_text("Test Connection Success")).to_be_visible()
        page.reload()


def test_the_form_of_a_stored_connection_has_our_fields(page: Page, deployment: Deployment) -> None:
    page.goto("/connections")
    page.get_by_role("row", name="labelbox_default").get_by_role("button", name="Edit Connection").click()
    dialog = dialog_of(page, "Edit Connection")
    dialog.get_by_text("Extra Fields", exact=True).click()
    expect(dialog.get_by_text("Patience (seconds)", exact=True)).to_be_visible()
    found = fields(dialog)
    assert found["element_rest_endpoint"] == deployment.labelbox.rest_endpoint
    assert deployment.labelbox.api_key not in found.values()


def test_the_trigger_form_has_our_params_in_sections(page: Page, picture: Picture) -> None:
    dialog = open_trigger_form(page, "receipts")
    expect(dialog.get_by_role("combobox", name="Overwrite")).to_be_visible()
    expect(dialog.get_by_role("spinbutton", name="Row limit")).to_be_visible()
    for label in ("Dry run", "Show what would happen; write nothing."):
        expect(dialog.get_by_text(label).first).to_be_visible()
    expect(dialog.get_by_text("Only by newer rows")).to_be_visible()
    dialog.get_by_text("Window", exact=True).click()
    for label in ("Since", "Until", "Full refresh"):
        expect(dialog.get_by_text(label).first).to_be_visible()
    expect(dialog.get_by_text("Read what changed before this (exclusive).")).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 1000})
    picture(page, "trigger-form")


def test_what_the_trigger_form_says_is_what_runs(page: Page, deployment: Deployment) -> None:
    dialog = open_trigger_form(page, "receipts")
    dialog.locator("input[name=element_dry_run]").locator("xpath=..").click()
    dialog.locator("input[name=element_row_limit]").fill("5")
    before = runs(deployment)
    dialog.get_by_role("button", name="Trigger", exact=True).click()
    expect(dialog).to_be_hidden()
    (run,) = runs(deployment).keys() - before.keys()
    assert runs(deployment)[run]["conf"] == {
        "since": None, "until": None, "full_refresh": False, "overwrite": "newer", "dry_run": True, "row_limit": 5,
    }  # fmt: skip
    assert deployment.await_end("receipts", run) == "success"


def runs(deployment: Deployment) -> dict[str, Any]:
    found = deployment.airflow("dags/receipts/dagRuns")["dag_runs"]
    return {run["dag_run_id"]: run for run in found if run["run_type"] == "manual"}
