"""Run lengths of masks agree with pycocotools and with pixels counted one by one."""

import numpy as np
import pytest
from pycocotools import mask as original

from labelbox_airflow.engine.annotations.model import BoundingBox, MaskRuns
from labelbox_airflow.engine.annotations.problems import AnnotationError
from labelbox_airflow.engine.annotations.readers.runs import box_of, decode_counts, fill, mask_of


def pixels(mask: MaskRuns) -> np.ndarray:
    height, width = mask.size
    return np.repeat(np.arange(len(mask.counts)) % 2, mask.counts).reshape(width, height).T


def encoded(picture: np.ndarray) -> str:
    return original.encode(np.asfortranarray(picture, dtype=np.uint8))["counts"].decode()


def pictures() -> list[np.ndarray]:
    random = np.random.default_rng(7)
    noise = [random.random((height, width)) < share for height, width, share in ((9, 7, 0.5), (40, 60, 0.02))]
    blob = np.zeros((700, 900), bool)
    blob[100:650, 3:880] = True
    blob[200:300, 400:500] = False
    corner, full = np.zeros((5, 4), bool), np.ones((5, 4), bool)
    corner[0, 0] = corner[-1, -1] = True
    return [*noise, blob, corner, full]


@pytest.mark.parametrize("picture", pictures())
def test_the_text_form_of_the_original_becomes_its_pixels(picture: np.ndarray) -> None:
    mask = mask_of(decode_counts(encoded(picture), "counts"), picture.shape, "counts")
    assert (pixels(mask) == picture).all()
    left, top, width, height = original.toBbox(original.encode(np.asfortranarray(picture, dtype=np.uint8)))
    assert box_of(mask) == BoundingBox(left, top, width, height)


def test_a_known_text() -> None:
    # By hand: '0' is 48, so ';' is 11 and 'U1' is 5 + 32 more, then 1: 5 + 32 = 37; 'N' is 30, which is -2.
    assert decode_counts(";U1", "counts").tolist() == [11, 37]
    assert decode_counts(";U1;N", "counts").tolist() == [11, 37, 11, 35]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not the text form"),
        ("é", "is not the text form"),
        ("a b", "is not the text form"),
        ("p", "is not the text form"),
        (";U", "is not the text form"),
        ("PPPPPPPP1", "over 35 bits"),
    ],
)
def test_other_texts_are_refused(text: str, said: str) -> None:
    with pytest.raises(AnnotationError, match=said):
        decode_counts(text, "counts")


@pytest.mark.parametrize(
    ("counts", "code"), [([3, 4], "wrong_size"), ([9, -3], "bad_runs"), ([6], "empty_mask"), ([6, 0], "empty_mask")]
)
def test_run_lengths_that_are_no_mask_are_refused(counts: list[int], code: str) -> None:
    with pytest.raises(AnnotationError) as caught:
        mask_of(np.array(counts), (2, 3), "counts")
    assert caught.value.code == code


def is_inside(points: list[tuple[float, float]], x: float, y: float) -> bool:
    """Tell whether a ray to the right crosses the edges an odd number of times."""
    crossings = 0
    for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]], strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            crossings += 1
    return crossings % 2 == 1


POLYGONS = {
    "triangle": [[(1.2, 1.1), (17.7, 3.4), (6.3, 13.9)]],
    "two parts that overlap": [[(1, 1), (9, 1.2), (9.1, 9), (1, 9.3)], [(5.3, 5), (15, 5), (15, 12.2), (5.3, 12.2)]],
    "two parts that touch nothing": [[(0, 0), (3.2, 0), (3.2, 3)], [(18, 10), (19.9, 10), (19.9, 13.9), (18, 13.9)]],
    "crosses itself": [[(2.1, 2.2), (15.3, 11.1), (15.4, 2.3), (2.2, 11.2)]],
    "beyond the picture": [[(-7.3, -5.1), (30.2, 4.7), (8.4, 40.6)]],
    "closed and with upright edges": [[(3, 2), (3, 8), (12, 8), (12, 2), (3, 2)]],
}


@pytest.mark.parametrize("parts", POLYGONS.values(), ids=POLYGONS)
def test_polygons_become_the_pixels_whose_centre_is_inside(parts: list[list[tuple[float, float]]]) -> None:
    mask = fill(parts, (14, 20), "segmentation")
    slow = [[any(is_inside(each, x + 0.5, y + 0.5) for each in parts) for x in range(20)] for y in range(14)]
    assert (pixels(mask) == np.array(slow)).all()
    assert sum(mask.counts) == 14 * 20
    assert all(mask.counts[1:])  # as the original has them: only the first may be 0


def test_a_large_polygon_is_that_of_the_original_but_for_its_edge() -> None:
    points = [(100.5, 80.2), (500.1, 60.7), (560.8, 400.3), (300.2, 220.9), (90.4, 410.6)]
    flat = [number for point in points for number in point]
    theirs = original.decode(original.merge(original.frPyObjects([flat], 480, 640)))
    ours = pixels(fill([points], (480, 640), "segmentation"))
    assert (ours & theirs).sum() / (ours | theirs).sum() > 0.99


def test_a_polygon_between_the_centres_of_pixels_is_refused() -> None:
    with pytest.raises(AnnotationError, match="no pixel inside"):
        fill([[(1.6, 1.6), (2.4, 1.6), (2.4, 2.4)]], (10, 10), "segmentation")
