"""Guards at, below and above their limits."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from labelbox_airflow.engine.errors import GuardError
from labelbox_airflow.engine.guard import GuardSpec


@pytest.mark.parametrize(
    ("limit", "rejected", "read", "stops"),
    [
        (None, 100, 100, False),
        (0, 0, 0, False),
        (0, 1, 10, True),
        ("5", 5, 10, False),
        ("5", 6, 10, True),
        ("1%", 1, 100, False),
        ("1%", 2, 100, True),
        ("0%", 1, 10**9, True),
        ("100%", 10, 10, False),
        ("0.57%", 57, 10_000, False),
        ("0.57%", 58, 10_000, True),
        ("0.1%", 0, 0, False),
    ],
)
def test_rejected_rows(limit: Any, rejected: int, read: int, stops: bool) -> None:
    guard = GuardSpec(max_rejected=limit)
    if not stops:
        guard.check_rejected(rejected, read)
        return
    with pytest.raises(GuardError, match=r"guard\.max_rejected"):
        guard.check_rejected(rejected, read)


@pytest.mark.parametrize("limit", ["1 %", "-1", -1, "101%", "abc", True, 1.5, "1.%", ""])
def test_what_is_no_limit(limit: Any) -> None:
    with pytest.raises(ValidationError):
        GuardSpec(max_rejected=limit)


def test_rows_read_and_created() -> None:
    guard = GuardSpec(min_rows=1, max_new_rows=10)
    guard.check_read(1, 10)
    with pytest.raises(GuardError, match=r"0 rows were read.*min_rows: 1"):
        guard.check_read(0, 0)
    with pytest.raises(GuardError, match=r"11 data rows.*max_new_rows: 10"):
        guard.check_read(1, 11)
    GuardSpec().check_read(0, 10**9)
    with pytest.raises(GuardError):
        GuardSpec(max_new_rows=0).check_read(1, 1)
