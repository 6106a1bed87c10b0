"""How long to wait before a request is repeated."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from labelbox_airflow.hooks.backoff import pause_before_repeat, read_retry_after


@pytest.mark.parametrize("value", [None, "", "soon", "-1", "1.5.2", "٣"])
def test_what_is_no_time_is_ignored(value: str | None) -> None:
    assert read_retry_after(value) is None


def test_seconds_and_dates_are_read() -> None:
    assert read_retry_after("120") == 120
    in_a_minute = read_retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True))
    assert in_a_minute is not None
    assert 50 < in_a_minute <= 60
    assert read_retry_after("Thu, 01 Jan 2015 00:00:00 GMT") == 0


def test_the_wait_asked_for_is_kept_and_spread() -> None:
    pauses = [pause_before_repeat(1, 60.0) for _ in range(50)]
    assert all(60 <= pause <= 61 for pause in pauses)
    assert len(set(pauses)) > 1


def test_the_wait_grows_to_a_limit() -> None:
    longest = [max(pause_before_repeat(failures, None) for _ in range(200)) for failures in (1, 3, 5, 20)]
    assert longest == sorted(longest)
    assert longest[0] <= 1
    assert 10 < longest[-1] <= 30
