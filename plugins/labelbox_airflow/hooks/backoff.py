"""How long to wait before a request is repeated."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LONGEST_PAUSE = 30.0


def pause_before_repeat(failures: int, retry_after: float | None) -> float:
    """Return the seconds to wait after so many ``failures`` in a row.

    What the server asked for is honoured, plus up to a second, so that parallel senders do not return all at once;
    without it the wait doubles from one second on, with full jitter.
    """
    if retry_after is not None:
        return retry_after + random.uniform(0, min(1.0, retry_after))  # noqa: S311 (spreads load, guards nothing)
    return random.uniform(0, min(_LONGEST_PAUSE, 2.0 ** (failures - 1)))  # noqa: S311


def read_retry_after(value: str | None) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for, or None.

    It is a number of seconds or an HTTP date (RFC 9110, section 10.2.3).
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
