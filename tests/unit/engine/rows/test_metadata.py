"""Metadata values by kind."""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pandas as pd
import pytest

from labelbox_airflow.engine.rows.metadata import converter, parse_moment
from labelbox_airflow.engine.rows.spec import MetadataKind, MetadataSpec

UTC = ZoneInfo("UTC")
EAST = timezone(timedelta(hours=5, minutes=30))


def convert(kind: MetadataKind, value: Any, **spec: Any) -> Any:
    return orjson.loads(converter(kind, MetadataSpec(column="c", **spec))(value))


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1.0),
        (-0.0, 0.0),
        ("1.5", 1.5),
        (" 2 ", 2.0),
        ("1e3", 1000.0),
        (Decimal("12.50"), 12.5),
        (2**53, 2.0**53),
        (2**63 - 1, 2.0**63),
        ("-9999999999999999999999", -1e22),
        (5e-324, 5e-324),
    ],
)
def test_numbers(value: Any, number: float) -> None:
    assert convert("number", value) == number


@pytest.mark.parametrize(
    "value", ["", "1,5", "1 000", "1_000", "x", "0x10", True, [1], {"a": 1}, date(2026, 1, 1), b"x", "12x"]
)
def test_what_is_no_number(value: Any) -> None:
    with pytest.raises(ValueError, match=r"is (no number|a boolean)"):
        convert("number", value)


@pytest.mark.parametrize("value", [math.nan, math.inf, "-inf", "NaN", "1e999", Decimal("NaN")])
def test_numbers_have_to_be_finite(value: Any) -> None:
    with pytest.raises(ValueError, match="not finite"):
        convert("number", value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", ""),
        ("null", "null"),
        ('quo"te\\ \u2028 \U0001f600 \x01', 'quo"te\\ \u2028 \U0001f600 \x01'),
        (1, "1"),
        (1.0, "1"),
        (True, "true"),
        (Decimal("1.50"), "1.50"),
        (date(2026, 3, 1), "2026-03-01"),
        (b"abc", "abc"),
        ("x" * 4096, "x" * 4096),
    ],
)
def test_strings(value: Any, text: str) -> None:
    assert convert("string", value) == text


@pytest.mark.parametrize("value", ["x" * 4097, ["a"], {"a": 1}, math.nan])
def test_what_is_no_string(value: Any) -> None:
    with pytest.raises(ValueError):
        convert("string", value)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-03-01", "2026-03-01T00:00:00Z"),
        ("2026-03-01T12:00Z", "2026-03-01T12:00:00Z"),
        (" 2026-03-01 12:00:00.999+05:30 ", "2026-03-01T06:30:00Z"),
        ("20260301T120000", "2026-03-01T12:00:00Z"),
        (date(2026, 3, 1), "2026-03-01T00:00:00Z"),
        (datetime(2026, 3, 1, 12), "2026-03-01T12:00:00Z"),
        (datetime(2026, 3, 1, 12, tzinfo=EAST), "2026-03-01T06:30:00Z"),
        (pd.Timestamp("2026-03-01T12:00:00.000000001"), "2026-03-01T12:00:00Z"),
        (datetime(1, 1, 1), "0001-01-01T00:00:00Z"),
        (datetime(1969, 12, 31, 23, 59, 59, 999999), "1969-12-31T23:59:59Z"),
        (datetime(9999, 12, 31, 23, 59, 59), "9999-12-31T23:59:59Z"),
    ],
)
def test_moments_are_utc_to_the_second(value: Any, moment: str) -> None:
    assert convert("datetime", value) == moment


@pytest.mark.parametrize(
    ("value", "zone", "moment"),
    [
        ("2026-03-01", "Europe/Berlin", "2026-02-28T23:00:00Z"),
        (date(2026, 7, 1), "Europe/Berlin", "2026-06-30T22:00:00Z"),
        ("2026-03-01T00:00Z", "Europe/Berlin", "2026-03-01T00:00:00Z"),
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30:00Z"),
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:30:00Z"),
    ],
)
def test_a_moment_without_a_zone_is_in_the_zone_of_the_field(value: Any, zone: str, moment: str) -> None:
    assert convert("datetime", value, timezone=zone) == moment


def test_other_forms_need_a_format() -> None:
    assert convert("datetime", "31.12.2025 14:05", format="%d.%m.%Y %H:%M") == "2025-12-31T14:05:00Z"
    with pytest.raises(ValueError, match="of the form %d"):
        convert("datetime", "2025-12-31", format="%d.%m.%Y")


@pytest.mark.parametrize(
    "value", ["", "1709251200", 1709251200, 1.5, True, time(1), "31.12.2025", "2026-13-01", [1], "0"]
)
def test_what_is_no_moment(value: Any) -> None:
    with pytest.raises(ValueError, match="is no date or time"):
        convert("datetime", value)


@pytest.mark.parametrize(
    ("value", "zone"),
    [("0001-01-01", "Asia/Tokyo"), ("9999-12-31T23:00:00", "America/New_York"), (date.min, "Asia/Tokyo")],
)
def test_the_ends_of_the_calendar_are_refused_not_fatal(value: Any, zone: str) -> None:
    with pytest.raises(ValueError, match="out of range"):
        convert("datetime", value, timezone=zone)


def test_remembering_values_does_not_mix_types_that_are_equal() -> None:
    text = converter("string", MetadataSpec(column="c"))
    assert [text(value) for value in (True, 1, 1.0, True, 0, False)] == [
        '"true"',
        '"1"',
        '"1"',
        '"true"',
        '"0"',
        '"false"',
    ]
    number = converter("number", MetadataSpec(column="c"))
    assert number(1) == "1.0"
    with pytest.raises(ValueError, match="boolean"):
        number(True)


def test_parsing_gives_utc() -> None:
    assert parse_moment("2026-03-01T02:00:00+02:00", UTC) == datetime(2026, 3, 1, tzinfo=UTC)
