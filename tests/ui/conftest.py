"""A stack of `make up` with syncs of its own, and Chromium before it."""

from __future__ import annotations

import csv
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from include.local.directory import LocalDirectory
from playwright.sync_api import Browser, Page, expect, sync_playwright
from tests.local_stack import Stack, wait_until
from tests.ui.pages import log_in

from labelbox_local.stack import LocalLabelbox, ObjectStore

if TYPE_CHECKING:
    from labelbox import Client

ROOT = Path(__file__).resolve().parents[2]
BUCKET = "receipts"
SYNCS = ("photos", "photos_loaded", "photos_overlapping", "photos_reprocessed")
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Nothing of the browser's own is to look for the network.
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
expect.set_options(timeout=30_000)


@dataclass(frozen=True)
class Deployment:
    """The stack, and what a test asks of it beside the browser.

    :param airflow: calls Airflow's REST API
    """

    stack: Stack
    url: str
    password: str
    airflow: Callable[..., Any]
    store: ObjectStore
    labelbox: LocalLabelbox

    def put_table(self, sync: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store the table that a sync of `SYNCS` reads."""
        file = io.StringIO()
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        self.store.put(BUCKET, f"ui/{sync}.csv", file.getvalue().encode())

    def runs(self, dag: str, run_type: str = "backfill") -> dict[str, dict[str, Any]]:
        """Return the runs of a DAG by the day they read, such as 2026-01-05."""
        runs = self.airflow(f"dags/{dag}/dagRuns")["dag_runs"]
        return {(run["data_interval_start"] or "")[:10]: run for run in runs if run["run_type"] == run_type}

    def ended(self, dag: str, days: Sequence[str]) -> dict[str, str] | None:
        """Return the states of a DAG's backfill runs by day once they have all ended."""
        states = {day: run["state"] for day, run in self.runs(dag).items()}
        return states if set(states) == set(days) and set(states.values()) <= {"success", "failed"} else None

    def backfills_completed(self, dag: str) -> bool:
        """Tell whether Airflow holds every backfill of a DAG to be over."""
        found = self.airflow(f"backfills?dag_id={dag}")["backfills"]
        return bool(found) and all(each["completed_at"] for each in found)

    def await_end(self, dag: str, run_id: str) -> str:
        """Wait for a run to end and return its state."""
        path = f"dags/{dag}/dagRuns/{run_id}"
        state: str = wait_until(
            lambda: state if (state := self.airflow(path)["state"]) in {"success", "failed"} else None, 900
        )
        return state

    def counts(self, dag: str, run_id: str) -> dict[str, int]:
        """Return the outcomes that the report of a run counts, those that are none left out."""
        path = f"dags/{dag}/dagRuns/{run_id}/taskInstances/report/xcomEntries/return_value"
        return {name: count for name, count in self.airflow(path)["value"].items() if name != "report" and count}

    def tries(self, dag: str, run_id: str) -> dict[str, int]:
        """Return how often each task of a run was tried; a mapped one by its last instance."""
        instances = self.airflow(f"dags/{dag}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {each["task_id"]: each["try_number"] for each in instances}

    def client(self) -> Client:
        """Return the SDK, connected to the local Labelbox."""
        from labelbox import Client

        return Client(
            api_key=self.labelbox.api_key,
            endpoint=self.labelbox.endpoint,
            rest_endpoint=self.labelbox.rest_endpoint,
        )

    def content(self, dataset: str) -> dict[str, Any]:
        """Return what the SDK exports of a dataset, by global key without its beginning."""
        from labelbox import Dataset

        found = self.client().get_datasets(where=Dataset.name == dataset).get_one()
        task = found.export(params={"metadata_fields": True, "attachments": True, "data_row_details": True})
        task.wait_till_done()
        lines = [line.json for line in task.get_buffered_stream()]
        content = {line["data_row"]["global_key"].removeprefix(f"{dataset}/"): _part(line) for line in lines}
        assert len(content) == len(lines)
        return content


def _part(line: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "row data": line["data_row"]["row_data"],
        "external id": line["data_row"]["external_id"],
        "metadata": {each["schema_name"]: _value(each["value"]) for each in line["metadata_fields"]},
        "attachments": sorted((each["type"], each["name"], each["value"]) for each in line["attachments"]),
    }


def _value(exported: Any) -> Any:
    """Return the name of an enum's option, which comes as a list of one, and other values as they are."""
    return exported[0]["schema_name"] if isinstance(exported, list) else exported


def _sync(name: str) -> dict[str, Any]:
    return {
        "version": 1,
        "name": name,
        "schedule": {"every": "day", "at": "00:00"},
        "start_date": "2026-01-01",
        "labelbox": {"dataset": {"name": name, "delegated_access": "receipts-bucket"}},
        "sources": {
            "rows": {
                "type": "table",
                "connection": "aws_default",
                "uri": f"s3://{BUCKET}/ui/{name}.csv",
                "window": {"by": "column", "column": "updated_at"},
            }
        },
        "rows": {
            "row_data": f"s3://{BUCKET}/{{image}}",
            "s3_region": "us-east-1",
            "global_key": f"{name}/{{id}}",
            "external_id": "image",
            "media_type": "IMAGE",
            "version": "updated_at",
            "metadata": {
                "country": {"column": "country", "kind": "enum", "new_field": "add", "new_options": "add"},
                "total": {"column": "total", "kind": "number", "new_field": "add"},
            },
            "attachments": [{"type": "RAW_TEXT", "name": "note", "value": "note"}],
        },
    }


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium; without one no test of this directory goes on."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.exit(
            "The browser tests need Chromium; on Debian: apt-get install --no-install-recommends chromium.",
            returncode=1,
        )
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=list(OPTIONS))
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def deployment(browser: Browser) -> Iterator[Deployment]:
    """The stack, up, with the sample sync and those of `SYNCS`."""
    with tempfile.TemporaryDirectory(prefix="labelbox-ui-") as scratch:
        if os.geteuid() == 0:
            Path(scratch).chmod(0o711)
        syncs = Path(scratch) / "syncs"
        syncs.mkdir()
        shutil.copy(ROOT / "include" / "syncs" / "receipts.yaml", syncs)
        for name in SYNCS:
            guard = {"guard": {"min_rows": 1}} if name == "photos_reprocessed" else {}
            (syncs / f"{name}.yaml").write_text(yaml.safe_dump(_sync(name) | guard, sort_keys=False))
        stack = Stack(LocalDirectory(Path(scratch) / "local"), {"LABELBOX_SYNCS_DIR": str(syncs)})
        try:
            url, password = stack.up()
            store, labelbox = ObjectStore(stack.directory.s3), LocalLabelbox(stack.directory.labelbox)
            made = Deployment(stack, url, password, stack.airflow(), store, labelbox)
            wait_until(lambda: {*SYNCS, "receipts"} <= {each["dag_id"] for each in made.airflow("dags")["dags"]})
            yield made
        finally:
            stack.remove()


@pytest.fixture
def page(browser: Browser, deployment: Deployment) -> Iterator[Page]:
    """A page of Airflow, logged in; what goes wrong in it is shown with a test that fails."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, base_url=deployment.url)
    shown = context.new_page()
    log_in(shown, deployment.password)
    yield shown
    context.close()


@pytest.fixture(scope="session")
def picture() -> Callable[[Page, str], None]:
    """Takes pictures for the documentation, where the variable PICTURES names a directory for them."""
    directory = os.environ.get("PICTURES")

    def take(page: Page, name: str) -> None:
        if directory:
            page.wait_for_timeout(500)  # dialogs unfold
            page.screenshot(path=Path(directory) / f"{name}.png", animations="disabled")

    return take
