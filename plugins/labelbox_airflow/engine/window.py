"""Windows of time: which part of a source a run reads.

A window is half-open, ``[start, end)``, in UTC. A source says in the sync file how a window selects from it: by the
date in its paths, by the time its objects were modified, or by a column of its rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.rows.spec import Spec

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = timedelta(days=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(\d+)\s*([smhdw])")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_DIRECTIVE = re.compile(r"%-?[A-Za-z%]")
_TEXTS = dict.fromkeys("ymdHMS", r"\d{2}") | {"Y": r"\d{4}", "j": r"\d{3}", "b": r"\w+?", "B": r"\w+?"}


def parse_duration(text: str) -> timedelta:
    """Return the duration that ``text`` says: a whole number and a unit of ``s m h d w``, such as ``15m`` or ``1d``.

    :raises ConfigurationError: when the text is no such duration
    """
    match = _DURATION.fullmatch(text.strip())
    if not match:
        raise ConfigurationError(
            f"'{text}' is no duration",
            remedy="Write a whole number and a unit: s, m, h, d or w, such as 15m, 2h or 1d.",
        )
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def parse_timezone(name: str) -> ZoneInfo:
    """Return the time zone called ``name`` in the IANA database, such as ``Europe/Berlin``.

    :raises ConfigurationError: when there is none
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ConfigurationError(
            f"'{name}' is no time zone", remedy="Use a name of the IANA database, such as Europe/Berlin or UTC."
        ) from None


@dataclass(frozen=True, slots=True)
class Window:
    """The half-open span of time ``[start, end)`` that a run reads; both ends are kept in UTC.

    :raises ConfigurationError: when an end carries no time zone, or ``end`` comes before ``start``
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name, value in (("start", self.start), ("end", self.end)):
            if value.tzinfo is None or value.utcoffset() is None:
                raise ConfigurationError(
                    f"the {name} of the window, {value.isoformat()}, has no time zone",
                    remedy="Give it one, such as +00:00.",
                )
            object.__setattr__(self, name, value.astimezone(UTC))
        if self.end < self.start:
            raise ConfigurationError(
                f"the window ends at {self.end.isoformat()}, before its start at {self.start.isoformat()}",
                remedy="Swap since and until.",
            )

    def minus(self, lookback: timedelta) -> Window:
        """Return this window with its start moved back by ``lookback``, to read late data again."""
        return Window(self.start - lookback, self.end)

    def contains(self, moment: datetime) -> bool:
        """Tell whether ``moment`` lies in the window."""
        return self.start <= moment < self.end

    def __str__(self) -> str:
        return f"[{self.start.isoformat()}, {self.end.isoformat()})"


@dataclass(frozen=True, slots=True)
class DatedPath:
    """A path whose dates are filled in, and the span ``[start, end)`` of the slots that its text stands for, in UTC."""

    uri: str
    start: datetime
    end: datetime


def _duration_text(text: str) -> str:
    try:
        parse_duration(text)
    except ConfigurationError as error:
        raise ValueError(str(error)) from None
    return text


def _timezone_text(text: str) -> str:
    try:
        parse_timezone(text)
    except ConfigurationError as error:
        raise ValueError(str(error)) from None
    return text


Duration = Annotated[str, AfterValidator(_duration_text)]
TimezoneName = Annotated[str, AfterValidator(_timezone_text)]


class WindowSpec(Spec):
    """How a window of time selects from a source."""

    by: Literal["path", "modified", "column", "query"] = Field(
        description="By the `{date:…}` in the path, by the objects' modification time, by a column of the rows, or as "
        "the query of a database says with window.start and window.end."
    )
    every: Duration | None = Field(
        None, description="by: path only. The span of time that one path stands for, such as 1h; 1d unless given."
    )
    column: str | None = Field(None, min_length=1, description="by: column only. A column with ISO 8601 times.")
    lookback: Duration = Field("0s", description="Read this much before the window again, for late data.")
    timezone: TimezoneName = Field("UTC", description="Time zone of the dates in paths, and of times that carry none.")

    @model_validator(mode="after")
    def _keys_fit(self) -> Self:
        if self.by == "column" and self.column is None:
            raise ValueError("by: column needs the key column, the column with the time of each row")
        if self.by != "column" and self.column is not None:
            raise ValueError(f"column is for by: column, but this window is by: {self.by}")
        if self.by != "path" and self.every is not None:
            raise ValueError(f"every is for by: path, but this window is by: {self.by}")
        if self.every is not None and not parse_duration(self.every):
            raise ValueError("every must be longer than zero")
        return self

    @property
    def slot(self) -> timedelta:
        """The span of time that one path stands for; one day unless given."""
        return parse_duration(self.every) if self.every else DAY

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of dates in paths and of times that carry none."""
        return parse_timezone(self.timezone)

    def reach(self, window: Window) -> Window:
        """Return ``window`` with the lookback before it: what is really read."""
        return window.minus(parse_duration(self.lookback))


def is_dated(uri: str) -> bool:
    """Tell whether ``uri`` has a placeholder in braces, such as ``{date:%Y-%m-%d}``."""
    return bool(_PLACEHOLDER.search(uri))


