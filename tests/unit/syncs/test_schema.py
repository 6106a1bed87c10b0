"""The JSON Schema agrees with the loader."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from labelbox_airflow.syncs.schema import json_schema, known_keys

from .conftest import changed


def errors(content: Mapping[str, Any]) -> list[str]:
    return [error.json_path for error in Draft202012Validator(json_schema()).iter_errors(content)]


def test_the_schema_is_a_valid_schema_with_id_and_title() -> None:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    assert (schema["$id"], schema["title"]) == ("urn:airflow-provider-labelbox:sync:1", "Labelbox sync file")


def test_the_schema_takes_short_and_long_forms() -> None:
    assert errors(changed({})) == []
    assert errors(changed({"rows/row_data": {"column": "uri"}, "rows/metadata/country": "{cc}"})) == []
    assert errors(changed({"rows/global_key": {"derive": "row_data"}})) == []
    assert errors(changed({"environments": {"dev": {"units": {"rows": 1}}}})) == []


@pytest.mark.parametrize("key", ["project", "rows/transform", "labelbox/project", "colour"])
def test_the_schema_has_no_keys_that_the_loader_refuses(key: str) -> None:
    assert errors(changed({key: "x"})) != []


def test_the_sample_sync_fits_the_schema() -> None:
    sample = Path(__file__).resolve().parents[3] / "include" / "syncs" / "receipts.yaml"
    content = yaml.load(sample.read_text(), Loader=yaml.BaseLoader)
    # BaseLoader gives texts alone; the schema also knows numbers and truth values.
    content["version"] = int(content["version"])
    for embedding in content["rows"]["embeddings"].values():
        embedding["dimensions"] = int(embedding["dimensions"])
    assert errors(content) == []


@pytest.mark.parametrize(
    ("path", "some"),
    [
        ((), {"version", "schedule", "rows"}),
        (("schedule",), {"every", "cron", "after"}),
        (("sources", "any"), {"uri", "window", "join"}),
        (("sources", "any", "window"), {"by", "lookback"}),
        (("rows", "metadata", "any"), {"column", "kind"}),
        (("rows", "attachments", 0, "value"), {"column", "template", "value"}),
    ],
)
def test_known_keys_are_found_at_any_depth(path: tuple[str | int, ...], some: set[str]) -> None:
    assert some <= set(known_keys(path))


@pytest.mark.parametrize("path", [("rows", "metadata"), ("rows", "row_data"), ("sources",), ("sources", "x", "join")])
def test_any_key_will_do_where_the_author_names_things(path: tuple[str, ...]) -> None:
    assert known_keys(path) == []
