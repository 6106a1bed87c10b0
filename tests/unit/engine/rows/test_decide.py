"""Decisions on rows, from what the ledger knows."""

from __future__ import annotations

import pytest

from labelbox_airflow.engine.ledger import Entry
from labelbox_airflow.engine.rows.decide import CREATE, SUPERSEDED, UNCHANGED, Decision, Overwrite, decide

ENTRY = Entry("dataset", "id", 5, 1, 10, 20, 30, None, 50, None)
SAME = (10, 20, 30, None, 50)


def test_an_unknown_key_or_one_of_another_dataset_is_created() -> None:
    assert decide(None, "dataset", 5, SAME, "newer") == CREATE
    assert decide(ENTRY, "other", 9, SAME, "newer") == CREATE
    assert decide(ENTRY, None, 9, SAME, "newer") == CREATE


@pytest.mark.parametrize("version", [5, 6])
def test_equal_parts_are_unchanged(version: int) -> None:
    assert decide(ENTRY, "dataset", version, SAME, "newer") == UNCHANGED


def test_a_part_the_sync_does_not_own_is_not_compared() -> None:
    assert decide(ENTRY, "dataset", 6, (10, None, None, None, None), "newer") == UNCHANGED


def test_changed_and_new_parts_are_named() -> None:
    assert decide(ENTRY, "dataset", 6, (11, 20, 30, 40, 50), "newer") == Decision("update", ("row_data", "attachments"))


@pytest.mark.parametrize(
    ("overwrite", "expected"), [("newer", SUPERSEDED), ("always", Decision("update", ("metadata",)))]
)
def test_an_older_row_changes_nothing_unless_told(overwrite: Overwrite, expected: Decision) -> None:
    assert decide(ENTRY, "dataset", 4, (10, 20, 31, None, 50), overwrite) == expected


def test_an_older_row_is_superseded_even_if_equal() -> None:
    assert decide(ENTRY, "dataset", 4, SAME, "newer") == SUPERSEDED
    assert decide(ENTRY, "dataset", 4, SAME, "always") == UNCHANGED
