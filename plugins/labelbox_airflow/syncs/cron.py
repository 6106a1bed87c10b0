"""Schedules as cron: what `every: 2h` means in five fields, and whether five fields mean anything."""

from __future__ import annotations

import re
from datetime import timedelta

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.window import parse_duration

MINUTES_A_DAY = 24 * 60
SYNONYMS = {"1h": "hour", "60m": "hour", "1d": "day", "24h": "day", "1w": "week", "7d": "week"}
FIELDS = (
    ("minute", range(60), ()),
    ("hour", range(24), ()),
    ("day of month", range(1, 32), ()),
    ("month", range(1, 13), ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    ("day of week", range(8), ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
# One item of a field: *, 5, 1-5, mon-fri, */15, and what croniter adds: L (last), 5#2 (second Friday).
ITEM = re.compile(r"(\*|\?|l[0-7]?|(?P<first>\w+)(-(?P<last>\w+))?(#[1-5])?)(/[1-9]\d*)?")


def checked_cron(expression: str) -> str:
    """Return ``expression`` if it is a cron expression of five fields.

    :raises ValueError: it is not
    """
    parts = expression.split()
    if len(parts) != len(FIELDS):
        raise ValueError(
            f"cron '{expression}' has {len(parts)} field{'' if len(parts) == 1 else 's'}; "
            "write five: minute hour day-of-month month day-of-week, such as '30 2 * * *'"
        )
    for part, (name, numbers, words) in zip(parts, FIELDS, strict=True):
        known = {*map(str, numbers), *words}
        for item in part.lower().split(","):
            found = ITEM.fullmatch(item)
            if not found or any(
                value and (value.lstrip("0") or "0") not in known for value in found.group("first", "last")
            ):
                raise ValueError(
                    f"cron '{expression}': '{item}' is no {name}; numbers go from {numbers[0]} to {numbers[-1]}"
                )
    return expression


def cron_of(every: str, at: str | None) -> str:
    """Return the five cron fields of ``every`` (hour, day, week, month or a duration) and ``at`` (HH:MM).

    :raises ValueError: ``every`` is neither, or cron cannot say it, or ``at`` does not go with it
    """
    every = SYNONYMS.get(every, every)
    hour, minute = (int(part) for part in (at or "00:00").split(":"))
    dates = {"day": "* * *", "week": "* * 1", "month": "1 * *"}
    if every in dates:
        return f"{minute} {hour} {dates[every]}"
    if at:
        raise ValueError(f"'at' goes with every day, week or month, not with every {every}")
    return "0 * * * *" if every == "hour" else _within_a_day(every)


def _within_a_day(every: str) -> str:
    try:
        interval = parse_duration(every)
    except ConfigurationError as error:
        raise ValueError(f"every: '{every}' is not hour, day, week, month or a duration such as 15m or 2h") from error
    minutes, rest = divmod(interval, timedelta(minutes=1))
    if minutes == 0 or rest:
        raise ValueError(f"every {every} is not a whole number of minutes")
    if minutes < 60 and 60 % minutes == 0:
        return f"*/{minutes} * * * *"
    if minutes % 60 == 0 and MINUTES_A_DAY % minutes == 0:
        return "0 0 * * *" if minutes == MINUTES_A_DAY else f"0 */{minutes // 60} * * *"
    raise ValueError(
        f"every {every} does not divide an hour or a day evenly; "
        "choose 1m, 2m, 5m, 10m, 15m, 30m, 1h, 2h, 3h, 4h, 6h, 8h or 12h, or write a cron expression"
    )
