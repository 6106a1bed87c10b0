"""Boxes of many data rows in columns: what long tables are mostly made of, without an object for each box."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt

from labelbox_airflow.engine.annotations.model import Annotation, BoundingBox, DataRow, Feature, Origin

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class BoxBlock:
    """Boxes that their reader found nothing wrong with; all columns are equally long.

    :param data_rows: the same object for the same data row
    :param features: the same object for the same class
    :param sides: left, top, width and height
    :param source_ids: None where the source has none
    :param confidences: None where the source has none
    :param place: where they were read, with the word for positions in it; see `Origin`
    """

    data_rows: Sequence[DataRow]
    features: Sequence[Feature]
    sides: tuple[Floats, Floats, Floats, Floats]
    source_ids: Sequence[str | None] | None
    confidences: Sequence[float | None] | None
    place: str
    word: str
    positions: Sequence[int]

    def __len__(self) -> int:
        return len(self.data_rows)

    def origin(self, index: int) -> Origin:
        """Return where a box was read."""
        return Origin(self.place, self.positions[index], self.word)

    def where(self, chosen: Mask) -> BoxBlock:
        """Return some of the boxes."""
        if chosen.all():
            return self
        flags = chosen.tolist()

        def some(column: Sequence[Any]) -> list[Any]:
            return list(compress(column, flags))

        left, top, width, height = self.sides
        return BoxBlock(
            some(self.data_rows),
            some(self.features),
            (left[chosen], top[chosen], width[chosen], height[chosen]),
            None if self.source_ids is None else some(self.source_ids),
            None if self.confidences is None else some(self.confidences),
            self.place,
            self.word,
            some(self.positions),
        )

    def annotations(self) -> Iterator[Annotation]:
        """Yield the boxes one by one."""
        nothing = [None] * len(self)
        columns = zip(
            self.data_rows,
            self.features,
            zip(*(side.tolist() for side in self.sides), strict=True),
            self.source_ids or nothing,
            self.confidences or nothing,
            self.positions,
            strict=True,
        )
        for data_row, feature, sides, source_id, confidence, position in columns:
            origin = Origin(self.place, position, self.word)
            yield Annotation(
                data_row, feature, BoundingBox(*sides), confidence=confidence, source_id=source_id, origin=origin
            )
