"""Conditions and orders of sync files over columns, text columns of CSV files among them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.rows.problems import Problems
from labelbox_airflow.engine.sql import Evaluator, condition, ordering

ROWS = pa.RecordBatch.from_pydict(
    {
        "score": ["0.5", "0.7", None, "5.0", "10"],
        "cc": ["DE", "FR", "DE", None, "DE"],
        "taken": ["2026-01-01", "2025-01-01", "", "2026-02-01T10:00:00", None],
        "year": [2024, 2025, 2026, None, 2027],
        "facts.n": [1, 2, 3, 4, 5],
    }
)


def chosen(text: str, rows: pa.RecordBatch = ROWS) -> list[int]:
    problems = Problems()
    flags = Evaluator(condition("rows.where", text), "rows").flags(rows, problems)
    assert not problems
    return [index for index, flag in enumerate(flags) if flag]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("score < 0.6", [0]),
        ("score = 5", [3]),
        ("score > 5", [4]),
        ("score BETWEEN 0.6 AND 6", [1, 3]),
        ("score IN (5, 0.7)", [1, 3]),
        ("abs(score) >= 0.7", [1, 3, 4]),
        ("cc = 'DE'", [0, 2, 4]),
        ("cc != 'DE'", [1]),
        ("cc IS NULL OR lower(cc) = 'fr'", [1, 3]),
        ("taken >= DATE '2026-01-01'", [0, 3]),
        ("year >= 2026 AND score > 1", [4]),
        ("facts.n > 3", [3, 4]),
        ("rows.score < 1 AND facts.n = 2", [1]),
        ('"score" < 0.6 -- the least sure', [0]),
        ("SCORE < 0.6", [0]),
    ],
)
def test_a_condition_means_what_a_person_expects(text: str, expected: list[int]) -> None:
    assert chosen(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("scor < 1", "there is no column 'scor'. Did you mean 'score'? Columns: score, cc, taken, year, facts.n."),
        ("score <", "no SQL"),
        ("lowerr(cc) = 'x'", "there is no function 'lowerr'. Did you mean 'lower'?"),
        ("count(cc) > 1", "about many rows"),
        ("score < (SELECT 1)", "a subquery cannot be used here"),
        ("cc IN (SELECT content FROM read_text('/etc/hostname'))", "a subquery cannot be used here"),
        ("score", "gives VARCHAR, not true or false"),
        ("1 = 1", "it names no column"),
        ("1) ; SELECT (1", "not a query"),
        ("year = [1]", "Columns: score"),
    ],
)
def test_a_wrong_condition_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        chosen(text)
    assert str(refused.value).startswith("rows.where: ")
    assert said in str(refused.value)


def test_a_value_that_does_not_fit_is_the_problem_of_its_row_alone() -> None:
    rows = pa.RecordBatch.from_pydict({"score": ["0.5", "n/a", "0.7"]})
    problems = Problems()
    flags = Evaluator(condition("rows.where", "score < 0.6")).flags(rows, problems)
    assert (flags[0], flags[2], list(problems)) == (True, False, [1])
    assert problems[1].reason == "'n/a' is no number, as rows.where takes score for"


def ordered(text: str, rows: pa.RecordBatch) -> list[Any]:
    return Evaluator(ordering("project.select.order_by", text)).ranks(rows, Problems())["n0"].to_pylist()


def test_numbers_in_text_and_times_have_a_number_to_sort_by() -> None:
    assert ordered("score", ROWS) == [0.5, 0.7, None, 5.0, 10.0]
    assert ordered("year DESC", ROWS) == [2024, 2025, 2026, None, 2027]
    (term,) = ordering("project.select.order_by", "year DESC NULLS FIRST").terms
    assert (term.descending, term.nulls_first) == (True, True)
