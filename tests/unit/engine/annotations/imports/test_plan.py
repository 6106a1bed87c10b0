"""Plans of imports: lines in jobs and units on staging."""

from __future__ import annotations

from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from labelbox_airflow.engine.annotations.imports import plan
from labelbox_airflow.engine.annotations.imports.plan import ImportPlan, PlanWriter, planned_lines
from labelbox_airflow.engine.staging import Staging

Line = tuple[bytes, int, int, str, str | None]


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    staging = Staging(LocalFileSystem(), f"{tmp_path}/run")
    staging.make()
    return staging


def line(number: int, origin: str | None = "x.csv line 1") -> Line:
    return b'{"n":%d}\n' % number, number, number * 2, "Car", origin


def planned(staging: Staging, rows: dict[str, list[Line]], salt: str = "run") -> ImportPlan:
    writer = PlanWriter(staging, "sync", salt)
    for key, lines in rows.items():
        writer.add(key, lines, "a b", "TEST")
    writer.close()
    return ImportPlan("prelabels", "project", units=writer.units)


def test_a_row_is_never_split_and_every_line_comes_back_once(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "JOB_LINES", 5)
    monkeypatch.setattr(plan, "UNIT_JOBS", 2)
    monkeypatch.setattr(plan, "_BATCH", 4)
    rows = {f"key {row}": [line(row * 10 + number) for number in range(3)] for row in range(6)}
    made = planned(staging, rows)
    assert [len(jobs) for jobs in made.units.values()] == [2, 2, 2]
    found = [each for unit in made.units for each in planned_lines(staging, unit)]
    assert [(each.key, each.uuid) for each in found] == [
        (key, each[1]) for key, lines in rows.items() for each in lines
    ]
    assert {(each.goes_first, each.split) for each in found} == {("a b", "TEST")}
    for unit, jobs in made.units.items():
        lines = list(planned_lines(staging, unit))
        for number, job in enumerate(jobs):
            of_job = [each for each in lines if each.job == number]
            assert (job.rows, job.lines, job.size) == (1, 3, sum(len(each.line) for each in of_job))


def test_a_job_is_named_by_what_is_in_it_and_the_run(staging: Staging) -> None:
    def name(number: int, salt: str) -> str:
        (jobs,) = planned(staging, {"key": [line(number)]}, salt).units.values()
        return jobs[0].name

    assert name(1, "run") == name(1, "run")
    assert len({name(1, "run"), name(2, "run"), name(1, "other")}) == 3


def test_a_plan_is_read_as_written_and_counts_what_gets_an_outcome(staging: Staging) -> None:
    made = planned(staging, {"new": [line(1), line(2)], "along": [line(3, None)]})
    made.write(staging)
    read = ImportPlan.read_from(staging)
    assert read == made
    assert read.lines_of("annotations-0000") == 2


def test_a_plan_of_nothing_has_no_units(staging: Staging) -> None:
    assert planned(staging, {}).units == {}
