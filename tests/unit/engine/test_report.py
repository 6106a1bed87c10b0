"""The report: counts that add up, reasons that help."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from labelbox_airflow.engine.ledger import DeadLetter
from labelbox_airflow.engine.report import OUTCOMES, Reason, ReasonTally, Report, VectorCount, make_report


def tally_of(letters: Iterable[DeadLetter]) -> ReasonTally:
    tally = ReasonTally()
    passed = list(letters)
    assert list(tally.watch(passed)) == passed
    return tally


def top_reasons(letters: Iterable[DeadLetter]) -> list[Reason]:
    return tally_of(letters).top()


def letter(code: str, number: int, key: str | None = None) -> DeadLetter:
    fields: dict[str, Any] = {
        "origin": f"t.csv line {number}",
        "stage": "map",
        "code": code,
        "reason": f"reason {number}",
    }
    return DeadLetter(**fields, global_key=key, part="extract-000001", sequence=number)


def report(letters: Iterable[DeadLetter] = (), **changes: Any) -> Report:
    arguments: dict[str, Any] = {
        "sync": "receipts",
        "run_id": "r1",
        "dataset": "Receipts",
        "window": "everything",
        "read": 12,
        "units": {"unit-00001": 4, "unit-00002": 3},
        "tallies": {
            "extract": {"unchanged": 2, "superseded": 1},
            "extract-000001": {"rejected": 1},
            "extract-000002": {"rejected": 1},
            "unit-00001": {"created": 3, "rejected": 1},
        },
        "reasons": tally_of(letters),
    }
    return make_report(**{**arguments, **changes})


def test_every_row_is_counted_once() -> None:
    made = report()
    assert made.outcomes == {"created": 3, "unchanged": 2, "superseded": 1, "rejected": 3}
    assert made.stages["extract"]["rejected"] == 2
    assert made.unsettled == 3
    assert made.adds_up
    assert not report(read=13).adds_up
    assert not report(read=11).adds_up


def test_a_run_that_read_nothing_adds_up() -> None:
    made = report(read=0, units={}, tallies={})
    assert made.adds_up
    assert made.as_dict()["outcomes"] == dict.fromkeys(OUTCOMES, 0)


def test_it_is_json_with_all_outcomes() -> None:
    made = orjson.loads(orjson.dumps(report([letter("bad_url", 1, "k1")]).as_dict()))
    assert made["stages"]["upload"] == {"created": 3, "updated": 0, "unchanged": 0, "superseded": 0, "rejected": 1}
    assert made["reasons"] == [{"code": "bad_url", "rows": 1, "reason": "t.csv line 1: reason 1", "examples": ["k1"]}]


def test_reasons_come_by_frequency_with_a_few_examples() -> None:
    letters = [letter("rare", 0), *(letter("often", n, f"k{n}" if n % 2 else None) for n in range(1, 9))]
    often, rare = top_reasons(iter(letters))
    assert (often.code, often.rows, often.reason) == ("often", 8, "t.csv line 1: reason 1")
    assert often.examples == ["k1", "t.csv line 2", "k3", "t.csv line 4", "k5"]
    assert (rare.rows, rare.examples) == (1, ["t.csv line 0"])
    assert top_reasons([]) == []


def test_the_text_says_what_is_left_and_why() -> None:
    text = report([letter("bad_url", 1, "k1"), letter("bad_url", 2, "k2")], read=12_000).as_text()
    assert "of 12,000 rows read" in text
    assert "not sent, or not settled: 3" in text
    assert "rejected 2 with bad_url: t.csv line 1: reason 1" in text
    assert "also k2" in text


def test_rows_that_wait_or_are_left_alone_add_up_beside_the_outcomes() -> None:
    made = report(
        read=15,
        retried=2,
        tallies={
            "extract": {"unchanged": 2, "waiting": 3, "left_alone": 4},
            "unit-00001": {"updated": 2, "waiting": 1},
        },
    )

    assert made.adds_up
    assert made.aside == {"waiting": 4, "left_alone": 4}
    assert report().aside == {}
    content = made.as_dict()
    assert (content["waiting"], content["left_alone"], content["retried"]) == (4, 4, 2)
    assert sum(content["outcomes"].values()) + 4 + 4 + content["unsettled"] == content["read"]
    assert Report.from_dict(orjson.loads(orjson.dumps(content))) == made
    text = made.as_text()
    assert "  waiting for their data rows: 4\n  left alone, without a data row: 4\n" in text
    assert "  tried again after waiting: 2\n" in text
    assert "waiting" not in report().as_text()


def test_vectors_are_reported_and_a_shortage_told() -> None:
    counts = [VectorCount("clip", "e1", 10, 5, 15), VectorCount("v2", "e2", 10, 5, 14)]
    made = report(vectors=counts)

    assert [counted.is_short for counted in counts] == [False, True]
    assert "  vectors of 'clip': 10 before, 5 new, 15 now" in made.as_text()
    assert Report.from_dict(orjson.loads(orjson.dumps(made.as_dict()))) == made
