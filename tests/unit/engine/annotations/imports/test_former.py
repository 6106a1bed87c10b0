"""What earlier imports hold, and what goes again with a changed row."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from fsspec.implementations.local import LocalFileSystem

from labelbox_airflow.engine.annotations.imports.former import LINES, FormerLines, keep_lines
from labelbox_airflow.engine.ledger import AnnotatedRow, Ledger, Run
from labelbox_airflow.engine.staging import Staging

MOMENT = datetime(2026, 1, 2, tzinfo=UTC)
RUN = Run("org", "sync", "run")


class Imported:
    """Rows a and b of the import `job`, whose lines are kept; row c of an import whose lines are gone."""

    def __init__(self, directory: Path) -> None:
        self.ledger = Ledger(f"sqlite:///{directory}/ledger.db")
        self.staging = Staging(LocalFileSystem(), f"{directory}/sync/run")
        self.staging.make()
        columns = [["a", "b"], [b"{}\n", b"[]\n"], [1, 3], [2, 4], ["Car", "Bus"]]
        keep_lines(self.staging, "job", pa.table(columns, schema=LINES))
        marks = {"a": {1: 2}, "b": {3: 4}, "c": {5: 6}}
        rows = {key: AnnotatedRow("gone" if key == "c" else "job", marks[key], MOMENT, MOMENT) for key in marks}
        self.ledger.put_annotated(RUN.owner, "project", rows)

    def former(self) -> FormerLines:
        return FormerLines(self.ledger, self.staging, RUN, "project")


@pytest.fixture
def imported(tmp_path: Path) -> Imported:
    return Imported(tmp_path)


def test_the_neighbours_of_a_changed_row_go_again_with_their_lines(imported: Imported) -> None:
    former = imported.former()
    assert former.problem("job", "a") is None
    former.note("a", "job")
    assert list(former.survivors()) == [("b", ((b"[]\n",), (3,), (4,), ("Bus",), [None]))]
    assert (former.jobs, former.lost) == (["job"], [])


def test_lines_that_are_gone_stop_only_those_with_neighbours(imported: Imported) -> None:
    imported.ledger.put_annotated(RUN.owner, "project", {"d": AnnotatedRow("gone", {7: 8}, MOMENT, MOMENT)})
    problem = imported.former().problem("gone", "c")
    assert problem is not None
    assert "the import gone" in problem
    imported.ledger.put_annotated(RUN.owner, "project", {"d": AnnotatedRow("job", {7: 8}, MOMENT, MOMENT)})
    assert imported.former().problem("gone", "c") is None


def test_rows_in_doubt_are_sent_again_and_those_without_lines_are_told(imported: Imported) -> None:
    imported.ledger.doubt_annotated(RUN.owner, "project", ["job", "gone"])
    former = imported.former()
    assert [key for key, _ in former.survivors()] == ["a", "b"]
    assert former.lost == ["c"]


def test_lines_are_kept_for_as_long_as_an_import_holds_rows(imported: Imported) -> None:
    imported.former().remove_unneeded()
    assert list(imported.staging.kept("prelabels").names()) == ["job.arrow"]
    moved = {key: AnnotatedRow("other", {1: 2}, MOMENT, MOMENT) for key in "ab"}
    imported.ledger.put_annotated(RUN.owner, "project", moved)
    imported.former().remove_unneeded()
    assert list(imported.staging.kept("prelabels").names()) == []
