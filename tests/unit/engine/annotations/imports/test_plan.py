"""Plans of imports: lines in jobs and units on staging."""

from __future__ import annotations

from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from labelbox_airflow.engine.annotations.imports import plan
from labelbox_airflow.engine.annotations.imports.job_lines import planned_jobs
from labelbox_airflow.engine.annotations.imports.plan import ImportPlan, PlanWriter, RowLines
from labelbox_airflow.engine.staging import Staging

Line = tuple[bytes, int, int, str, str]


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    staging = Staging(LocalFileSystem(), f"{tmp_path}/run")
    staging.make()
    return staging


def line(number: int) -> Line:
    return b'{"n":%d}\n' % number, number, number * 2, "Car", "x.csv line 1"


def planned(staging: Staging, rows: dict[str, list[Line]], salt: str = "run") -> ImportPlan:
    writer = PlanWriter(staging, "sync", salt)
    for key, lines in rows.items():
        columns = RowLines(*zip(*lines, strict=True))
        writer.add(key, columns._replace(origins=[None] * len(lines)) if key == "along" else columns, "a b", "TEST")
    writer.close()
    return ImportPlan("prelabels", "project", units=writer.units)


def test_a_row_is_never_split_and_every_line_comes_back_once(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "JOB_LINES", 5)
    monkeypatch.setattr(plan, "UNIT_JOBS", 2)
    monkeypatch.setattr(plan, "_BATCH", 4)
    rows = {f"key {row}": [line(row * 10 + number) for number in range(3)] for row in range(6)}
    made = planned(staging, rows)
    assert [len(jobs) for jobs in made.units.values()] == [2, 2, 2]
    jobs = {unit: list(planned_jobs(staging, unit)) for unit in made.units}
    found = [marks for of_unit in jobs.values() for job in of_unit for marks in job.marks({})]
    assert found == [(key, {each[1]: each[2] for each in lines}) for key, lines in rows.items()]
    assert {row[1:] for of_unit in jobs.values() for job in of_unit for row in job.rows()} == {("a b", "TEST")}
    for unit, planned_ones in made.units.items():
        for number, (job, lines) in enumerate(zip(planned_ones, jobs[unit], strict=True)):
            assert (lines.number, job.rows, job.lines, job.size) == (number, 1, 3, len(lines.ndjson()))


def test_what_labelbox_took_and_what_not(staging: Staging) -> None:
    made = planned(staging, {"key": [line(1), line(2)], "along": [line(3), line(4)]})
    (job,) = planned_jobs(staging, "annotations-0000")
    assert (made.units["annotations-0000"][0].along, job.replace_anything()) == (2, True)
    refused = {2: "wrong", 3: "wrong too"}
    assert dict(job.marks(refused)) == {"key": {1: 2, 2: 5}, "along": {3: 7, 4: 8}}
    assert job.taken(refused).column("uuid").to_pylist() == [1, 4]
    assert (job.sent_by_class(refused), job.sent_by_class({})) == ({"Car": 1}, {"Car": 2})
    assert [(each.key, each.uuid, each.origin) for each in job.refused(refused)] == [("key", 2, "x.csv line 1")]
    assert list(job.refused({})) == []


def test_a_job_is_named_by_what_is_in_it_and_the_run(staging: Staging) -> None:
    def name(number: int, salt: str) -> str:
        (jobs,) = planned(staging, {"key": [line(number)]}, salt).units.values()
        return jobs[0].name

    assert name(1, "run") == name(1, "run")
    assert len({name(1, "run"), name(2, "run"), name(1, "other")}) == 3


def test_a_plan_is_read_as_written_and_counts_what_gets_an_outcome(staging: Staging) -> None:
    made = planned(staging, {"new": [line(1), line(2)], "along": [line(3)]})
    made.write(staging)
    read = ImportPlan.read_from(staging)
    assert read == made
    assert read.lines_of("annotations-0000") == 2


def test_a_plan_of_nothing_has_no_units(staging: Staging) -> None:
    assert planned(staging, {}).units == {}
