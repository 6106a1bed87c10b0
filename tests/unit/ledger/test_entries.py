"""What Labelbox holds: bulk reads and writes."""

from __future__ import annotations

import pytest

from labelbox_airflow.engine.errors import DataIOError
from labelbox_airflow.engine.ledger import Entry, EntryRows, Ledger, Owner

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


OWNER, OTHER, UNKNOWN = Owner("org", "receipts"), Owner("other", "receipts"), Owner("x", "receipts")
ENRICHING = Owner("org", "enrich")


def entry(**changes: object) -> Entry:
    full = Entry("ds1", "dr1", 10, 1, 2, 3, 4, 5, 6, 7)
    return full._replace(**changes)


def one(ledger: Ledger) -> Entry:
    return ledger.entries(OWNER, ["k"])["k"]


def test_what_was_put_is_read_back_whole_for_any_text(ledger: Ledger) -> None:
    entries = {key: entry(source=BIGGEST, metadata=SMALLEST, embeddings=None) for key in STRANGE}
    ledger.put(OWNER, entries)
    assert ledger.entries(OWNER, [*STRANGE, "unknown"]) == entries


def test_keys_with_another_source_or_an_older_version_are_told_for_any_text(ledger: Ledger) -> None:
    sources = {key: (BIGGEST, SMALLEST, 0)[number % 3] for number, key in enumerate(STRANGE)}
    assert ledger.unlike(OWNER, "ds1", sources, 10) == dict.fromkeys(STRANGE)
    ledger.put(OWNER, {key: entry(source=source) for key, source in sources.items()})
    ledger.put(ENRICHING, {"theirs": entry(source=1)})
    assert ledger.unlike(OWNER, "ds1", sources, 10) == {}
    assert ledger.unlike(OWNER, "ds1", sources, 11) == dict.fromkeys(STRANGE, 10)
    assert ledger.unlike(OWNER, "ds2", sources, 10) == dict.fromkeys(STRANGE)
    assert ledger.unlike(ENRICHING, "ds1", {"theirs": 1, "plain": BIGGEST}, 10) == {"plain": None}
    others = {key: source - 1 if source else 1 for key, source in sources.items() if source != SMALLEST}
    assert ledger.unlike(OWNER, "ds1", {**others, "unknown": 1}, 10) == dict.fromkeys([*others, "unknown"])
    ledger.put(OWNER, {"without": entry(source=None)})
    assert ledger.unlike(OWNER, "ds1", {"without": 0}, 10) == {"without": None}


def test_rows_put_in_columns_are_entries_like_others(ledger: Ledger) -> None:
    ledger.put(OWNER, {"b": entry(version=20), "c": entry()})
    marks = [[1, 2, None], [3, 4, 5], [None] * 3, [6, 7, 8], [None, None, 9]]
    ledger.put_rows(OWNER, EntryRows("ds1", ["b", "c", "a"], ["dr1", "new", None], [11, 12, 13], [7, 8, 9], marks))
    assert ledger.entries(OWNER, ["a", "b", "c"]) == {
        "a": Entry("ds1", None, 13, 9, None, 5, None, 8, 9, None),
        "b": Entry("ds1", "dr1", 20, 7, 1, 3, 4, 6, 6, 7),
        "c": Entry("ds1", "new", 12, 8, 2, 4, None, 7, None, None),
    }
    ledger.put_rows(OWNER, EntryRows("ds1", ["b"], [None], [3], [7], [[1]] * 5), force=True)
    assert ledger.entries(OWNER, ["b"])["b"].version == 3
    with pytest.raises(DataIOError, match="cannot be kept"):
        ledger.put_rows(OWNER, EntryRows("ds1", [""], [None], [3], [7], [[1]] * 5))


def test_organizations_do_not_see_each_other(ledger: Ledger) -> None:
    ledger.put(OWNER, {"k": entry()})
    ledger.put(OTHER, {"k": entry(dataset_id="ds2")})
    assert one(ledger).dataset_id == "ds1"
    ledger.forget(OTHER.organization, ["k"])
    assert ledger.entries(OTHER, ["k"]) == {}
    assert "k" in ledger.entries(OWNER, ["k"])


def test_syncs_do_not_see_each_other_but_know_where_a_key_lives(ledger: Ledger) -> None:
    ledger.put(OWNER, {"k": entry()})
    ledger.put(ENRICHING, {"k": entry(version=99, metadata=70), "unsent": entry(data_row_id=None)})
    assert one(ledger) == entry()
    assert ledger.entries(ENRICHING, ["k"])["k"].metadata == 70
    assert ledger.homes("org", ["k", "unsent", "unknown"]) == {"k": ("ds1", "dr1")}
    assert ledger.homes("other", ["k"]) == {}


def test_what_others_know_of_a_deleted_data_row_goes_when_its_key_is_made_anew(ledger: Ledger) -> None:
    ledger.put(ENRICHING, {"k": entry(), "l": entry()})
    ledger.put(OWNER, {"k": entry(), "l": entry()})
    assert set(ledger.entries(ENRICHING, ["k", "l"])) == {"k", "l"}
    ledger.put(OWNER, {"k": entry(data_row_id="dr2")})
    assert set(ledger.entries(ENRICHING, ["k", "l"])) == {"l"}


