"""Reading sidecars: what the file beside each object says becomes columns of the object's row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from types import TracebackType
from typing import Any, NamedTuple, Self

import orjson
import pyarrow as pa

from labelbox_airflow.engine.joins import JoinIndex
from labelbox_airflow.engine.parallel import map_in_order
from labelbox_airflow.engine.records import Batch, Rejected
from labelbox_airflow.engine.rows.problems import row_payload
from labelbox_airflow.engine.tables.batches import keep_rows
from labelbox_airflow.engine.tables.json_objects import NotAnObjectError, cell_text, parse_object
from labelbox_airflow.engine.window import Window
from labelbox_airflow.sources.listing import StoredObject, each_match
from labelbox_airflow.sources.sidecars import TEXT_COLUMN, SidecarSpec
from labelbox_airflow.sources.storage import Storage

MAX_BYTES = 5_000_000  # of one sidecar
BYTES_AT_ONCE = 32_000_000  # of sidecars read for one batch
THREADS = 16

_BATCH_ROWS = 10_000
_BESIDE = "\0beside"  # no object's column is called so
_MOMENT = pa.timestamp("us", "UTC")


class _Sidecar(NamedTuple):
    """A sidecar that was listed; ``size`` is None where there is none at ``path``."""

    path: str | None
    size: int | None
    modified_at: datetime | None


class _Unusable(NamedTuple):
    """Why a sidecar cannot be used."""

    code: str
    reason: str


_Content = Mapping[str, str | None] | _Unusable


class SidecarReader:
    """Finds and reads the sidecars of the objects of one URI.

    They are listed first, and the list is kept on disk: it tells which there are, how large, and when they changed,
    so that only those of chosen rows are read. Use it in a ``with`` block, which removes the list.

    :param uri: what the objects match
    :param give_time: whether a row's ``time`` is that of its sidecar where that is newer
    """

    def __init__(self, spec: SidecarSpec, storage: Storage, uri: str, *, give_time: bool) -> None:
        self._spec = spec
        self._storage = storage
        self._give_time = give_time
        self._index = JoinIndex.build(_listed(storage, spec.glob_for(uri)), ["path"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._index.close()

    def join(self, batch: Batch, reach: Window | None, columns: Sequence[str] | None) -> Iterator[Batch]:
        """Yield the rows of ``batch`` with the columns of their sidecars, in batches that memory can hold.

        :param reach: only rows whose time is in it
        :param columns: those wanted, with the sidecar's name and a dot before them; all when None
        """
        sidecars = self._look_up(batch)
        if self._give_time:
            batch = _with_times(batch, sidecars)
        times = batch.rows.column("time").to_pylist()
        chosen = [index for index, time in enumerate(times) if reach is None or reach.contains(time)]
        prefix = f"{self._spec.name}."
        keys = None if columns is None else [c.removeprefix(prefix) for c in columns if c.startswith(prefix)]
        for part in _bounded(chosen, sidecars):
            rows = batch.rows.take(pa.array(part, pa.int64()))
            some = replace(batch, rows=rows, positions=[batch.positions[index] for index in part])
            yield self._read(some, [sidecars[index] for index in part], keys)

    def _look_up(self, batch: Batch) -> list[_Sidecar]:
        uris = batch.rows.column("uri").to_pylist()
        paths = [self._spec.path_for(self._storage.path_of(uri)) for uri in uris]
        rows = pa.RecordBatch.from_pydict({_BESIDE: pa.array(paths, pa.string())})
        found = self._index.join(
            replace(batch, rows=rows),
            {"path": _BESIDE},
            prefix=_BESIDE,
            columns=("size", "modified_at"),
            missing="leave",
        ).rows
        return list(map(_Sidecar._make, zip(*(column.to_pylist() for column in found.columns), strict=True)))

    def _read(self, batch: Batch, sidecars: Sequence[_Sidecar], keys: Sequence[str] | None) -> Batch:
        contents = self._contents(sidecars, keys)
        usable: list[Mapping[str, str | None]] = [{} if isinstance(each, _Unusable) else each for each in contents]
        names = dict.fromkeys(key for each in usable for key in each) if keys is None else dict.fromkeys(keys)
        added = {
            f"{self._spec.name}.{name}": pa.array([each.get(name) for each in usable], pa.string()) for name in names
        }
        columns = [*batch.rows.columns, *added.values()]
        joined = replace(
            batch, rows=pa.RecordBatch.from_arrays(columns, names=[*batch.rows.schema.names, *added]), rejected=()
        )
        rejects = [
            self._rejected(batch, index, each) for index, each in enumerate(contents) if isinstance(each, _Unusable)
        ]
        if not rejects:
            return joined
        return keep_rows(joined, pa.array([not isinstance(each, _Unusable) for each in contents], pa.bool_()), rejects)

    def _contents(self, sidecars: Sequence[_Sidecar], keys: Sequence[str] | None) -> list[_Content]:
        """Return what each sidecar gives; only those that are there and needed are read, many at once."""
        known = [self._without_reading(sidecar, keys) for sidecar in sidecars]
        wanted = [
            (sidecar.path, sidecar.size)
            for sidecar, content in zip(sidecars, known, strict=True)
            if content is None and sidecar.path is not None and sidecar.size is not None
        ]
        read = map_in_order(partial(self._content, keys=keys), wanted, threads=THREADS)
        return [next(read) if content is None else content for content in known]

    def _without_reading(self, sidecar: _Sidecar, keys: Sequence[str] | None) -> _Content | None:
        """Return what is known of a sidecar without a look into it; None where it has to be read."""
        if sidecar.path is None or sidecar.size is None:
            return self._absent(sidecar.path)
        if sidecar.size > MAX_BYTES:
            place = self._storage.place_of(sidecar.path)
            return _Unusable(
                "bad_sidecar", f"{place} has {sidecar.size:,} bytes; a sidecar may have {MAX_BYTES:,} at most."
            )
        return None if keys is None or keys else {}

    def _content(self, listed: tuple[str, int], keys: Sequence[str] | None) -> _Content:
        """Read the sidecar at a path, of so many bytes when it was listed; return its cells, or why it gives none."""
        path, size = listed
        place = self._storage.place_of(path)
        with self._storage.reading(place):
            try:
                text = self._storage.read_beginning(path, MAX_BYTES) if size else b""
            except FileNotFoundError:
                return _Unusable("no_sidecar", f"{place} was listed but is gone.")
        try:
            return self._cells(text, keys)
        except orjson.JSONDecodeError as error:
            return _Unusable("bad_sidecar", f"{place} is no JSON: {error}.")
        except NotAnObjectError as error:
            return _Unusable("bad_sidecar", f"{place} is {error}.")
        except UnicodeDecodeError as error:
            return _Unusable(
                "bad_sidecar", f"{place}: byte {error.start} (0x{error.object[error.start]:02x}) is no UTF-8."
            )

    def _cells(self, text: bytes, keys: Sequence[str] | None) -> Mapping[str, str | None]:
        text = text.removeprefix(b"\xef\xbb\xbf")
        if self._spec.kind == "text":
            return {TEXT_COLUMN: text.decode()}
        document = parse_object(text)
        return {key: cell_text(_value_at(document, key)) for key in (document if keys is None else keys)}

    def _absent(self, path: str | None) -> _Content:
        if self._spec.missing == "leave":
            return {}
        where = self._storage.place_of(path) if path is not None else f"'{self._spec.path}' (above the bucket)"
        return _Unusable("no_sidecar", f"There is no {where}; set missing: leave to take objects without a sidecar.")

    def _rejected(self, batch: Batch, index: int, why: _Unusable) -> Rejected:
        return Rejected(
            origin=batch.origin(index),
            stage="read",
            code=why.code,
            reason=why.reason,
            field=self._spec.name,
            row=row_payload(batch.rows, index),
        )


def _listed(storage: Storage, glob: str) -> Iterator[Batch]:
    found = each_match(storage, glob)
    while page := list(islice(found, _BATCH_ROWS)):
        yield Batch(_rows(page), glob, range(1, len(page) + 1))


def _rows(page: Sequence[StoredObject]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "path": pa.array([item.path for item in page], pa.string()),
            "size": pa.array([item.size for item in page], pa.int64()),
            "modified_at": pa.array([item.modified_at for item in page], _MOMENT),
        }
    )


def _with_times(batch: Batch, sidecars: Sequence[_Sidecar]) -> Batch:
    """Return ``batch`` with the time of each sidecar where it is newer than that of its object."""
    times = [
        max(time, sidecar.modified_at or time)
        for time, sidecar in zip(batch.rows.column("time").to_pylist(), sidecars, strict=True)
    ]
    place = batch.rows.schema.get_field_index("time")
    return replace(batch, rows=batch.rows.set_column(place, "time", pa.array(times, _MOMENT)))


def _bounded(chosen: Sequence[int], sidecars: Sequence[_Sidecar]) -> Iterator[list[int]]:
    """Cut ``chosen`` where the sidecars would become too many bytes to hold at once."""
    part: list[int] = []
    size = 0
    for index in chosen:
        size += sidecars[index].size or 0
        if part and size > BYTES_AT_ONCE:
            yield part
            part, size = [], sidecars[index].size or 0
        part.append(index)
    if part:
        yield part


def _value_at(document: Mapping[str, Any], key: str) -> Any:
    """Return the value of a key, or of a path of keys with dots between them; None where there is none."""
    if key in document:
        return document[key]
    value: Any = document
    for step in key.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value
