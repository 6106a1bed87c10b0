"""Where a source's objects are, and which of them a run's window selects."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.globs import is_glob
from labelbox_airflow.engine.rows.spec import Spec
from labelbox_airflow.engine.window import (
    Duration,
    Window,
    WindowSpec,
    any_date,
    check_placeholders,
    date_in,
    dated,
    expand_path,
    is_dated,
    parse_duration,
    slot_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from labelbox_airflow.sources.listing import StoredObject
    from labelbox_airflow.sources.storage import Storage

_log = logging.getLogger(__name__)

MANY_SLOTS = 1000  # beyond, listing all dates at once is cheaper than listing each


class LocationSpec(Spec):
    """Objects in object storage or on a local disk, and when they are ready to be read."""

    uri: str = Field(
        min_length=1,
        description="`s3://…`, `gs://…`, `abfs://…`, `file://…` or a path; globs and `{date:%Y-%m-%d}` are understood.",
    )
    connection: str | None = Field(
        None, min_length=1, description="Airflow connection; without it the cloud's own default credentials."
    )
    window: WindowSpec | None = Field(None, description="How a run's window selects; without it every run reads all.")
    wait_for: str | None = Field(
        None, min_length=1, description="Wait until this file, such as `_SUCCESS`, is in the folder of each path read."
    )
    settle: Duration | None = Field(
        None, description="Wait until there are objects and none of them changed for so long, such as `10m`."
    )
    wait_timeout: Duration = Field("6h", description="How long to wait before the run fails.")
    poke_interval: Duration = Field("1m", description="How often to look while waiting.")

    @model_validator(mode="after")
    def _uri_fits_window(self) -> Self:
        try:
            check_placeholders(self.uri)
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        if "@" in self.uri.partition("://")[2].partition("/")[0]:
            raise ValueError(f"the uri '{self.uri}' has an '@'; name the connection under connection:")
        if self.window is not None and self.window.by == "query":
            raise ValueError("window: {by: query} is for the query of a source of type sql")
        by_path = self.window is not None and self.window.by == "path"
        if is_dated(self.uri) and not by_path:
            raise ValueError(f"the uri '{self.uri}' has a {{date:…}}; it needs window: {{by: path}}")
        if by_path and not is_dated(self.uri):
            raise ValueError(f"window: {{by: path}} needs a {{date:…}} in the uri, and '{self.uri}' has none")
        return self

    @model_validator(mode="after")
    def _wait_makes_sense(self) -> Self:
        if self.wait_for is not None and ({"", ".", ".."} & set(self.wait_for.split("/")) or "*" in self.wait_for):
            raise ValueError(f"wait_for: '{self.wait_for}' is no file's name, such as _SUCCESS or status/done.txt")
        for key in ("wait_timeout", "poke_interval"):
            if not self.waits and key in self.model_fields_set:
                raise ValueError(f"{key} says nothing without wait_for or settle")
            if not parse_duration(getattr(self, key)):
                raise ValueError(f"{key} must be longer than zero")
        return self

    @property
    def waits(self) -> bool:
        """Whether a run waits until the objects are ready."""
        return self.wait_for is not None or self.settle is not None


@dataclass(frozen=True, slots=True)
class Selection:
    """Objects of one URI that a run reads.

    :ivar uri: dates filled in, or for very many of them any
    :ivar time_of: when the rows of an object became current, UTC; None where the window does not select it
    """

    uri: str
    time_of: Callable[[StoredObject], datetime | None]


class Location:
    """The objects of one source.

    :param base: what a relative ``uri`` is relative to; the working directory when None
    :param fresh: open the storage anew, where a process lives longer than credentials may
    :ivar uri: with a scheme, or an absolute path
    :ivar missing: the URIs, dates filled in, that matched nothing since :meth:`selections` was called last
    """

    def __init__(self, spec: LocationSpec, base: Path | None = None, *, fresh: bool = False) -> None:
        self.spec = spec
        self.uri = absolute_uri(spec.uri, base)
        self.missing: list[str] = []
        self._fresh = fresh
        self._opened: Storage | None = None

    @property
    def storage(self) -> Storage:
        """The storage that holds the objects."""
        if self._opened is None:
            from labelbox_airflow.sources.storage import open_storage

            self._opened = open_storage(self.uri, self.spec.connection, fresh=self._fresh)
        return self._opened

    def check(self) -> None:
        """Raise unless the connection works, its bucket is there, and, where the URI names one file, that file.

        :raises ConfigurationError: for an unknown connection or refused credentials
        :raises SourceError: for a missing bucket or file, or a storage that does not answer
        """
        if is_dated(self.uri) or is_glob(self.uri):
            self.storage.require_container(self.uri)
        else:
            list(self.each(self.uri))

    def selections(self, window: Window | None) -> Iterator[Selection]:
        """Yield what to list, and how to tell what of it the window selects by path.

        By path: the paths that the window completes (see ``expand_path``), whose objects have the end of their slot
        as time. Otherwise the one URI, whose objects have the time of their modification and are all selected.

        :param window: None for everything
        """
        self.missing = []
        how = self.spec.window
        if how is None or how.by != "path":
            yield Selection(self.uri, lambda item: item.modified_at)
            return
        reach = how.reach(window) if window is not None else None
        if reach is None or has_many_slots(how, reach):
            yield Selection(any_date(self.uri), partial(_time_of_slot, self.uri, how, reach))
            return
        for path in expand_path(self.uri, reach, how.slot, how.zone):
            yield Selection(path.uri, lambda _, end=path.end: end)  # type: ignore[misc]

    def each(self, uri: str) -> Iterator[StoredObject]:
        """Yield the objects that ``uri`` matches, the marker that is waited for left out.

        :raises ConfigurationError: for an unknown connection or refused credentials
        :raises SourceError: for a missing bucket, or a missing file where the source's URI names one
        """
        from labelbox_airflow.sources.listing import each_match

        globbed, found = is_glob(uri), False
        for item in each_match(self.storage, uri, may_be_missing=is_dated(self.uri)):
            if not globbed or not self._is_marker(item):
                found = True
                yield item
        if not found:
            _log.info("Nothing is there: %s", uri)
            self.missing.append(uri)

    def _is_marker(self, item: StoredObject) -> bool:
        marker = self.spec.wait_for
        return marker is not None and item.path.endswith(f"/{marker}")


def has_many_slots(how: WindowSpec, reach: Window) -> bool:
    """Tell whether a window by path has so many slots that all dates are listed at once."""
    return (reach.end - reach.start) / how.slot > MANY_SLOTS


def absolute_uri(uri: str, base: Path | None) -> str:
    """Return ``uri`` with a scheme, or as an absolute path."""
    if uri.startswith("file://"):
        return str(Path("/") / uri.removeprefix("file://").lstrip("/"))
    return uri if "://" in uri else os.path.normpath((base or Path.cwd()).resolve() / uri)


def _time_of_slot(uri: str, how: WindowSpec, reach: Window | None, item: StoredObject) -> datetime | None:
    """Return the end of the slot whose path ``item`` is in; None when it is in none, or in one out of ``reach``."""
    moment = date_in(uri, item.place, how.zone)
    if moment is None:
        return None
    time = _slot_end(uri, moment, how) or item.modified_at
    return time if reach is None or reach.start < time <= reach.end else None


def _slot_end(uri: str, moment: datetime, how: WindowSpec) -> datetime | None:
    """Return the end of the slot whose path ``uri`` names at ``moment``; None when one path stands for several."""
    start, end = slot_of(moment, how.slot, how.zone)
    before, _ = slot_of(start - how.slot / 2, how.slot, how.zone)
    texts = [dated(uri, slot.astimezone(how.zone)) for slot in (before, start, end)]
    return None if texts[1] in {texts[0], texts[2]} else end
