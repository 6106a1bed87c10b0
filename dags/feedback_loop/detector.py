"""A detector of one box an image: a window slides down, and a logistic regression tells how much it looks like labels.

It is for what is as wide and as high in every image and stands higher or lower, as the total of a receipt. All lengths
are in image widths, so that images may be of any size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import orjson
from PIL import Image

COLUMNS = 12  # of brightness that an image is reduced to
STEP = 1 / 96  # how far the window moves
AROUND = 4  # steps above and below the window that are looked at too
DIGITS = 6  # of what is learnt, so that noise of the arithmetic makes no other model


class Box(NamedTuple):
    """A box in pixels, with the sides that an export has."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Detector:
    """What was learnt.

    :ivar left: of every box, as `width` and `height`
    :ivar mean: of the brightness in a window, and `scale` its deviation, by which `weights` and `bias` judge
    """

    class_name: str
    left: float
    width: float
    height: float
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float

    def find(self, image: Image.Image) -> tuple[Box, float]:
        """Return the box that looks most like those of the labels, and the probability that it is one."""
        seen = (_windows(image, self.height) - self.mean) / self.scale
        scores = seen @ np.array(self.weights) + self.bias
        best = int(scores.argmax())
        sides = (self.left, best * STEP, self.width, self.height)
        return Box(*(round(side * image.width, 2) for side in sides)), float(1 / (1 + np.exp(-scores[best])))

    def to_json(self) -> bytes:
        """Return the model as a file has it."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2)

    @classmethod
    def from_json(cls, content: bytes) -> Detector:
        """Return the model of a file."""
        read = orjson.loads(content)
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in read.items()})


def train(class_name: str, examples: Sequence[tuple[Image.Image, Box]]) -> Detector:
    """Learn from images and the box in each; equal examples in equal order make an equal detector."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    left, width, height = (
        median(getattr(box, side) / image.width for image, box in examples) for side in ("left", "width", "height")
    )
    seen = [_windows(image, height) for image, _ in examples]
    tops = [round(box.top / image.width / STEP) for image, box in examples]
    is_box = [abs(np.arange(len(windows)) - top) <= 1 for windows, top in zip(seen, tops, strict=True)]
    scaler = StandardScaler().fit(np.vstack(seen))
    model = LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000)
    model.fit(scaler.transform(np.vstack(seen)), np.concatenate(is_box))
    (bias,) = _rounded(model.intercept_)
    learnt = {"mean": scaler.mean_, "scale": scaler.scale_, "weights": model.coef_[0]}
    sides = _rounded((left, width, height))
    return Detector(class_name, *sides, **{name: _rounded(values) for name, values in learnt.items()}, bias=bias)


def overlap(one: Box, other: Box) -> float:
    """Return the intersection of two boxes over their union, from 0 to 1."""
    width = min(one.left + one.width, other.left + other.width) - max(one.left, other.left)
    height = min(one.top + one.height, other.top + other.height) - max(one.top, other.top)
    shared = max(width, 0) * max(height, 0)
    return shared / (one.width * one.height + other.width * other.height - shared)


def _windows(image: Image.Image, height: float) -> np.ndarray:
    """Return the brightness in the window at each place from the top down, as (places, features) from 0 to 1."""
    lines = max(round(image.height / image.width / STEP), 1)
    seen = np.asarray(image.convert("L").resize((COLUMNS, lines), Image.Resampling.BOX), np.float64) / 255
    high = min(max(round(height / STEP), 1), lines)
    padded = np.pad(seen, ((AROUND, AROUND), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, high + 2 * AROUND, axis=0)
    return windows.reshape(len(windows), -1)


def _rounded(values: Any) -> tuple[float, ...]:
    return tuple(round(float(value), DIGITS) for value in values)
