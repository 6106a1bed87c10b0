"""The data rows of a project that annotations are for: their assets, and the labels they have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from labelbox_airflow.engine.annotations.checks import Asset
from labelbox_airflow.engine.annotations.slots import Slots, slot_of
from labelbox_airflow.engine.api.data_rows import batched
from labelbox_airflow.engine.api.exports import KEYS_PER_EXPORT, export_project
from labelbox_airflow.engine.transport import Transport

FEW_EXPORTS = 5  # rather than so many exports by key, the whole project is exported
BY_ID = "\x1fid "  # begins the identity of a data row that is named by its id

_NUMBERS = ("width", "height", "frame_count", "duration", "page_count", "character_count")


@dataclass(frozen=True, slots=True)
class SeenLabel:
    """A label of a data row; ``edited_at`` is when its annotations were last changed, both by the clock of Labelbox."""

    id: str
    created_by: str | None
    created_at: datetime | None
    edited_at: datetime | None


@dataclass(frozen=True, slots=True)
class Target:
    """A data row that is in the project."""

    id: str
    global_key: str | None
    asset: Asset
    labels: Sequence[SeenLabel]


class Targets:
    """The data rows of a project, read once and kept by slot."""

    def __init__(self, slots: Slots, media_type: str | None) -> None:
        self._slots, self._media_type = slots, media_type

    def read(self, transport: Transport, project_id: str, identities: Iterable[str]) -> None:
        """Ask Labelbox for those of these data rows that are in the project.

        :param identities: global keys, or ids behind :data:`BY_ID`
        """
        wanted = list(identities)
        by_id = [each.removeprefix(BY_ID) for each in wanted if each.startswith(BY_ID)]
        keys = [each for each in wanted if not each.startswith(BY_ID)]
        if len(wanted) > FEW_EXPORTS * KEYS_PER_EXPORT:
            self._keep(export_project(transport, project_id), wanted_ids=bool(by_id))
            return
        for some in batched(keys, KEYS_PER_EXPORT):
            self._keep(export_project(transport, project_id, keys=some))
        for some in batched(by_id, KEYS_PER_EXPORT):
            self._keep(export_project(transport, project_id, ids=some), wanted_ids=True)

    def of_slot(self, slot: int) -> dict[str, Target]:
        """Return identity → data row, of the identities of a slot."""
        return {record[0]: self._target(record) for record in self._slots.read(slot)}

    def _keep(self, rows: Iterable[Mapping[str, Any]], *, wanted_ids: bool = False) -> None:
        for row in rows:
            data_row = row["data_row"]
            key = data_row.get("global_key")
            attributes = row.get("media_attributes") or {}
            numbers = tuple(_number(attributes.get(name)) for name in _NUMBERS)
            rest = (data_row["id"], key, numbers, tuple(_labels(row)))
            identities = ([key] if key is not None else []) + ([f"{BY_ID}{data_row['id']}"] if wanted_ids else [])
            for identity in identities:
                self._slots.add(slot_of(identity), (identity, *rest))

    def _target(self, record: tuple[Any, ...]) -> Target:
        _, id_, key, (width, height, frames, seconds, pages, characters), labels = record
        milliseconds = None if seconds is None else round(seconds * 1000)
        asset = Asset(
            media_type=self._media_type,
            width=_whole(width),
            height=_whole(height),
            characters=_whole(characters),
            frames=_whole(frames),
            milliseconds=milliseconds,
            pages=_whole(pages),
        )
        return Target(id_, key, asset, [SeenLabel(a, b, _moment(c), _moment(d)) for a, b, c, d in labels])


def _labels(row: Mapping[str, Any]) -> Iterator[tuple[str, str | None, str | None, str | None]]:
    for project in (row.get("projects") or {}).values():
        for label in project.get("labels") or ():
            details = label.get("label_details") or {}
            edited = details.get("content_last_updated_at") or details.get("updated_at")
            yield label["id"], details.get("created_by"), details.get("created_at"), edited


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


class AssetSizes:
    """Width and height of the assets of a project's data rows, asked for all at once when the first is wanted."""

    def __init__(self, transport: Transport, project_id: str) -> None:
        self._transport, self._project_id = transport, project_id
        self._sizes: dict[str, tuple[int, int]] | None = None

    def __call__(self, key: str) -> tuple[int, int] | None:
        """Return width and height in pixels of the data row of a global key, None where Labelbox does not know."""
        if self._sizes is None:
            self._sizes = dict(self._read())
        return self._sizes.get(key)

    def _read(self) -> Iterator[tuple[str, tuple[int, int]]]:
        for row in export_project(self._transport, self._project_id):
            attributes, key = row.get("media_attributes") or {}, row["data_row"].get("global_key")
            width, height = _number(attributes.get("width")), _number(attributes.get("height"))
            if key is not None and width and height:
                yield key, (int(width), int(height))