def test_none_keeps_what_is_stored(ledger: Ledger) -> None:
    ledger.put(OWNER, {"k": entry()})
    ledger.put(OWNER, {"k": Entry("ds1", None, 11, None, 20, None, None, None, None, None)})
    assert one(ledger) == entry(version=11, row_data=20)


def test_another_data_row_under_the_key_keeps_nothing_of_the_old_one(ledger: Ledger) -> None:
    ledger.put(OWNER, {"k": entry()})
    ledger.put(OWNER, {"k": entry(data_row_id="dr2", embeddings=None)})
    assert one(ledger) == entry(data_row_id="dr2", embeddings=None)


def test_a_data_row_id_learned_later_keeps_the_fingerprints(ledger: Ledger) -> None:
    ledger.put(OWNER, {"k": entry(data_row_id=None)})
    ledger.put(OWNER, {"k": Entry("ds1", "dr1", 10, *[None] * 7)})
    assert one(ledger) == entry()


def test_version_shrinks_only_by_force(ledger: Ledger) -> None:
    ledger.put(OWNER, {"k": entry(version=10)})
    ledger.put(OWNER, {"k": entry(version=5)})
    assert one(ledger).version == 10
    ledger.put(OWNER, {"k": entry(version=5)}, force=True)
    assert one(ledger).version == 5


def test_touch_moves_version_and_source_forward_only(ledger: Ledger) -> None:
    ledger.put(OWNER, {key: entry() for key in ("newer", "older", "kept", "same")})
    ledger.touch(OWNER, [("newer", 11, 99), ("older", 9, 99), ("kept", 11, None), ("same", 10, 99), ("none", 1, 1)])
    assert ledger.entries(OWNER, ["newer", "older", "kept", "same", "none"]) == {
        "newer": entry(version=11, source=99),
        "older": entry(),
        "kept": entry(version=11),
        "same": entry(source=99),
    }


def test_touch_takes_the_newest_of_a_repeated_key(ledger: Ledger) -> None:
    ledger.put(OWNER, {"k": entry()})
    ledger.touch(OWNER, [("k", 12, 2), ("k", 15, None), ("k", 11, 3)])
    assert one(ledger).version == 15


def test_count_is_per_dataset(ledger: Ledger) -> None:
    ledger.put(OWNER, {f"a{i}": entry() for i in range(3)} | {"b": entry(dataset_id="ds2")})
    assert (ledger.count(OWNER, "ds1"), ledger.count(OWNER, "ds2"), ledger.count(UNKNOWN, "ds1")) == (3, 1, 0)


def test_a_moved_key_counts_in_its_new_dataset(ledger: Ledger) -> None:
    ledger.put(OWNER, {"k": entry()})
    ledger.put(OWNER, {"k": entry(dataset_id="ds2")})
    assert (ledger.count(OWNER, "ds1"), ledger.count(OWNER, "ds2")) == (0, 1)


@pytest.mark.parametrize("key", ["", "x" * 201, "nul\0", "\ud800"])
def test_a_key_that_cannot_be_kept_is_refused_and_nothing_is_written(ledger: Ledger, key: str) -> None:
    with pytest.raises(DataIOError, match="cannot be kept"):
        ledger.put(OWNER, {"good": entry(), key: entry()})
    assert ledger.entries(OWNER, ["good"]) == {}


def test_nothing_in_nothing_out(ledger: Ledger) -> None:
    ledger.put(OWNER, {})
    ledger.touch(OWNER, [])
    ledger.forget(OWNER.organization, [])
    assert ledger.entries(OWNER, []) == {}
    assert ledger.entries(OWNER, ["k"]) == {}


def test_twenty_thousand_keys_in_one_call(ledger: Ledger) -> None:
    entries = {f"key-{i}": entry(data_row_id=f"dr{i}", source=i) for i in range(20_000)}
    ledger.put(OWNER, entries)
    ledger.put(OWNER, {"bystander": entry()})
    assert ledger.entries(OWNER, list(entries)) == entries
    ledger.touch(OWNER, [(key, 11, 5) for key in entries])
    assert set(ledger.entries(OWNER, list(entries)).values()) >= {entry(data_row_id="dr7", version=11, source=5)}
    ledger.forget(OWNER.organization, list(entries))
    assert ledger.count(OWNER, "ds1") == 1


def test_a_transaction_happens_together_or_not_at_all(ledger: Ledger) -> None:
    with pytest.raises(DataIOError), ledger.transaction() as together:  # noqa: PT012 - the writes before the error matter
        together.put(OWNER, {"k": entry()})
        together.put(OWNER, {"": entry()})
    assert ledger.entries(OWNER, ["k"]) == {}
    with ledger.transaction() as together:
        together.put(OWNER, {"k": entry()})
        together.touch(OWNER, [("k", 20, None)])
    assert one(ledger).version == 20
