"""Metadata values: from what a source holds to the JSON text Labelbox stores, by kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from labelbox_airflow.engine.columns import json_texts
from labelbox_airflow.engine.rows.spec import MetadataKind, MetadataSpec
from labelbox_airflow.engine.rows.values import as_text

MAX_STRING = 4096  # characters; docs.labelbox.com/reference/metadata

Convert = Callable[[Any], str]
"""From a value that is not null to its JSON text; raises ValueError with the reason."""


def converter(kind: MetadataKind, spec: MetadataSpec) -> Convert:
    """Return the conversion of one field's values, remembering those it has met (columns repeat themselves)."""
    convert = _of_kind(kind, spec)
    met: dict[Any, str] = {}

    def remembered(value: Any) -> str:
        known = value.__class__, value  # True == 1 == 1.0, but they are written differently
        try:
            return met[known]
        except KeyError:
            text = convert(value)
        except TypeError:  # unhashable: a list or a struct
            return convert(value)
        if len(met) < 10_000:
            met[known] = text
        return text

    return remembered


def _of_kind(kind: MetadataKind, spec: MetadataSpec) -> Convert:
    if kind == "number":
        return number
    if kind == "datetime":
        zone = ZoneInfo(spec.timezone)
        return lambda value: moment(value, zone, spec.format)
    return string


def convert_column(kind: MetadataKind, spec: MetadataSpec, texts: pa.Array) -> pa.Array | None:
    """Return a column of texts as JSON text, as :func:`converter` would one by one; None where one needs a closer look.

    Enums are not for this.
    """
    if kind == "string":
        longest = pc.max(pc.utf8_length(texts)).as_py() or 0
        return json_texts(texts) if longest <= MAX_STRING else None
    try:
        return _numbers(texts) if kind == "number" else _moments(texts) if spec.format is None else None
    except pa.ArrowInvalid:
        return None


def _numbers(texts: pa.Array) -> pa.Array | None:
    numbers = pc.cast(texts, pa.float64()).fill_null(0.0)
    if not pc.all(pc.is_finite(numbers), min_count=0).as_py():
        return None
    written = orjson.dumps(numbers.to_numpy(), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].decode()
    column = pa.array(written.split(",") if written else [], pa.string())
    return pc.if_else(texts.is_valid(), column, None)


def _moments(texts: pa.Array) -> pa.Array | None:
    moments = pc.cast(texts, pa.timestamp("s", "UTC"))  # takes ISO 8601 with a zone, to the second
    years = pc.min_max(pc.year(moments)).as_py()
    if years["min"] is not None and (years["min"] < 2 or years["max"] > 9998):  # Python's calendar ends there
        return None
    # Without the zone, which is UTC, Arrow writes times in a thirtieth of the time.
    written = pc.cast(moments.view(pa.timestamp("s")), pa.string())
    return pc.binary_join_element_wise('"', pc.binary_replace_slice(written, 10, 11, "T"), 'Z"', "")


def string(value: Any) -> str:
    """Return a text as JSON; enums are named by their option, so they are texts too."""
    text = value if isinstance(value, str) else as_text(value)
    if text is None or isinstance(value, (list, dict)):
        raise ValueError("is no single value")
    if len(text) > MAX_STRING:
        raise ValueError(f"has {len(text):,} characters; Labelbox takes {MAX_STRING:,}")
    return orjson.dumps(text).decode()


def number(value: Any) -> str:
    """Return a 64-bit float as JSON."""
    if isinstance(value, bool):
        raise ValueError("is a boolean, not a number")  # noqa: TRY004  one exception type for all reasons
    if isinstance(value, str) and "_" in value:  # Python reads 1_000
        raise ValueError("is no number (use a point for decimals, no thousands separators)")
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise ValueError("is no number (use a point for decimals, no thousands separators)") from None
    if not math.isfinite(result):
        raise ValueError("is not finite")
    return orjson.dumps(result).decode()


def moment(value: Any, zone: tzinfo, format_: str | None) -> str:
    """Return a date or time as JSON in UTC, to the second, as the SDK writes it."""
    parsed = parse_moment(value, zone, format_)
    return f'"{parsed.replace(tzinfo=None).isoformat(timespec="seconds")}Z"'


def parse_moment(value: Any, zone: tzinfo, format_: str | None = None) -> datetime:
    """Return ``value`` as a datetime in UTC; one without a zone is taken to be in ``zone``.

    :raises ValueError: when it is no datetime
    """
    if isinstance(value, datetime):
        parsed = value
    elif isinstance(value, date):
        parsed = datetime(value.year, value.month, value.day, tzinfo=zone)
    elif isinstance(value, str):
        parsed = _parse_text(value.strip(), format_)
    else:
        raise ValueError(f"is no date or time but {type(value).__name__}")  # noqa: TRY004
    try:
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:  # the first and last days of the calendar, in another zone
        raise ValueError("is out of range in UTC: years go from 1 to 9999") from None


def _parse_text(text: str, format_: str | None) -> datetime:
    try:
        if format_ is not None:
            return datetime.strptime(text, format_)  # noqa: DTZ007  the caller adds the zone
        return datetime.fromisoformat(text)
    except ValueError:
        expected = f"of the form {format_}" if format_ else "in ISO 8601 (set format: for another form)"
        raise ValueError(f"is no date or time {expected}") from None
