"""Boxes that follow one another in the source and are of one data row: gathered, and planned, as one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, pairwise
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import orjson

from labelbox_airflow.engine.annotations.checks import AnnotationChecker
from labelbox_airflow.engine.annotations.imports.gathered import Extent, Gathered, digest_of
from labelbox_airflow.engine.annotations.model import BoundingBox, DataRow, Feature
from labelbox_airflow.engine.annotations.ndjson.fields import named
from labelbox_airflow.engine.annotations.readers.blocks import BoxBlock, Floats, Mask


class BoxRun(NamedTuple):
    """Boxes of one data row that nothing is wrong with, but perhaps their place in the asset; see `Gathered`.

    :param boxes: how many there are; tells a run from a `Gathered`, whose second value is a text
    :param extent: of all of them
    """

    identity: str
    boxes: int
    class_names: Sequence[str]
    source_ids: Sequence[str | None] | None
    lines: Sequence[bytes]
    digests: Sequence[bytes]
    place: int
    positions: Sequence[int]
    extent: Extent
    split: str | None

    def each(self) -> Iterator[Gathered]:
        """Yield the boxes one by one."""
        ids = self.source_ids or [None] * self.boxes
        columns = zip(self.class_names, ids, self.lines, self.digests, self.positions, strict=True)
        for class_name, source_id, line, digest, position in columns:
            yield Gathered(
                self.identity, class_name, source_id, line, digest, self.place, position, self.extent, False,
                split=self.split,
            )  # fmt: skip


def joined(runs: Sequence[BoxRun]) -> BoxRun | None:
    """Return runs of one data row as one, None where they are of several places or splits."""
    if len(runs) == 1:
        return runs[0]
    if len({(run.place, run.split, run.source_ids is None) for run in runs}) > 1:
        return None
    first = runs[0]
    left, top, right, bottom = zip(*(run.extent for run in runs), strict=True)
    return first._replace(
        boxes=sum(run.boxes for run in runs),
        class_names=_chained(run.class_names for run in runs),
        source_ids=None if first.source_ids is None else _chained(run.source_ids or () for run in runs),
        lines=_chained(run.lines for run in runs),
        digests=_chained(run.digests for run in runs),
        positions=_chained(run.positions for run in runs),
        extent=(min(left), min(top), max(right), max(bottom)),
    )


def _chained(columns: Iterable[Sequence[Any]]) -> tuple[Any, ...]:
    return tuple(chain.from_iterable(columns))


def restored(record: tuple[Any, ...]) -> Gathered | BoxRun:
    """Return what a record of a slot is."""
    return BoxRun._make(record) if type(record[1]) is int else Gathered(*record)


def one_by_one(gathered: Iterable[Gathered | BoxRun]) -> list[Gathered]:
    """Return every annotation by itself, in the order in which they were read."""
    found: list[Gathered] = []
    for each in gathered:
        found.extend(each.each() if isinstance(each, BoxRun) else (each,))
    # What was looked at one by one comes before, or after, the block it was read with.
    return sorted(found, key=attrgetter("place", "position"))


def plain(block: BoxBlock, checker: AnnotationChecker) -> Mask:
    """Tell of which boxes nothing can be wrong but their place in the asset; the others have to be looked at."""
    right = {key: checker.takes_plain(BoundingBox, feature) for key, feature in _distinct(block.features).items()}
    known = np.fromiter((right[id(feature)] for feature in block.features), np.bool_, len(block))
    return known & checker.are_right_boxes(*block.sides)


def runs(block: BoxBlock, place: int, identity: Callable[[DataRow], str]) -> Iterator[BoxRun]:
    """Yield the runs of a block.

    :param place: the number of where it was read
    :param identity: of a data row, as in `Gathered`
    """
    left, top, width, height = block.sides
    ends = np.array((left, top, left + width, top + height))
    numbers = [_texts(side) for side in (top, left, height, width)]
    names, classes = _of_features(block.features)
    for begin, end in pairwise(_borders(block.data_rows)):
        data_row = block.data_rows[begin]
        head = _head(data_row)
        lines = [
            b'%b%b%b,"left":%b,"height":%b,"width":%b}}' % (head, *rest)
            for rest in zip(classes[begin:end], *(each[begin:end] for each in numbers), strict=True)
        ]
        reach = ends[:, begin:end]
        yield BoxRun(
            identity(data_row),
            end - begin,
            tuple(names[begin:end]),
            None if block.source_ids is None else tuple(block.source_ids[begin:end]),
            tuple(lines),
            tuple(map(digest_of, lines)),
            place,
            tuple(block.positions[begin:end]),
            (*reach[:2].min(axis=1).tolist(), *reach[2:].max(axis=1).tolist()),
            data_row.split,
        )


def _borders(rows: Sequence[DataRow]) -> list[int]:
    """Return where another data row begins, and the end."""
    last, found = None, []
    for index, row in enumerate(rows):
        if row is not last:
            found.append(index)
            last = row
    return [*found, len(rows)]


def _texts(numbers: Floats) -> list[bytes]:
    """Return numbers as JSON."""
    return orjson.dumps(np.ascontiguousarray(numbers), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")


def _of_features(features: Sequence[Feature]) -> tuple[list[str], list[bytes]]:
    """Return name and middle of the line of each."""
    known = {key: (str(feature), _middle(feature)) for key, feature in _distinct(features).items()}
    found = [known[id(feature)] for feature in features]
    return [name for name, _ in found], [middle for _, middle in found]


def _distinct(features: Sequence[Feature]) -> dict[int, Feature]:
    return {id(feature): feature for feature in features}


def _head(row: DataRow) -> bytes:
    return b'{"dataRow":%b' % orjson.dumps({"id": row.id} if row.global_key is None else {"globalKey": row.global_key})


def _middle(feature: Feature) -> bytes:
    return b',%b,"classifications":[],"bbox":{"top":' % orjson.dumps(named(feature))[1:-1]
