"""Names of model runs and splits of their rows."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from labelbox_airflow.engine.annotations.imports.model_run import run_name, split_of
from labelbox_airflow.engine.annotations.imports.spec import ImportSpec


def spec(**more: object) -> ImportSpec:
    return ImportSpec.model_validate({"as": "predictions", "model": "m", "run": "r", **more})


def test_the_end_of_the_window_is_written_as_asked() -> None:
    end = datetime(2026, 1, 2, 3, tzinfo=UTC)
    assert run_name("v2 {window.end:%Y-%m-%dT%H:%M}", end) == "v2 2026-01-02T03:00"
    assert run_name("{window.end}", end) == "2026-01-02"


def test_shares_of_rows_are_as_asked_and_a_row_keeps_its_split() -> None:
    asked = spec(split={"train": 0.8, "validation": 0.05, "test": 0.15})
    keys = [f"key {number}" for number in range(4000)]
    first = [split_of(asked, key, None) for key in keys]
    counted = Counter(first)
    assert counted.keys() == {"TRAINING", "VALIDATION", "TEST"}
    for split, share in (("TRAINING", 0.8), ("VALIDATION", 0.05), ("TEST", 0.15)):
        assert abs(counted[split] / 4000 - share) < 0.02
    assert [split_of(asked, key, None) for key in keys] == first
    assert {split_of(spec(split={"test": 1}), key, None) for key in keys} == {"TEST"}


def test_what_the_source_says_goes_only_by_column() -> None:
    assert split_of(spec(split={"column": "part"}), "key", "TEST") == "TEST"
    assert split_of(spec(split={"column": "part"}), "key", None) is None
    assert split_of(spec(split="validation"), "key", None) == "VALIDATION"
    assert split_of(spec(), "key", None) is None
