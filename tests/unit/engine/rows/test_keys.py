"""Global keys: taken, checked, shortened."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from labelbox_airflow.engine.rows.keys import MAX_LENGTH, KeyReader
from labelbox_airflow.engine.rows.problems import Problems
from labelbox_airflow.engine.rows.spec import RowsSpec


def read(values: Any, global_key: Any = "id", row_data: Any = "id") -> tuple[list[str | None], dict[int, str]]:
    spec = RowsSpec.model_validate({"row_data": row_data, "global_key": global_key})
    problems = Problems()
    rows = pa.RecordBatch.from_pydict({"id": values})
    keys = KeyReader(spec.global_key, spec.row_data).read(rows, problems)
    return keys, {index: problem.code for index, problem in problems.items()}


@pytest.mark.parametrize(
    "key",
    [
        "a",
        "a b c",
        "\U0001f9fe receipt",
        'quo"te\\back',
        "line\u2028separator",
        "tab\x01control",
        "x" * MAX_LENGTH,
        "\U0001f600" * MAX_LENGTH,
        "nan",
    ],
)
def test_odd_but_good_keys_are_taken_as_they_are(key: str) -> None:
    assert read([key]) == ([key], {})


@pytest.mark.parametrize("key", [" a", "a ", "a  b", " ", "\ta", "a\n", "\u3000a", "a\r", "a\x00b"])
def test_keys_labelbox_or_the_ledger_cannot_keep_are_refused(key: str) -> None:
    assert read(["ok", key]) == (["ok", None], {1: "bad_key"})


@pytest.mark.parametrize("values", [[None, ""], pa.array([float("nan"), None])])
def test_a_row_without_a_key_is_refused(values: Any) -> None:
    assert read(values) == ([None, None], {0: "null_key", 1: "null_key"})


@pytest.mark.parametrize(
    ("values", "keys"),
    [
        (pa.array([1, 2**62]), ["1", "4611686018427387904"]),
        (pa.array([1.0, 2.5]), ["1", "2.5"]),
        (pa.array([b"abc"], pa.binary()), ["abc"]),
        (pa.array([True]), ["true"]),
    ],
)
def test_keys_of_other_types_become_text(values: Any, keys: list[str]) -> None:
    assert read(values) == (keys, {})


def test_too_long_a_key_is_refused_with_its_length() -> None:
    assert read(["x" * 201]) == ([None], {0: "key_too_long"})


def test_too_long_a_key_can_end_in_a_hash_of_the_whole() -> None:
    spec = {"column": "id", "too_long": "hash"}
    first, second, fits = "x" * 201, "x" * 200 + "y", "x" * 200
    (one, two, kept), problems = read([first, second, fits], spec)
    assert not problems
    assert one is not None
    assert two is not None
    assert kept == fits
    assert len(one) == len(two) == MAX_LENGTH
    assert one != two
    assert one[:183] == first[:183]
    assert read([first], spec) == ([one], {})


@pytest.mark.parametrize(
    ("uri", "key"),
    [
        ("https://h/a.jpg?X-Amz-Signature=1", "https://h/a.jpg"),
        ("https://h/a.jpg#top", "https://h/a.jpg"),
        ("s3://b/a#1.jpg", "s3://b/a#1.jpg"),
        ("gs://b/what?.jpg", "gs://b/what?.jpg"),
    ],
)
def test_a_derived_key_is_the_uri_without_query(uri: str, key: str) -> None:
    assert read([uri], {"derive": "row_data"}) == ([key], {})


def test_a_key_cannot_be_derived_from_structured_row_data() -> None:
    with pytest.raises(ValueError, match="single URI"):
        read(["x"], {"derive": "row_data"}, {"pdf_url": "id"})
