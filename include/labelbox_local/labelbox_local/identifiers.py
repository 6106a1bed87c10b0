"""Identifiers of 25 characters, and timestamps as microseconds since the epoch."""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
_FOUR_DIGITS = 36**4
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_counter = itertools.count(secrets.randbelow(36**4))
_process = "".join(secrets.choice(_DIGITS) for _ in range(8))
_lock = threading.Lock()


def _base36(number: int, length: int) -> str:
    """`number` in base 36, two digits at a time; `length` is even."""
    digits: list[str] = []
    for _ in range(length // 2):
        number, pair = divmod(number, 1296)
        digits.append(_PAIRS[pair])
    return "".join(reversed(digits))


def new_ids(count: int) -> list[str]:
    """`count` ids that start with `c`; ids made one after the other sort in that order nearly always.

    The SDK requires metadata and feature ids of exactly 25 characters.
    """
    stamp = "c" + _base36(time.time_ns() // 1_000_000, 8)
    if not count:
        return []
    with _lock:
        numbers = list(itertools.islice(_counter, count))
    # Consecutive numbers mostly differ in their last four digits only.
    heads = {high: stamp + _base36(high, 4) for high in {numbers[0] // _FOUR_DIGITS, numbers[-1] // _FOUR_DIGITS}}
    return [
        f"{heads[number // _FOUR_DIGITS]}{_PAIRS[number // 1296 % 1296]}{_PAIRS[number % 1296]}{_process}"
        for number in numbers
    ]


def new_id() -> str:
    return new_ids(1)[0]


def endless_ids() -> Iterator[str]:
    """Ids one after the other, made many at a time."""
    while True:
        yield from new_ids(1_000)


def now() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


def to_datetime(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)


def to_microseconds(moment: datetime) -> int:
    """A moment without a time zone is taken as UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def timestamp(microseconds: int) -> str:
    """The form the SDK parses: fraction and Z are both required (`%Y-%m-%dT%H:%M:%S.%fZ`)."""
    return to_datetime(microseconds).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def export_time(microseconds: int) -> str:
    """The form exports show: milliseconds and an offset."""
    return to_datetime(microseconds).isoformat(timespec="milliseconds")
