"""Removing old releases."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from labelbox_airflow.engine.exports.files.release import MANIFEST, read_manifest, release_names
from labelbox_airflow.engine.exports.files.target import Target

_OF_RUN = re.compile(r"(\d{8}T\d{6}Z)-[0-9a-f]{8}")  # as `new_release` makes them
_LONGEST_RUN = timedelta(days=7)


def keep_last(folder: Target, keep: int, now: datetime | None = None) -> list[str]:
    """Remove all releases but those created last, and what killed runs left; return the names of what was removed.

    The latest release always stays. A release's manifest goes first, so that no half of it looks whole. Left by a
    killed run are folders without a manifest whose name this package made more than seven days ago.

    :param keep: how many stay, 1 or more
    :raises ValueError: ``keep`` is less
    """
    if keep < 1:
        raise ValueError(f"keep is {keep}, and must be 1 or more")
    complete = release_names(folder)
    if not complete:
        return []
    latest = read_manifest(folder).release
    created = {name: read_manifest(folder, name).created for name in complete}
    newest = sorted(complete, key=lambda name: (name == latest, created[name]), reverse=True)
    left = _left(folder, set(complete), (now or datetime.now(UTC)) - _LONGEST_RUN)
    for name in newest[keep:]:
        folder.below(name).below(MANIFEST).remove()
    removed = [*newest[keep:], *left]
    for name in removed:
        folder.below(name).remove()
    return sorted(removed)


def _left(folder: Target, complete: set[str], before: datetime) -> list[str]:
    found = []
    for name in folder.names():
        match = _OF_RUN.fullmatch(name)
        if match and name not in complete:
            begun = datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            if begun < before:
                found.append(name)
    return found
