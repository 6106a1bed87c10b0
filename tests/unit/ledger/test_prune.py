"""Old runs are forgotten; what Labelbox holds is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from labelbox_airflow.engine.ledger import Entry, Ledger, Owner, Run
from labelbox_airflow.engine.records import Rejected
from labelbox_airflow.engine.staging import Staging

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_only_runs_that_finished_before_the_moment_are_forgotten(tmp_path: Path) -> None:
    clock = [NOW - timedelta(days=60)]
    old, new, failed = (Run("org", "sync", name) for name in ("old", "new", "unfinished"))
    with Ledger(f"sqlite:///{tmp_path}/ledger.db", clock=lambda: clock[0]) as ledger:
        for run in (old, failed):
            ledger.begin_run(run, window_start=None, window_end=None, spec_hash="")
            ledger.settle(run, "extract", counts={"rejected": 1}, rejected=[Rejected("a", "map", "bad", "because")])
        ledger.put(Owner("org", "sync"), {"key": Entry("dataset", "id", 1, None, 1, None, None, None, None, None)})
        ledger.finish_run(old, state="success", rows_read=1, rows_filtered=0, watermark=NOW)
        clock[0] = NOW
        ledger.begin_run(new, window_start=None, window_end=None, spec_hash="")
        ledger.finish_run(new, state="success", rows_read=0, rows_filtered=0, watermark=None)

        ledger.prune(NOW - timedelta(days=30))

        assert ledger.run_state(old) is None
        assert ledger.tallies(old) == {}
        assert ledger.dead_letters(old) == []
        assert ledger.run_state(new) is not None
        assert len(ledger.dead_letters(failed)) == 1
        assert ledger.entries(Owner("org", "sync"), ["key"])
        assert ledger.watermark("sync", "org") == NOW


@pytest.mark.parametrize(("days", "left"), [(-1, ["this"]), (1, ["other", "this"])])
def test_staging_of_other_runs_goes_by_its_last_write(tmp_path: Path, days: int, left: list[str]) -> None:
    for name in ("other", "this"):
        run = Staging(LocalFileSystem(), f"{tmp_path}/{name}")
        run.clear()
        run.write_json("extract.json", {})

    run.prune(datetime.now(UTC) - timedelta(days=days))

    assert sorted(path.name for path in tmp_path.iterdir()) == left


def test_dead_letters_come_page_by_page_in_one_order(tmp_path: Path) -> None:
    run = Run("org", "sync", "run")
    with Ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        ledger.begin_run(run, window_start=None, window_end=None, spec_hash="")
        for part, rows in (("extract-000001", 3), ("extract-000002", 1), ("unit-00001", 4)):
            rejected = [Rejected(f"{part} {number}", "map", "bad", "because") for number in range(rows)]
            ledger.settle(run, part, counts={"rejected": rows}, rejected=rejected)

        for page in (1, 2, 3, 4, 8, 9):
            assert list(ledger.each_dead_letter(run, page=page)) == ledger.dead_letters(run)
