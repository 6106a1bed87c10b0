"""Global keys of deleted rows, which no other row can have until they are free again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labelbox_local.identifiers import now
from labelbox_local.store import as_list

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from labelbox_local.platform import Platform


def hold_keys(platform: Platform, write: sqlite3.Connection, numbers: list[int]) -> None:
    """Hold the keys of rows (by their `seq`) that are about to be deleted, for `global_key_free_seconds`."""
    moment = now()
    write.execute("DELETE FROM held_key WHERE free_at <= ?", (moment,))
    seconds = platform.switches.global_key_free_seconds
    if seconds > 0:
        write.execute(
            "INSERT OR REPLACE INTO held_key SELECT global_key, ? FROM data_row"
            " WHERE global_key IS NOT NULL AND seq IN (SELECT value FROM json_each(?))",
            (moment + int(seconds * 1_000_000), as_list(numbers)),
        )


def held_among(read: sqlite3.Connection, keys: Iterable[str]) -> set[str]:
    """Which of the keys are held at this moment."""
    found = read.execute(
        "SELECT global_key FROM held_key WHERE free_at > ? AND global_key IN (SELECT value FROM json_each(?))",
        (now(), as_list(keys)),
    )
    return {row["global_key"] for row in found}
