"""What Labelbox holds: bulk reads and writes."""

from __future__ import annotations

import pytest

from labelbox_airflow.engine.errors import DataIOError
from labelbox_airflow.engine.ledger import Entry, Ledger

BIGGEST, SMALLEST = 2**63 - 1, -(2**63)
STRANGE = [
    "plain",
    "ключ/ü 图 🧾",
    'a"b\\c',
    "{a,b}",
    "NULL",
    "null",
    "'; --",
    "%s :x",
    "line\nbreak\t",
    "é",
    "x" * 200,
]


def entry(**changes: object) -> Entry:
    full = Entry("ds1", "receipts", "dr1", 10, 1, 2, 3, 4, 5, 6, 7)
    return full._replace(**changes)


def one(ledger: Ledger) -> Entry:
    return ledger.entries("org", ["k"])["k"]


def test_what_was_put_is_read_back_whole_for_any_text(ledger: Ledger) -> None:
    entries = {key: entry(source=BIGGEST, metadata=SMALLEST, embeddings=None) for key in STRANGE}
    ledger.put("org", entries)
    assert ledger.entries("org", [*STRANGE, "unknown"]) == entries


def test_organizations_do_not_see_each_other(ledger: Ledger) -> None:
    ledger.put("org", {"k": entry()})
    ledger.put("other", {"k": entry(dataset_id="ds2")})
    assert one(ledger).dataset_id == "ds1"
    ledger.forget("other", ["k"])
    assert ledger.entries("other", ["k"]) == {}
    assert "k" in ledger.entries("org", ["k"])


def test_none_keeps_what_is_stored(ledger: Ledger) -> None:
    ledger.put("org", {"k": entry()})
    ledger.put("org", {"k": Entry("ds1", "second", None, 11, None, 20, None, None, None, None, None)})
    assert one(ledger) == entry(sync="second", version=11, row_data=20)


def test_another_data_row_under_the_key_keeps_nothing_of_the_old_one(ledger: Ledger) -> None:
    ledger.put("org", {"k": entry()})
    ledger.put("org", {"k": entry(data_row_id="dr2", embeddings=None)})
    assert one(ledger) == entry(data_row_id="dr2", embeddings=None)


def test_a_data_row_id_learned_later_keeps_the_fingerprints(ledger: Ledger) -> None:
    ledger.put("org", {"k": entry(data_row_id=None)})
    ledger.put("org", {"k": Entry("ds1", "receipts", "dr1", 10, *[None] * 7)})
    assert one(ledger) == entry()


def test_version_shrinks_only_by_force(ledger: Ledger) -> None:
    ledger.put("org", {"k": entry(version=10)})
    ledger.put("org", {"k": entry(version=5)})
    assert one(ledger).version == 10
    ledger.put("org", {"k": entry(version=5)}, force=True)
    assert one(ledger).version == 5


def test_touch_moves_version_and_source_forward_only(ledger: Ledger) -> None:
    ledger.put("org", {key: entry() for key in ("newer", "older", "kept", "same")})
    ledger.touch("org", [("newer", 11, 99), ("older", 9, 99), ("kept", 11, None), ("same", 10, 99), ("none", 1, 1)])
    assert ledger.entries("org", ["newer", "older", "kept", "same", "none"]) == {
        "newer": entry(version=11, source=99),
        "older": entry(),
        "kept": entry(version=11),
        "same": entry(source=99),
    }


def test_touch_takes_the_newest_of_a_repeated_key(ledger: Ledger) -> None:
    ledger.put("org", {"k": entry()})
    ledger.touch("org", [("k", 12, 2), ("k", 15, None), ("k", 11, 3)])
    assert one(ledger).version == 15


def test_count_is_per_dataset(ledger: Ledger) -> None:
    ledger.put("org", {f"a{i}": entry() for i in range(3)} | {"b": entry(dataset_id="ds2")})
    assert (ledger.count("org", "ds1"), ledger.count("org", "ds2"), ledger.count("x", "ds1")) == (3, 1, 0)


def test_a_moved_key_counts_in_its_new_dataset(ledger: Ledger) -> None:
    ledger.put("org", {"k": entry()})
    ledger.put("org", {"k": entry(dataset_id="ds2")})
    assert (ledger.count("org", "ds1"), ledger.count("org", "ds2")) == (0, 1)


@pytest.mark.parametrize("key", ["", "x" * 201, "nul\0", "\ud800"])
def test_a_key_that_cannot_be_kept_is_refused_and_nothing_is_written(ledger: Ledger, key: str) -> None:
    with pytest.raises(DataIOError, match="cannot be kept"):
        ledger.put("org", {"good": entry(), key: entry()})
    assert ledger.entries("org", ["good"]) == {}


def test_nothing_in_nothing_out(ledger: Ledger) -> None:
    ledger.put("org", {})
    ledger.touch("org", [])
    ledger.forget("org", [])
    assert ledger.entries("org", []) == {}
    assert ledger.entries("org", ["k"]) == {}


def test_twenty_thousand_keys_in_one_call(ledger: Ledger) -> None:
    entries = {f"key-{i}": entry(data_row_id=f"dr{i}", source=i) for i in range(20_000)}
    ledger.put("org", entries)
    ledger.put("org", {"bystander": entry()})
    assert ledger.entries("org", list(entries)) == entries
    ledger.touch("org", [(key, 11, 5) for key in entries])
    assert set(ledger.entries("org", list(entries)).values()) >= {entry(data_row_id="dr7", version=11, source=5)}
    ledger.forget("org", list(entries))
    assert ledger.count("org", "ds1") == 1


def test_a_transaction_happens_together_or_not_at_all(ledger: Ledger) -> None:
    with pytest.raises(DataIOError), ledger.transaction() as together:  # noqa: PT012 - the writes before the error matter
        together.put("org", {"k": entry()})
        together.put("org", {"": entry()})
    assert ledger.entries("org", ["k"]) == {}
    with ledger.transaction() as together:
        together.put("org", {"k": entry()})
        together.touch("org", [("k", 20, None)])
    assert one(ledger).version == 20