def check_placeholders(uri: str) -> None:
    """Check that every placeholder of ``uri`` is ``{date:FORMAT}`` and that together they name a year.

    :raises ConfigurationError: when one is something else, or its format has a directive that is not understood
    """
    met = set()
    for found in _PLACEHOLDER.finditer(uri):
        kind, _, pattern = found[1].partition(":")
        letters = [directive[0][-1] for directive in _DIRECTIVE.finditer(pattern)]
        unknown = [letter for letter in letters if letter not in _TEXTS and letter != "%"]
        if kind != "date" or not letters or unknown:
            what = f": %{unknown[0]} is not understood" if kind == "date" and unknown else ""
            raise ConfigurationError(
                f"'{found[0]}' is no placeholder of a path{what}",
                where=uri,
                remedy=f"Write {{date:FORMAT}}, such as {{date:%Y-%m-%d}}, with %{', %'.join(_TEXTS)}.",
            )
        met.update(letters)
    if met and not met & {"Y", "y"}:
        raise ConfigurationError(
            "the dates of the path have no year", where=uri, remedy="Add %Y: the path must name one moment only."
        )


def dated(uri: str, moment: datetime) -> str:
    """Return ``uri`` with each ``{date:FORMAT}`` replaced by ``moment``, which must already be in the paths' zone."""
    return _PLACEHOLDER.sub(lambda found: moment.strftime(found[1].partition(":")[2]), uri)


def any_date(uri: str) -> str:
    """Return ``uri`` as a glob that matches the paths of every date: each strftime directive becomes ``*``."""
    return _PLACEHOLDER.sub(lambda found: _DIRECTIVE.sub(_star, found[1].partition(":")[2]), uri)


def date_in(uri: str, path: str, zone: ZoneInfo) -> datetime | None:
    """Return the date that ``path`` has where ``uri`` has placeholders, in ``zone``; None when it has none.

    :param uri: with placeholders, perhaps with globs
    :param path: one that :func:`any_date` of ``uri`` matches
    """
    expression, after, directives = "", 0, dict[str, None]()
    for found in _PLACEHOLDER.finditer(uri):
        expression += _glob_expression(uri[after : found.start()])
        expression += _date_expression(found[1].partition(":")[2], directives)
        after = found.end()
    match = re.fullmatch(expression + _glob_expression(uri[after:]), path)
    if match is None:
        return None
    try:
        moment = datetime.strptime("|".join(match.groups()), "|".join(directives))  # noqa: DTZ007  zone comes next
    except ValueError:
        return None
    return moment.replace(tzinfo=zone)


def _date_expression(pattern: str, directives: dict[str, None]) -> str:
    """Return a regular expression for a strftime ``pattern``, with one group for each directive not met before."""
    expression, after = "", 0
    for found in _DIRECTIVE.finditer(pattern):
        expression += re.escape(pattern[after : found.start()])
        after = found.end()
        letter = found[0][-1]
        if letter == "%":
            expression += "%"
            continue
        text = r"\d{1,2}" if found[0][1] == "-" else _TEXTS[letter]
        expression += f"(?:{text})" if f"%{letter}" in directives else f"({text})"
        directives[f"%{letter}"] = None
    return expression + re.escape(pattern[after:])


def _glob_expression(glob: str) -> str:
    """Return a regular expression that takes at least what ``glob`` does."""
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", glob)
    return "".join(wild.get(part) or ("[^/]" if part.startswith("[") else re.escape(part)) for part in parts)


def _star(directive: re.Match[str]) -> str:
    return "%" if directive[0] == "%%" else "*"


def expand_path(uri: str, window: Window, every: timedelta = DAY, timezone: ZoneInfo | str = "UTC") -> list[DatedPath]:
    """Return the paths of the slots that were completed in ``window``, oldest first.

    Time is cut into slots of ``every``. A slot belongs to the one window that holds its *end*, counted as
    ``start < slot end <= end``: its path is read once the data can be complete, each slot belongs to exactly one of
    several adjoining windows, and three daily windows read what one window of three days reads. (For windows that
    begin and end at slot boundaries this is the same as asking for the slot's start in ``[start, end)``.)

    Slots of whole days begin at midnight in ``timezone`` and so last 23 or 25 hours when clocks change; those of
    several days are counted from a Monday, so a week begins on Monday. Other slots are counted from the epoch in UTC.
    A path with the same text for several slots comes once, with the end of the last of them.

    :raises ConfigurationError: for a placeholder other than ``{date:FORMAT}``, or an unknown time zone
    """
    check_placeholders(uri)
    zone = parse_timezone(timezone) if isinstance(timezone, str) else timezone
    paths: dict[str, DatedPath] = {}
    for start, end in _slots(window, every, zone):
        text = dated(uri, start.astimezone(zone))
        first = paths[text].start if text in paths else start
        paths[text] = DatedPath(text, first, end)
    return list(paths.values())


def slot_of(moment: datetime, every: timedelta, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return start and end, in UTC, of the slot of ``every`` that holds ``moment`` (see :func:`expand_path`)."""
    if every % DAY:
        start = EPOCH + (moment - EPOCH) // every * every
        return start, start + every
    days = every // DAY
    ordinal = moment.astimezone(zone).toordinal()
    first = ordinal - (ordinal - 1) % days  # ordinal 1 is a Monday
    return _midnight(first, zone), _midnight(first + days, zone)


def _midnight(ordinal: int, zone: ZoneInfo) -> datetime:
    return datetime.fromordinal(ordinal).replace(tzinfo=zone).astimezone(UTC)


def _slots(window: Window, every: timedelta, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """Yield the slots with ``window.start < slot end <= window.end``."""
    start, end = slot_of(window.start, every, zone)
    while end <= window.end and window.start < window.end:
        yield start, end
        start, end = slot_of(end, every, zone)
