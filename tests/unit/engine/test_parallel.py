"""Threads that work on many items, and hold no more of them than there are threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from labelbox_airflow.engine.parallel import map_in_order


def test_results_come_in_the_order_of_their_items() -> None:
    gates = [threading.Event() for _ in range(3)]

    def wait_for_the_next(number: int) -> int:
        if number + 1 < len(gates):
            assert gates[number + 1].wait(10)
        gates[number].set()
        return number * number

    assert list(map_in_order(wait_for_the_next, range(3), threads=3)) == [0, 1, 4]


def test_items_are_taken_no_faster_than_they_are_done() -> None:
    taken = done = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            taken += 1
            yield number

    for _ in map_in_order(lambda number: number, items(), threads=4):
        done += 1
        assert taken - done <= 4
    assert done == 100


def test_the_first_error_ends_it() -> None:
    begun: list[int] = []

    def fail(number: int) -> int:
        begun.append(number)
        if number == 3:
            raise ValueError("three")
        return number

    got: list[int] = []
    with pytest.raises(ValueError, match="three"):
        got.extend(map_in_order(fail, range(100), threads=2))
    assert len(begun) <= 6


def test_nothing_gives_nothing() -> None:
    assert list(map_in_order(str, [], threads=2)) == []
