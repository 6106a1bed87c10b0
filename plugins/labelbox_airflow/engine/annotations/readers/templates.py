"""Templates of global keys."""

from __future__ import annotations

from string import Formatter


def names_in(template: str) -> set[str]:
    """Return the names in braces.

    :raises ValueError: braces that do not match
    """
    return {name for _, name, _, _ in Formatter().parse(template) if name}
