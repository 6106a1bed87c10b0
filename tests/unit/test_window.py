from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.window import (
    DAY,
    Window,
    WindowSpec,
    any_date,
    check_placeholders,
    date_in,
    expand_path,
    parse_duration,
    parse_timezone,
    slot_of,
)

HOUR = timedelta(hours=1)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def uris(uri: str, start: datetime, end: datetime, every: timedelta = DAY, timezone: str = "UTC") -> list[str]:
    return [path.uri for path in expand_path(uri, Window(start, end), every, timezone)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90s", timedelta(seconds=90)), ("15m", timedelta(minutes=15)), ("2h", 2 * HOUR), ("1d", DAY), ("1w", 7 * DAY)],
)
def test_durations_are_a_number_and_a_unit(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "1", "h", "1.5h", "-1d", "PT1H", "1 day", "1month"])
def test_other_durations_are_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'{text}' is no duration"):
        parse_duration(text)


def test_unknown_timezone_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="'Europe/Berlni' is no time zone"):
        parse_timezone("Europe/Berlni")


def test_window_needs_time_zones() -> None:
    with pytest.raises(ConfigurationError, match="the end of the window, 2026-01-02T00:00:00, has no time zone"):
        Window(utc(2026, 1, 1), datetime(2026, 1, 2))


def test_window_cannot_end_before_it_starts() -> None:
    with pytest.raises(ConfigurationError, match="before its start"):
        Window(utc(2026, 1, 2), utc(2026, 1, 1))


def test_window_is_kept_in_utc_and_is_half_open() -> None:
    window = Window(datetime(2026, 7, 1, tzinfo=ZoneInfo("Europe/Berlin")), utc(2026, 7, 2))
    assert window.start == utc(2026, 6, 30, 22)
    assert window.start.tzinfo is UTC
    assert window.contains(window.start)
    assert not window.contains(window.end)


def test_lookback_moves_the_start_only() -> None:
    assert Window(utc(2026, 1, 2), utc(2026, 1, 3)).minus(2 * HOUR) == Window(utc(2026, 1, 1, 22), utc(2026, 1, 3))


def test_one_path_for_each_day_of_a_window() -> None:
    paths = expand_path("s3://b/{date:%Y-%m-%d}/*.csv", Window(utc(2026, 2, 27), utc(2026, 3, 2)))
    assert [(path.uri, path.end) for path in paths] == [
        ("s3://b/2026-02-27/*.csv", utc(2026, 2, 28)),
        ("s3://b/2026-02-28/*.csv", utc(2026, 3, 1)),
        ("s3://b/2026-03-01/*.csv", utc(2026, 3, 2)),
    ]


@pytest.mark.parametrize("minutes", [0, 150, 1439])
@pytest.mark.parametrize("every", [HOUR, 6 * HOUR, DAY, 7 * DAY])
def test_adjoining_windows_read_each_slot_exactly_once(minutes: int, every: timedelta) -> None:
    uri, start = "b/{date:%Y-%m-%d-%H}", utc(2026, 3, 25) + timedelta(minutes=minutes)
    zone = "Europe/Berlin"
    daily = [uris(uri, start + n * DAY, start + (n + 1) * DAY, every, zone) for n in range(9)]
    whole = uris(uri, start, start + 9 * DAY, every, zone)
    assert [uri for day in daily for uri in day] == whole
    assert len(whole) == len(set(whole)) > 0


def test_a_day_is_read_only_when_it_is_over() -> None:
    window = Window(utc(2026, 3, 1, 2, 30), utc(2026, 3, 2, 2, 30))
    assert [path.uri for path in expand_path("{date:%Y-%m-%d}", window)] == ["2026-03-01"]


def test_a_window_inside_a_slot_reads_nothing() -> None:
    assert uris("{date:%Y-%m-%d}", utc(2026, 3, 1, 2), utc(2026, 3, 1, 3)) == []


def test_an_empty_window_reads_nothing() -> None:
    assert uris("{date:%Y-%m-%d}", utc(2026, 3, 1), utc(2026, 3, 1)) == []


def test_days_follow_the_local_clock_when_it_changes() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    window = Window(datetime(2026, 3, 28, tzinfo=berlin), datetime(2026, 3, 31, tzinfo=berlin))
    paths = expand_path("{date:%d %Y}", window, DAY, "Europe/Berlin")
    assert [path.uri for path in paths] == ["28 2026", "29 2026", "30 2026"]
    assert [path.end - path.start for path in paths] == [DAY, 23 * HOUR, DAY]


