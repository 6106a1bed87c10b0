"""Images and the annotations of the label that counts, put together of records of data rows and of annotations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa

from labelbox_airflow.engine.errors import DataIOError

ROW_COLUMNS = ("data_row_id", "global_key", "row_data", "width", "height")
"""Columns of records of data rows that are needed; with ``split`` and ``mime_type`` as far as they are there."""
ANNOTATION_COLUMNS = ("data_row_id", "label_id", "class", "kind", "geometry", "frame")
"""Columns of records of annotations that are needed, geometry as a struct; ``is_selected`` is taken if it is there."""

Entry = Mapping[str, Any]
"""A record of an annotation, by column."""


@dataclass(frozen=True, slots=True)
class Image:
    """A data row that is an image.

    :param uri: where the image itself is
    :param width: in pixels, as the height
    """

    data_row_id: str
    global_key: str | None
    uri: str | None
    width: int
    height: int
    split: str | None = None
    mime_type: str | None = None

    @property
    def key(self) -> str:
        """What it is known by: its global key, or else its id."""
        return self.global_key or self.data_row_id


def images_with_entries(
    rows: Iterable[pa.RecordBatch],
    annotations: Iterable[pa.RecordBatch],
    left_out: Counter[str],
    columns: Sequence[str] = (),
) -> Iterator[tuple[Image, list[Entry]]]:
    """Yield each image of ``rows`` with the annotations of its label, also those without any.

    Both are read side by side and must have the data rows in one order, as records of one export have. Of several
    labels the selected one counts, or the first where nothing says which is.

    :param left_out: counts annotations of other labels, ``other_label``, and images of which no size is known,
        ``image_without_size``
    :param columns: of annotations that are wanted beyond `ANNOTATION_COLUMNS`
    :raises DataIOError: an annotation is of a data row that is not among the rows, or in another order
    """
    wanted = (*ANNOTATION_COLUMNS, *columns)
    groups = groupby(_dicts(annotations, wanted, "is_selected"), key=lambda entry: entry["data_row_id"])
    waiting = next(groups, None)
    for row in _dicts(rows, ROW_COLUMNS, "split", "mime_type"):
        found: list[Entry] = []
        if waiting is not None and waiting[0] == row["data_row_id"]:
            found = list(waiting[1])
            waiting = next(groups, None)
        if row["width"] and row["height"]:
            yield _image(row), _of_one_label(found, left_out)
        else:
            left_out["image_without_size"] += 1
    if waiting is not None:
        raise DataIOError(
            "the annotation's data row is not among the rows, or the two are not in one order",
            where=f"data row {waiting[0]}",
            remedy="Take rows and annotations of one export.",
        )


def _dicts(batches: Iterable[pa.RecordBatch], needed: Sequence[str], *optional: str) -> Iterator[dict[str, Any]]:
    for batch in batches:
        columns = [*needed, *(name for name in optional if name in batch.schema.names)]
        yield from batch.select(columns).to_pylist()


def _image(row: Entry) -> Image:
    return Image(
        row["data_row_id"],
        row["global_key"],
        row["row_data"],
        row["width"],
        row["height"],
        row.get("split"),
        row.get("mime_type"),
    )


def _of_one_label(found: list[Entry], left_out: Counter[str]) -> list[Entry]:
    # The selected label may have no annotations; then those of others say that they are not selected.
    ids = [each["label_id"] for each in found if each.get("is_selected")]
    ids += [each["label_id"] for each in found if each.get("is_selected") is None]
    kept = [each for each in found if each["label_id"] == ids[0]] if ids else []
    left_out["other_label"] += len(found) - len(kept)
    return kept
