"""What a sync file may say about a long table, and what is refused, with the path in it."""

from typing import Any

import pytest
from pydantic import ValidationError

from labelbox_airflow.engine.annotations.readers.table_spec import TableSpec

BOX = {
    "global_key": "rcpt/{image_id}",
    "kind": "bounding_box",
    "class": {"column": "cls", "map": {"tot": "Total"}},
    "geometry": {
        "columns": ["x1", "y1", "x2", "y2"],
        "format": "xyxy",
        "units": "normalized",
        "size": {"width": "w", "height": "h"},
    },
    "id": "pred_id",
    "confidence": {"column": "score", "min": 0.3},
}


def test_the_columns_to_read_are_known() -> None:
    spec = TableSpec.model_validate(BOX)
    assert sorted(spec.columns()) == ["cls", "h", "image_id", "pred_id", "score", "w", "x1", "x2", "y1", "y2"]
    assert spec.kind.value == "bounding_box"


def test_columns_of_masks_entities_pages_and_kinds_are_known() -> None:
    spec = TableSpec.model_validate(
        {
            "data_row_id": "row",
            "kind": {"column": "kind"},
            "class": "cls",
            "mask": {"uri": "u", "color": "c"},
            "entity": {"start": "s", "end": "e", "end_is": "inclusive"},
            "page": {"number": "p", "unit": "unit"},
            "classifications": "n",
        }
    )
    assert sorted(spec.columns()) == ["c", "cls", "e", "kind", "n", "p", "row", "s", "u", "unit"]


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "unknown key": ({"confidense": "s"}, "confidense", "Extra inputs"),
    "unknown kind": ({"kind": "circle"}, "kind.value", "bounding_box"),
    "kind mapped to none": ({"kind": {"column": "k", "map": {"b": "circle"}}}, "kind", "'circle', which is no kind"),
    "neither key nor id": ({"global_key": None}, "", "either global_key or data_row_id"),
    "both key and id": ({"data_row_id": "d"}, "", "either global_key or data_row_id"),
    "a constant key": ({"global_key": {"value": "a"}}, "global_key", "constant cannot identify"),
    "no geometry": ({"geometry": None}, "", "kind: bounding_box needs geometry"),
    "a part of another kind": ({"value": "answer"}, "", "kind: bounding_box has no value; leave it out"),
    "three columns": ({"geometry": {"columns": ["a", "b", "c"], "format": "xyxy"}}, "", "needs 4 columns"),
    "no format": ({"geometry": {"columns": ["a", "b", "c", "d"]}}, "", "needs geometry.format"),
    "format of a polygon": ({"kind": "polygon", "geometry": {"column": "g", "format": "xyxy"}}, "", "of boxes only"),
    "polygon in columns": ({"kind": "polygon", "geometry": {"columns": ["x", "y"]}}, "", "points are in one column"),
    "columns and column": ({"geometry": {"columns": ["a", "b"], "column": "c"}}, "geometry", "give either columns"),
    "size of pixels": (
        {"geometry": {"column": "b", "size": {"width": "w", "height": "h"}}},
        "geometry",
        "units: normalized only",
    ),
    "mask without colour": ({"kind": "mask", "geometry": None, "mask": {"uri": "u"}}, "mask", "uri needs color"),
    "colour out of range": (
        {"kind": "mask", "geometry": None, "mask": {"uri": "u", "color": [256, 0, 0]}},
        "mask.color",
        "less than or equal to 255",
    ),
    "two masks": ({"kind": "mask", "geometry": None, "mask": {"png": "p", "runs": "r"}}, "mask", "exactly one of"),
    "entity that does not say its end": (
        {"kind": "entity", "geometry": None, "entity": {"start": "s", "end": "e"}},
        "entity.end_is",
        "Field required",
    ),
    "confidence above 1": ({"confidence": {"column": "s", "min": 30}}, "confidence.min", "less than or equal to 1"),
    "nested answers of an answer": (
        {"kind": "radio", "geometry": None, "value": "v", "classifications": "n"},
        "",
        "nested answers of an object",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_with_its_path(case: str) -> None:
    change, path, message = REFUSED[case]
    with pytest.raises(ValidationError) as caught:
        TableSpec.model_validate(BOX | change)
    found = {".".join(str(each) for each in error["loc"]): error["msg"] for error in caught.value.errors()}
    assert any(place.startswith(path) and message in said for place, said in found.items()), found
