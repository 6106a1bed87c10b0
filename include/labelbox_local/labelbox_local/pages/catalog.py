"""The catalog: data rows as tiles, a page of them at a time, by place in the index and never by counting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from labelbox_local.errors import NotFoundError
from labelbox_local.pages.classes import Classes
from labelbox_local.pages.overview import name_of
from labelbox_local.pages.records import read_records
from labelbox_local.pages.tiles import Tile, tile_of

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_ROWS = 24
_PLACES = ("dataset", "project", "batch")
_KNOWN = {*_PLACES, "key", "after"}


@dataclass(slots=True)
class _Page:
    numbers: list[int]
    after: str | None  # where the next page begins


def read(platform: Platform, asked: dict[str, str]) -> dict[str, Any]:
    """What the template needs: the tiles of a dataset, project or batch, or of all, newest first.

    `asked` may have `dataset`, `project` or `batch` (ids), `key` (how global keys begin; then by key), and `after`.

    Raises:
        NotFoundError: the place is not there, or `after` is not from a page of this kind.
    """
    asked = {name: value for name, value in asked.items() if name in _KNOWN and value}
    place = next((name for name in _PLACES if name in asked), None)
    title = name_of(platform, place, asked[place]) if place else "All data rows"
    page = _by_key(platform, asked, place) if "key" in asked else _newest(platform, asked, place)
    classes = Classes(platform)
    tiles: list[Tile] = [tile_of(record, classes) for record in read_records(platform, page.numbers)]
    return {
        "title": title,
        "place": place,
        "place_id": asked.get(place or "", ""),
        "key": asked.get("key", ""),
        "tiles": tiles,
        "classes": list(classes),
        "later": urlencode({**asked, "after": page.after}) if page.after is not None else None,
        "is_first": "after" not in asked,
    }


def _newest(platform: Platform, asked: dict[str, str], place: str | None) -> _Page:
    """By `seq`, which the indexes of datasets, projects and batches end with."""
    after = asked.get("after", str(2**62))
    if not after.isascii() or not after.isdigit() or len(after) > 19:
        raise NotFoundError(f"There is no page after '{after}'")
    if place in {"project", "batch"}:
        sql = (
            f"SELECT data_row AS seq FROM project_row WHERE {place} = ? AND data_row < ? ORDER BY data_row DESC LIMIT ?"  # noqa: S608
        )
    else:
        where = "dataset = ?" if place else "? IS NULL"
        sql = f"SELECT seq FROM data_row WHERE {where} AND seq < ? ORDER BY seq DESC LIMIT ?"  # noqa: S608
    found = platform.store.rows(sql, asked.get(place or ""), int(after), _ROWS + 1)
    numbers = [row["seq"] for row in found]
    return _Page(numbers[:_ROWS], str(numbers[_ROWS - 1]) if len(numbers) > _ROWS else None)


def _by_key(platform: Platform, asked: dict[str, str], place: str | None) -> _Page:
    """By global key, of those that begin as asked."""
    key = asked["key"]
    inside = {
        None: "? IS NULL",
        "dataset": "dataset = ?",
        "project": "seq IN (SELECT data_row FROM project_row WHERE project = ?)",
        "batch": "seq IN (SELECT data_row FROM project_row WHERE batch = ?)",
    }[place]
    found = platform.store.rows(
        "SELECT seq, global_key FROM data_row WHERE global_key >= ? AND global_key < ? AND global_key > ?"  # noqa: S608
        f" AND {inside} ORDER BY global_key LIMIT ?",
        key, key + "\U0010ffff", asked.get("after", ""), asked.get(place or ""), _ROWS + 1,
    )  # fmt: skip
    numbers = [row["seq"] for row in found]
    return _Page(numbers[:_ROWS], found[_ROWS - 1]["global_key"] if len(found) > _ROWS else None)
