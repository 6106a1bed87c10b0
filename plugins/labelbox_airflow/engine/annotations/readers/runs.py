"""Run lengths of masks: from and to COCO's text form, from polygons, and from pixels.

Run lengths go down the columns of the picture, from left to right, and begin with the pixels outside
(cocodataset/cocoapi, common/maskApi.h). The text form has five bits of a number in each character, from ``0`` on, the
lowest first, with a bit for "more follows"; from the fourth number on, what is written is the difference to the number
two before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from labelbox_airflow.engine.annotations.model import BoundingBox, Coordinates, MaskRuns
from labelbox_airflow.engine.annotations.problems import AnnotationError

Integers = npt.NDArray[np.int64]

_MORE, _SIGN, _BITS = 0x20, 0x10, 0x1F
_LONGEST_NUMBER = 7  # characters: 35 bits


def decode_counts(text: str, field: str) -> Integers:
    """Return the run lengths of COCO's text form.

    :param field: what messages call the text
    :raises AnnotationError: another text
    """
    try:
        codes = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - ord("0")
    except UnicodeEncodeError:
        codes = np.array([-1])
    if not len(codes) or codes.min() < 0 or codes.max() > _BITS + _MORE or codes[-1] & _MORE:
        raise AnnotationError("bad_runs", field, text, "is not the text form of COCO run lengths")
    ends = np.flatnonzero(codes & _MORE == 0)
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts + 1
    if lengths.max() > _LONGEST_NUMBER:
        raise AnnotationError("bad_runs", field, text, "has a run length over 35 bits")
    shifts = 5 * (np.arange(len(codes)) - np.repeat(starts, lengths))
    counts: Integers = np.add.reduceat((codes & _BITS) << shifts, starts)
    counts -= np.where(codes[ends] & _SIGN, np.left_shift(1, 5 * lengths), 0)
    counts[1::2] = counts[1::2].cumsum()
    counts[2::2] = counts[2::2].cumsum()
    return counts


def encode_counts(counts: Sequence[int]) -> str:
    """Return COCO's text form of run lengths."""
    values = np.array(counts, np.int64)
    values[3:] -= np.array(counts, np.int64)[1:-2]
    characters: list[Integers] = []
    more = np.full(len(values), True)
    while more.any():
        bits = values & _BITS
        values = values >> 5
        is_last = np.where(bits & _SIGN, values == -1, values == 0)
        characters.append(np.where(more, bits + np.where(is_last, 0, _MORE) + ord("0"), 0))
        more &= ~is_last
    text = np.column_stack(characters).ravel() if characters else np.empty(0)
    return text[text > 0].astype(np.uint8).tobytes().decode("ascii")


def runs_of(pixels: npt.NDArray[np.bool_]) -> MaskRuns | None:
    """Return the mask of the pixels that are True, None when there is none.

    :param pixels: by row and column
    """
    column = pixels.ravel(order="F")
    changes = np.flatnonzero(column[1:] != column[:-1]) + 1
    bounds = np.concatenate(([0], changes, [len(column)]))
    counts = np.diff(bounds).tolist()
    if not column.any():
        return None
    return MaskRuns((pixels.shape[0], pixels.shape[1]), (0, *counts) if column[0] else tuple(counts))


def mask_of(counts: Integers, size: tuple[int, int], field: str) -> MaskRuns:
    """Return the mask of run lengths that fit its size.

    :param size: height and width
    :param field: what messages call the run lengths
    :raises AnnotationError: negative run lengths, others than the size has pixels, or none inside
    """
    if len(counts) and counts.min() < 0:
        raise AnnotationError("bad_runs", field, int(counts.min()), "has a negative run length")
    total, pixels = int(counts.sum()), size[0] * size[1]
    if total != pixels:
        reason = f"covers {total} pixels, but height {size[0]} and width {size[1]} make {pixels}"
        raise AnnotationError("wrong_size", field, None, reason)
    if not counts[1::2].any():
        raise AnnotationError("empty_mask", field, None, "has no pixel inside")
    return MaskRuns(size, tuple(counts.tolist()))


def box_of(mask: MaskRuns) -> BoundingBox:
    """Return the smallest box with all pixels of a mask that has some."""
    height = mask.size[0]
    bounds = np.cumsum(mask.counts)
    starts, ends = bounds[:-1:2], bounds[1::2]
    starts, lasts = starts[ends > starts], ends[ends > starts] - 1
    left, right = int(starts[0]) // height, int(lasts[-1]) // height
    within = starts // height == lasts // height
    top, bottom = (int((starts % height).min()), int((lasts % height).max())) if within.all() else (0, height - 1)
    return BoundingBox(left, top, right - left + 1, bottom - top + 1)


def fill(polygons: Sequence[Sequence[Coordinates]], size: tuple[int, int], field: str) -> MaskRuns:
    """Return the mask of all pixels whose centre is in any of the polygons.

    Where a polygon crosses itself, what it goes around twice is outside.

    :param size: height and width; what is beyond them is cut off
    :raises AnnotationError: no pixel is inside
    """
    height, width = size
    spans = np.concatenate([_columns(np.asarray(points, np.float64), height, width) for points in polygons])
    spans = spans[spans[:, 0] < spans[:, 1]]
    if not len(spans):
        raise AnnotationError("empty_mask", field, None, "has no pixel inside")
    spans = spans[np.argsort(spans[:, 0])]
    reach = np.maximum.accumulate(spans[:, 1])
    is_apart = spans[1:, 0] > reach[:-1]
    starts, ends = spans[np.append(True, is_apart), 0], reach[np.append(is_apart, True)]
    counts = np.diff(np.column_stack((starts, ends)).ravel(), prepend=0, append=height * width)
    return MaskRuns(size, tuple(counts.tolist() if counts[-1] else counts[:-1].tolist()))


def _columns(points: npt.NDArray[np.float64], height: int, width: int) -> Integers:
    """Return first and end of each stretch inside one polygon, as indices of pixels down the columns.

    In every column the edges that cross its centre line come in pairs: inside is from the first to the second.
    """
    starts, ends = points, np.roll(points, -1, axis=0)
    is_swapped = starts[:, 0] > ends[:, 0]
    left = np.where(is_swapped[:, None], ends, starts)
    right = np.where(is_swapped[:, None], starts, ends)
    first = np.clip(np.ceil(left[:, 0] - 0.5), 0, width).astype(np.int64)
    behind = np.clip(np.ceil(right[:, 0] - 0.5), 0, width).astype(np.int64)
    crossed = behind - first
    edge = np.repeat(np.arange(len(points)), crossed)
    column = np.arange(len(edge)) - np.repeat(np.cumsum(crossed) - crossed, crossed) + first[edge]
    slope = (column + 0.5 - left[edge, 0]) / (right[edge, 0] - left[edge, 0])
    y = left[edge, 1] + slope * (right[edge, 1] - left[edge, 1])
    order = np.lexsort((y, column))
    row = np.clip(np.ceil(y[order] - 0.5), 0, height).astype(np.int64)
    spans: Integers = (column[order] * height + row).reshape(-1, 2)
    return spans
