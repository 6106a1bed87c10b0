"""Rows to people: a sync with a project, through Airflow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.e2e.conftest import Deployment, row

from labelbox_airflow.engine.api.exports import rows_in_project
from labelbox_airflow.engine.api.projects import find_project

DAY = datetime(2026, 1, 2, tzinfo=UTC)
ONTOLOGY = "tools: [{name: Total, kind: bounding_box}]\n"


def add_sync(deployment: Deployment, **project: Any) -> None:
    (deployment.syncs / "receipts.ontology").write_text(ONTOLOGY)
    select = {"where": "score < 0.6", "order_by": "score", "max_per_run": 2}
    deployment.add_sync(
        rows__media_type="IMAGE",
        project={"name": deployment.name, "ontology": "receipts.ontology", "select": select, **project},
    )


def test_the_least_sure_rows_go_to_the_project_some_each_run(deployment: Deployment) -> None:
    add_sync(deployment)
    deployment.put_table([row(number, score=f"0.{number}") for number in range(1, 9)])

    planned = deployment.run("rows", DAY, run_type="manual", dry_run=True)
    assert planned.failures == []
    assert find_project(deployment.transport(), name=deployment.name) is None

    assert deployment.run_well("rows", DAY).outcomes == {"created": 8}
    assert deployment.report("rows")["project"] == {
        "sent": 2, "already_there": 0, "not_selected": 3, "over_limit": 3, "not_loaded": 0, "refused": 0,
    }  # fmt: skip
    # Nothing is uploaded the second time, and people get the next ones all the same.
    assert deployment.run_well("rows", DAY + timedelta(days=1)).outcomes == {"unchanged": 8}
    sent = deployment.report("rows")["project"]
    assert (sent["sent"], sent["already_there"], sent["over_limit"]) == (2, 2, 1)
    project = find_project(deployment.transport(), name=deployment.name)
    assert project is not None
    assert len(set(rows_in_project(deployment.transport(), project.id))) == 4


def test_a_value_that_cannot_be_judged_is_refused_but_loaded(deployment: Deployment) -> None:
    add_sync(deployment)
    deployment.put_table([row(1, score="0.1"), row(2, score="n/a")])
    assert deployment.run_well("rows", DAY).outcomes == {"created": 2}
    assert deployment.report("rows")["project"]["refused"] == 1
    (letter,) = deployment.rejected("rows")
    assert (letter["stage"], letter["code"]) == ("send_to_project", "bad_value")
