"""A sync ends the same whatever the platform does where that is not confirmed: every pair of such behaviours is met."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from tests.integration.engine.conftest import ROWS, World

from labelbox_local.stack import LocalLabelbox

# The switches that a sync of rows depends on, the believed behaviour first.
CHOICES: dict[str, tuple[Any, ...]] = {
    "task_seconds": (0, 0.2),
    "job_seconds": (0, 0.1),
    "upsert_unknown_key": ("fail", "create"),
    "global_key_blanks": ("fail", "allow"),
    "attachment_repeat": ("append", "ignore"),
    "export_chunk_bytes": (5_000_000, 1),
    "metadata_characters": (4_096, 500),
    "row_data_characters": (16_000_000, 64_000),
    "signed_url_seconds": (86_400, 60),
    "export_index_seconds": (0, 3_600),
    "global_key_free_seconds": (0, 3_600),
}


def pairwise(choices: Mapping[str, Sequence[Any]], seed: int = 1) -> list[dict[str, Any]]:
    """Cases in which every two values of two switches meet: each is the best of some drawn at random."""
    draw = random.Random(seed)
    missing = {
        ((one, first), (other, second))
        for one, other in itertools.combinations(choices, 2)
        for first, second in itertools.product(choices[one], choices[other])
    }
    cases: list[dict[str, Any]] = []
    while missing:
        drawn = [{name: draw.choice(values) for name, values in choices.items()} for _ in range(50)]
        # A pair that is missing is in one of them, so that each case brings some.
        drawn[0] |= dict(min(missing, key=repr))
        best = max(drawn, key=lambda case: len(missing & _pairs(case)))
        missing -= _pairs(best)
        cases.append(best)
    return cases


def _pairs(case: Mapping[str, Any]) -> set[Any]:
    return set(itertools.combinations(case.items(), 2))


CASES = pairwise(CHOICES)


def test_every_pair_is_in_a_case_and_the_cases_are_few() -> None:
    met = set().union(*map(_pairs, CASES))
    for one, other in itertools.combinations(CHOICES, 2):
        assert {((one, a), (other, b)) for a in CHOICES[one] for b in CHOICES[other]} <= met
    assert len(CASES) <= 12


@pytest.mark.parametrize("lists", ["merge", "replace"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: ",".join(str(value) for value in case.values()))
def test_load_again_and_edit(
    new_world: Callable[..., World], local_labelbox: LocalLabelbox, rows: dict[str, Any], case: dict[str, Any]
) -> None:
    local_labelbox.admin("POST", "switches", case)
    world = new_world(rows=rows)
    records = [world.record(n) for n in range(6)]

    assert world.load("first", records) == {"created": 6}
    assert world.load("again", records) == {"unchanged": 6}
    edited = [
        *records[:2],
        world.record(2, country="DE", total=7),
        world.record(3, note="new"),
        world.record(4, vector=[9, 9, 9, 9]),
        world.record(5, url="https://images.example.com/new.jpg", name="new.jpg"),
        world.record(6),
    ]
    assert world.load("edited", edited) == {"unchanged": 2, "updated": 4, "created": 1}

    local_labelbox.admin("POST", "switches", {"export_index_seconds": 0})  # so that exports tell what there is
    believed = {f"{n:04d}": held_of(record) for n, record in enumerate(edited)}
    assert world.held() == believed
    assert len(world.remembered(edited)) == 7
    assert world.claims() == 0


def held_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """What Labelbox holds of a record of :func:`record` in the end."""
    return {
        "row_data": record["url"],
        "external_id": record["name"],
        "metadata": {
            "engine country": record["country"],
            "engine total": float(record["total"]),
            "captureDateTime": "2026-01-02T02:04:05Z",
        },
        "attachments": [("IMAGE", "thumbnail", record["thumbnail"]), ("RAW_TEXT", "note", record["note"])],
        "embeddings": {"engine-vector": [float(number) for number in record["vector"]]},
    }


@pytest.fixture
def rows(lists: str) -> dict[str, Any]:
    """The mapping, with lists that are merged or replaced."""
    return {**ROWS, "lists": lists}
