"""Are the objects of a source complete: is the marker there, and has nothing changed for a while?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from labelbox_airflow.engine.globs import fixed_folder
from labelbox_airflow.engine.parallel import map_in_order
from labelbox_airflow.engine.window import Window, any_date, date_in, dated, parse_duration
from labelbox_airflow.sources.annotations import AnnotationFilesSpec
from labelbox_airflow.sources.listing import StoredObject, each_match
from labelbox_airflow.sources.location import Location, LocationSpec
from labelbox_airflow.sources.objects import ObjectSourceSpec
from labelbox_airflow.sources.tables import TableSourceSpec

if TYPE_CHECKING:
    from labelbox_airflow.engine.window import WindowSpec

AwaitedSpec = TableSourceSpec | ObjectSourceSpec | AnnotationFilesSpec  # those with a LocationSpec

THREADS = 8
SHOWN = 5


class Readiness:
    """Looks whether what a run is to read is ready.

    A window by path is ready when each of its paths is. A lookback is not waited for: what it reads again was ready
    once. Where the window has very many paths, those count whose folder is there.

    :param base: what a relative ``uri`` is relative to
    :param fresh: see :class:`Location`
    """

    def __init__(self, spec: LocationSpec, base: Path | None = None, *, fresh: bool = False) -> None:
        how = spec.window.model_copy(update={"lookback": "0s"}) if spec.window is not None else None
        self._spec = spec
        self._how: WindowSpec | None = how
        self._location = Location(spec.model_copy(update={"window": how}), base, fresh=fresh)

    def check(self) -> None:
        """Raise unless the connection works and its bucket is there.

        :raises ConfigurationError: for an unknown connection or refused credentials
        :raises SourceError: for a missing bucket, or a storage that does not answer
        """
        self._location.storage.require_container(self._location.uri)

    def close(self) -> None:
        """Let go of a storage that was opened fresh."""
        self._location.storage.close()

    def waiting_for(self, window: Window | None, now: datetime | None = None) -> list[str]:
        """Return what is not ready yet, a sentence each; empty when all is.

        :param window: None for everything
        :param now: the present moment, for tests
        :raises SourceUnavailableError: when the storage does not answer
        """
        self._location.storage.forget_listings()
        waiting = list(self._missing_markers(window)) if self._spec.wait_for is not None else []
        if self._spec.settle is not None and not waiting:
            waiting += self._unsettled(window, now or datetime.now(UTC))
        return waiting

    def _missing_markers(self, window: Window | None) -> Iterator[str]:
        markers = [f"{folder}/{self._spec.wait_for}" for folder in self._folders(window)]
        for marker, there in zip(markers, map_in_order(self._is_file, markers, threads=THREADS), strict=True):
            if not there:
                yield f"{marker} is not there"

    def _is_file(self, uri: str) -> bool:
        storage = self._location.storage
        with storage.reading(uri):
            info = storage.info(storage.path_of(uri))
        return info is not None and info["type"] == "file"

    def _folders(self, window: Window | None) -> list[str]:
        """Return the folders of what is to be read, without globs."""
        uri, everything = self._location.uri, any_date(self._location.uri)
        selections = list(self._location.selections(window))
        if self._how is None or uri == everything or [one.uri for one in selections] != [everything]:
            return list(dict.fromkeys(fixed_folder(selection.uri) for selection in selections))
        (selection,) = selections
        found = (item for item in self._each(everything) if selection.time_of(item) is not None)
        moments = (date_in(uri, item.place, self._how.zone) for item in found)
        return sorted({fixed_folder(dated(uri, moment)) for moment in moments if moment is not None})

    def _unsettled(self, window: Window | None, now: datetime) -> Iterator[str]:
        least = parse_duration(self._spec.settle or "0s")
        for selection in self._location.selections(window):
            newest: StoredObject | None = None
            for item in self._each(selection.uri):
                newest = item if newest is None or item.modified_at > newest.modified_at else newest
            if newest is None:
                yield f"nothing is at {selection.uri}"
            elif now - newest.modified_at < least:
                ago = max(0, round((now - newest.modified_at).total_seconds()))
                yield f"{newest.place} changed {ago:,} s ago, which is less than {self._spec.settle}"

    def _each(self, uri: str) -> Iterator[StoredObject]:
        """Yield the objects of a URI, and the sidecars beside them."""
        yield from each_match(self._location.storage, uri, may_be_missing=True)
        if isinstance(self._spec, ObjectSourceSpec) and self._spec.sidecar is not None:
            yield from each_match(self._location.storage, self._spec.sidecar.glob_for(uri))


def shortened(waiting: list[str]) -> str:
    """Return what is waited for as the end of a message, the first few of them."""
    more = f", and {len(waiting) - SHOWN:,} more" if len(waiting) > SHOWN else ""
    return ", ".join(waiting[:SHOWN]) + more
