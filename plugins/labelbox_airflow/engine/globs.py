"""Globs over paths with slashes: ``*``, ``?`` and ``[…]`` within a segment, ``**`` for any number of segments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

_MAGIC = re.compile(r"[*?\[]")


def is_glob(path: str) -> bool:
    """Tell whether ``path`` matches names rather than being one."""
    return _MAGIC.search(path) is not None


def fixed_beginning(segment: str) -> str:
    """Return ``segment`` up to its first wildcard."""
    return _MAGIC.split(segment, maxsplit=1)[0]


def fixed_folder(path: str) -> str:
    """Return the folder of ``path`` up to its first segment with a wildcard, without a slash at the end.

    Of a path without wildcards it is the folder of the file.
    """
    segments = path.split("/")
    first = next((index for index, segment in enumerate(segments) if is_glob(segment)), len(segments) - 1)
    return "/".join(segments[:first])


def fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Tell whether the segments of a path fit those of a glob."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(fits(parts[skipped:], pattern[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and bool(parts[0]) and fnmatchcase(parts[0], pattern[0]) and fits(parts[1:], pattern[1:])
