"""Objects as rows: every object that a URI matches is a row, with what its sidecar file says beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from labelbox_airflow.engine.globs import fixed_folder, is_glob
from labelbox_airflow.engine.window import any_date
from labelbox_airflow.sources.location import Location, LocationSpec, Selection
from labelbox_airflow.sources.sidecars import SidecarSpec, stem_of
from labelbox_airflow.sources.transform import TransformSpec

if TYPE_CHECKING:
    from datetime import datetime

    from labelbox_airflow.engine.records import Batch
    from labelbox_airflow.engine.window import Window
    from labelbox_airflow.sources.listing import StoredObject

OBJECT_COLUMNS = ("uri", "path", "folder", "name", "stem", "suffix", "size", "modified_at", "etag", "time")
BATCH_ROWS = 10_000


class ObjectSourceSpec(TransformSpec, LocationSpec):
    """Objects in object storage, or files of a local disk, each of which is a row."""

    type: Literal["objects"]
    sidecar: SidecarSpec | None = Field(None, description="A file beside each object that says more about it.")

    @model_validator(mode="after")
    def _objects_have_no_rows_in_them(self) -> Self:
        if self.window is not None and self.window.by == "column":
            raise ValueError("window: an object has no columns to go by; use by: path or by: modified")
        if self.sidecar is not None:
            self.sidecar.check_beside(any_date(self.uri))
        return self


class _Found(NamedTuple):
    """An object and when its row became current."""

    item: StoredObject
    time: datetime


class ObjectSource:
    """Lists the objects of one source.

    The columns are those of :data:`OBJECT_COLUMNS` and, after the name of the sidecar and a dot, its keys. ``time``
    is when the row became current: for a window by path the end of the path's slot, otherwise when the object was
    modified, or its sidecar where that is newer.

    :param base: what a relative ``uri`` is relative to; the working directory when None
    :param batch_rows: most rows in a batch
    """

    def __init__(self, spec: ObjectSourceSpec, base: Path | None = None, *, batch_rows: int = BATCH_ROWS) -> None:
        self.spec = spec
        self._batch_rows = batch_rows
        self._location = Location(spec, base)

    def check(self) -> None:
        """Raise unless the source can be read; see :meth:`Location.check`."""
        self._location.check()

    def read(self, window: Window | None, columns: Sequence[str] | None = None) -> Iterator[Batch]:
        """Yield a row for each object that ``window`` selects; memory does not grow with their number.

        Markers such as ``_SUCCESS``, hidden files, and sidecars are no rows.

        :param window: None reads everything, also where the source has a window
        :param columns: the keys wanted of sidecars, after the sidecar's name and a dot; all when None
        :raises ConfigurationError: for an unknown connection or refused credentials
        :raises SourceError: for a missing bucket, a missing file where the URI names one, or a storage that fails
        """
        how, sidecar = self.spec.window, self.spec.sidecar
        reach = how.reach(window) if how is not None and how.by == "modified" and window is not None else None
        for selection in self._location.selections(window):
            found = self._found(selection)
            if sidecar is None:
                chosen = (one for one in found if reach is None or reach.contains(one.time))
                yield from self._batches(chosen, selection.uri)
                continue
            from labelbox_airflow.sources.sidecar_reader import SidecarReader

            by_path = how is not None and how.by == "path"
            with SidecarReader(sidecar, self._location.storage, selection.uri, give_time=not by_path) as reader:
                for batch in self._batches(found, selection.uri):
                    yield from reader.join(batch, reach, columns)

    def _found(self, selection: Selection) -> Iterator[_Found]:
        globbed, root = is_glob(selection.uri), fixed_folder(selection.uri)
        for item in self._location.each(selection.uri):
            if globbed and (_is_marker(item, root) or self._is_sidecar(item)):
                continue
            time = selection.time_of(item)
            if time is not None:
                yield _Found(item, time)

    def _is_sidecar(self, item: StoredObject) -> bool:
        return self.spec.sidecar is not None and self.spec.sidecar.may_be(item.path)

    def _batches(self, found: Iterable[_Found], uri: str) -> Iterator[Batch]:
        objects = iter(found)
        while page := list(islice(objects, self._batch_rows)):
            yield _batch(page, uri)


def _batch(page: Sequence[_Found], uri: str) -> Batch:
    import pyarrow as pa

    from labelbox_airflow.engine.records import Batch

    moment, in_bucket = pa.timestamp("us", "UTC"), "://" in uri
    paths = [item.path.partition("/")[2] if in_bucket else item.path for item, _ in page]
    names = [item.name for item, _ in page]
    stems = [stem_of(name) for name in names]
    columns = {
        "uri": pa.array([item.place for item, _ in page], pa.string()),
        "path": pa.array(paths, pa.string()),
        "folder": pa.array([path.rpartition("/")[0] for path in paths], pa.string()),
        "name": pa.array(names, pa.string()),
        "stem": pa.array(stems, pa.string()),
        "suffix": pa.array([name[len(stem) :] for name, stem in zip(names, stems, strict=True)], pa.string()),
        "size": pa.array([item.size for item, _ in page], pa.int64()),
        "modified_at": pa.array([item.modified_at for item, _ in page], moment),
        "etag": pa.array([item.etag for item, _ in page], pa.string()),
        "time": pa.array([time for _, time in page], moment),
    }
    return Batch(
        pa.RecordBatch.from_pydict(columns),
        place=uri,
        positions=range(1, len(page) + 1),
        position_word="object",
        origin_column="uri",
        time_column="time",
    )


def _is_marker(item: StoredObject, root: str) -> bool:
    """Tell whether ``item`` is a note of another tool, such as ``_SUCCESS``, or hidden, or in a hidden folder.

    Names such as ``_DSC0001.jpg`` are none: cameras give them.
    """
    below = item.place[len(root) + 1 :]
    noted = item.name.startswith("_") and "." not in item.name
    return noted or item.name.endswith("_$folder$") or any(part.startswith(".") for part in below.split("/"))
