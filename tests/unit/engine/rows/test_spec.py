"""The models of ``rows:``."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from labelbox_airflow.engine.rows.spec import RowsSpec, ValueSpec

LEAST = {"row_data": "uri", "global_key": "id"}


def test_bare_words_are_columns_and_braces_make_templates() -> None:
    spec = RowsSpec.model_validate({**LEAST, "global_key": "rcpt/{id}", "metadata": {"cc": "facts.cc"}})
    assert spec.row_data == ValueSpec(column="uri")
    assert spec.global_key.template == "rcpt/{id}"
    assert spec.metadata["cc"].column == "facts.cc"


@pytest.mark.parametrize(
    "change",
    [
        {"global_key": {"value": "same"}},
        {"global_key": {"column": "id", "derive": "row_data"}},
        {"global_key": {}},
        {"metadata": {"cc": {"column": "a", "template": "{b}"}}},
        {"metadata": {"cc": {"kind": "string"}}},
        {"metadata": {"cc": {"column": "a", "kind": "bool"}}},
        {"embeddings": {"e": {"column": "v", "dimensions": 2049}}},
        {"embeddings": {"e": {"column": "v", "dimensions": 0}}},
        {"attachments": [{"type": "JPEG", "value": "a"}]},
        {"media_type": "image"},
        {"column_grammar": {"divider": ""}},
        {"colour": "red"},
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RowsSpec.model_validate({**LEAST, **change})


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"row_data": {"pdf_url": "gs://b/{id}", "tile": {"value": "a{z}"}, "list": ["a", {"b": "c"}]}},
        {"global_key": {"derive": "row_data", "too_long": "hash"}, "column_grammar": {}},
        {
            "metadata": {
                "zero": {"value": 0},
                "no": {"value": False},
                "d": {"column": "d", "kind": "datetime", "format": "%d"},
            }
        },
        {
            "attachments": [{"type": "IMAGE", "value": {"value": "https://h/a"}}],
            "embeddings": {"e": {"column": "v", "dimensions": 3}},
        },
    ],
)
def test_a_mapping_survives_its_way_through_json(more: dict[str, Any]) -> None:
    spec = RowsSpec.model_validate({**LEAST, **more})
    assert RowsSpec.model_validate(spec.model_dump(mode="json", exclude_defaults=True)) == spec