def test_hours_are_named_in_local_time_and_a_repeated_hour_comes_once() -> None:
    paths = expand_path(
        "{date:%Y%m%d%H}", Window(utc(2026, 10, 24, 23), utc(2026, 10, 25, 3)), HOUR, ZoneInfo("Europe/Berlin")
    )
    assert [path.uri for path in paths] == ["2026102501", "2026102502", "2026102503"]
    assert paths[1].end - paths[1].start == 2 * HOUR


def test_a_path_of_several_slots_comes_once_with_the_last_end() -> None:
    paths = expand_path("{date:%Y-%m}.csv", Window(utc(2026, 1, 30), utc(2026, 2, 3)))
    assert [(path.uri, path.end) for path in paths] == [
        ("2026-01.csv", utc(2026, 2, 1)),
        ("2026-02.csv", utc(2026, 2, 3)),
    ]


def test_weeks_begin_on_monday() -> None:
    start, end = slot_of(utc(2026, 11, 22, 12), 7 * DAY, ZoneInfo("UTC"))
    assert (start, end) == (utc(2026, 11, 16), utc(2026, 11, 23))
    assert start.weekday() == 0


def test_several_placeholders_are_filled_from_one_moment() -> None:
    assert uris("y={date:%Y}/m={date:%m}/{date:%Y-%m-%d}.csv", utc(2026, 5, 4), utc(2026, 5, 5)) == [
        "y=2026/m=05/2026-05-04.csv"
    ]


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("s3://b/{day:%Y}", "'{day:%Y}' is no placeholder"),
        ("s3://b/{date}", "'{date}' is no placeholder"),
        ("s3://b/{date:today}", "is no placeholder"),
        ("s3://b/{date:%G-%V}", "%G is not understood"),
        ("s3://b/{date:%m-%d}", "have no year"),
    ],
)
def test_wrong_placeholders_are_refused(uri: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check_placeholders(uri)


@pytest.mark.parametrize(
    ("uri", "path", "expected"),
    [
        ("b/{date:%Y-%m-%d}/*.csv", "b/2026-03-01/x.csv", (2026, 3, 1)),
        ("b/{date:%Y/%m/%d}/*.csv", "b/2026/03/01/x.csv", (2026, 3, 1)),
        ("b/{date:%Y}/{date:%Y%m%d%H}.csv", "b/2026/2026030107.csv", (2026, 3, 1, 7)),
        ("b/**/{date:%Y-%j}.csv", "b/a/c/2026-060.csv", (2026, 3, 1)),
        ("b/[ab]?/{date:%Y.%-m.%-d}", "b/a1/2026.3.1", (2026, 3, 1)),
        ("b/{date:%Y-%m-%d}/*.csv", "b/2026-13-01/x.csv", None),
        ("b/{date:%Y-%m-%d}/*.csv", "b/a-b-c/x.csv", None),
    ],
)
def test_the_date_of_a_path_is_found_again(uri: str, path: str, expected: tuple[int, ...] | None) -> None:
    assert date_in(uri, path, ZoneInfo("UTC")) == (utc(*expected) if expected else None)


def test_any_date_is_a_glob() -> None:
    assert any_date("b/{date:%Y/%m-%d}/*.csv") == "b/*/*-*/*.csv"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"by": "column"}, "needs the key column"),
        ({"by": "path", "column": "c"}, "column is for by: column"),
        ({"by": "modified", "every": "1h"}, "every is for by: path"),
        ({"by": "path", "every": "0d"}, "longer than zero"),
        ({"by": "path", "every": "1 fortnight"}, "'1 fortnight' is no duration"),
        ({"by": "path", "timezone": "Mars/Base"}, "'Mars/Base' is no time zone"),
        ({"by": "path", "lookbak": "1h"}, "Extra inputs"),
    ],
)
def test_wrong_window_specs_are_refused(spec: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        WindowSpec.model_validate(spec)


def test_window_spec_defaults() -> None:
    spec = WindowSpec(by="path")
    assert spec.slot == DAY
    assert spec.zone == ZoneInfo("UTC")
    window = Window(utc(2026, 1, 1), utc(2026, 1, 2))
    assert spec.reach(window) == window
    assert WindowSpec(by="modified", lookback="2h").reach(window).start == utc(2025, 12, 31, 22)
