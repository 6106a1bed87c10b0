"""SQL statements whose values are bound by the driver, never pasted into the text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from labelbox_airflow.engine.errors import ConfigurationError

if TYPE_CHECKING:
    from datetime import datetime

_MARK = re.compile("\x00")


@dataclass(frozen=True, slots=True)
class QueryWindow:
    """What a template calls ``window``: the moments that it begins and, exclusively, ends with."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Statement:
    """Text in pieces, and the values between them.

    :param pieces: one more than ``values``
    """

    pieces: Sequence[str]
    values: Sequence[Any] = ()

    def bound(self, paramstyle: str) -> tuple[str, Sequence[Any] | Mapping[str, Any] | None]:
        """Return the text with the placeholders of a driver, and what to bind to them; None where that is nothing.

        :param paramstyle: as in DB-API: qmark, numeric, named, format or pyformat
        """
        if not self.values:
            return "".join(self.pieces), None
        holder, doubled = _HOLDERS[paramstyle]
        pieces = [piece.replace("%", "%%") for piece in self.pieces] if doubled else self.pieces
        text = "".join(
            f"{piece}{holder.format(number) if number <= len(self.values) else ''}"
            for number, piece in enumerate(pieces, start=1)
        )
        if paramstyle == "named":
            return text, {f"value_{number}": value for number, value in enumerate(self.values, start=1)}
        return text, tuple(self.values)


# The placeholder of each style, and whether a percent sign that is none is written twice.
_HOLDERS = {
    "qmark": ("?", False),
    "numeric": (":{}", False),
    "named": (":value_{}", False),
    "format": ("%s", True),
    "pyformat": ("%s", True),
}


def rendered(template: str, variables: Mapping[str, Any], place: str) -> Statement:
    """Render a Jinja template; what stands in ``{{ … }}`` is bound as a value.

    :raises ConfigurationError: for a template that is none, or a name that is not there
    """
    from jinja2 import StrictUndefined, TemplateError, pass_context
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    values: list[Any] = []

    @pass_context  # else constants are bound once, when the template is compiled
    def bind(_context: Any, value: Any) -> str:
        if isinstance(value, StrictUndefined):
            str(value)  # raises with the name
        values.append(value)
        return "\x00"

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, finalize=bind, keep_trailing_newline=True)
    try:
        text = environment.from_string(template.replace("\x00", "")).render(variables)
    except (TemplateError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"the template of the query cannot be rendered ({error})",
            where=place,
            remedy="It knows window.start, window.end and params.",
        ) from error
    return Statement(_MARK.split(text.strip().rstrip(";")), values)


def names_window(template: str, place: str) -> bool:
    """Tell whether a template reads ``window``.

    :raises ConfigurationError: for a template that is none
    """
    from jinja2 import Environment, TemplateSyntaxError, meta

    try:
        return "window" in meta.find_undeclared_variables(Environment(autoescape=True).parse(template))
    except TemplateSyntaxError as error:
        raise ConfigurationError(f"the query is no Jinja template ({error})", where=place) from error
