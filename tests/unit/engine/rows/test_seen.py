"""Keys a run has met."""

from __future__ import annotations

import random

from labelbox_airflow.engine.rows.seen import SeenKeys


def test_nothing_is_seen_at_first() -> None:
    seen = SeenKeys()
    assert seen.contains(["a", "b"]) == [False, False]
    assert seen.contains([]) == []
    seen.add([])
    assert seen.contains(["a"]) == [False]


def test_it_agrees_with_a_set_whatever_the_sizes_of_batches() -> None:
    random.seed(7)
    seen, known = SeenKeys(), set[str]()
    for _ in range(200):
        keys = [f"clé {random.randrange(5000)}" for _ in range(random.choice([0, 1, 2, 50, 300]))]
        assert seen.contains(keys) == [key in known for key in keys]
        seen.add(keys)
        known.update(keys)
