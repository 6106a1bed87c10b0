"""Extraction against a real ledger: outcomes, duplicates, versions, units."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from fsspec.implementations.local import LocalFileSystem

from labelbox_airflow.engine import extract as module
from labelbox_airflow.engine.extract import Extracted, Extraction
from labelbox_airflow.engine.ledger import Claim, Entry, Ledger, Owner, Run
from labelbox_airflow.engine.metadata_schema import MetadataField, SchemaAddition
from labelbox_airflow.engine.records import Batch, Rejected
from labelbox_airflow.engine.rows.decide import Overwrite
from labelbox_airflow.engine.rows.mapping import KeyedBatch, RowMapping, microseconds
from labelbox_airflow.engine.rows.spec import RowsSpec
from labelbox_airflow.engine.staging import Staging
from labelbox_airflow.engine.units import UnitRows, load_unit

ORGANIZATION, DATASET = "org", "dataset"
OWNER = Owner(ORGANIZATION, "sync")
SPEC: dict[str, Any] = {"row_data": "url", "global_key": "id", "version": "v", "metadata": {"note": "note"}}
UNVERSIONED = {name: value for name, value in SPEC.items() if name != "version"}
SCHEMA = {"note": MetadataField("n", "note", "string"), "cc": MetadataField("c", "cc", "enum", {"DE": "1"})}


def row(key: str | None, note: str | None = "a", version: Any = 1, **more: Any) -> dict[str, Any]:
    return {"id": key, "url": f"https://h/{key}.jpg".replace(" ", ""), "note": note, "v": version, **more}


def batch(rows: Sequence[Mapping[str, Any]], place: str = "t.csv", time: datetime | None = None, **more: Any) -> Batch:
    names = list(rows[0]) if rows else ["id", "url", "note", "v"]
    columns = {name: pa.array([r[name] for r in rows], pa.string() if not rows else None) for name in names}
    return Batch(pa.RecordBatch.from_pydict(columns), place, range(2, len(rows) + 2), time, **more)


class World:
    """A ledger and a staging directory; runs of one sync into one dataset."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.ledger = Ledger(f"sqlite:///{directory}/ledger.db")
        self.scratch = Ledger(f"sqlite:///{directory}/scratch.db")
        self._runs = 0
        self.run = Run(ORGANIZATION, "sync", "r0")

    def staging(self) -> Staging:
        return Staging(LocalFileSystem(), str(self.directory / self.run.run_id))

    def begin(self) -> None:
        self._runs += 1
        self.run = Run(ORGANIZATION, "sync", f"r{self._runs}")

    def extraction(
        self,
        spec: Mapping[str, Any] = SPEC,
        *,
        dry: bool = False,
        overwrite: Overwrite = "newer",
        unit_rows: int = 1000,
        dataset_id: str | None = DATASET,
    ) -> Extraction:
        self.begin()
        book = self.scratch if dry else self.ledger
        book.begin_run(self.run, window_start=None, window_end=None, spec_hash="")
        self.staging().clear()
        return Extraction(
            RowsSpec.model_validate(spec),
            SCHEMA,
            ledger=self.ledger,
            book=book,
            run=self.run,
            dataset_id=dataset_id,
            staging=None if dry else self.staging(),
            default_version=1,
            unit_rows=unit_rows,
            overwrite=overwrite,
        )

    def extract(self, *batches: Batch, spec: Mapping[str, Any] = SPEC, **settings: Any) -> Extracted:
        extraction = self.extraction(spec, **settings)
        for each in batches:
            extraction.add(each)
        extracted = extraction.finish()
        extracted.outcomes = +extracted.outcomes
        return extracted

    def units(self, extracted: Extracted) -> list[UnitRows]:
        return [load_unit(self.staging(), unit.name) for unit in extracted.units]

    def load(self, *batches: Batch, **settings: Any) -> Counter[str]:
        """Extract, pretend that Labelbox took everything, and return the outcomes."""
        extracted = self.extract(*batches, **settings)
        outcomes = Counter(extracted.outcomes)
        entries: dict[str, Entry] = {}
        for unit in self.units(extracted):
            held = self.ledger.acquire(self.run, unit.name, unit.keys).held
            for index, key in enumerate(unit.keys):
                if held.get(key) != unit.sequences[index]:
                    outcomes["superseded"] += 1
                    continue
                outcomes["sent"] += 1
                fixed = (DATASET, f"id-{key}", unit.versions[index], unit.sources[index])
                entries[key] = Entry._make((*fixed, *unit.marks[index], None))
        self.ledger.put(OWNER, entries, force=settings.get("overwrite") == "always")
        self.ledger.finish_run(self.run, state="success", rows_read=extracted.read, rows_filtered=0, watermark=None)
        assert outcomes.total() == extracted.read
        return +outcomes

    def entry(self, key: str) -> Entry:
        return self.ledger.entries(OWNER, [key])[key]

    def rejected(self) -> list[tuple[str, str]]:
        return [(letter.origin, letter.code) for letter in self.ledger.dead_letters(self.run)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.ledger.close()
    made.scratch.close()


def test_new_rows_are_created_and_the_second_time_unchanged(world: World) -> None:
    rows = [row(f"k{i}", None if i % 2 else "n") for i in range(5)]
    assert world.load(batch(rows)) == {"sent": 5}
    extracted = world.extract(batch(rows))
    assert (extracted.outcomes, extracted.units, extracted.planned) == ({"unchanged": 5}, [], {})


def test_only_changed_rows_are_staged_with_what_changed(world: World) -> None:
    world.load(batch([row("a"), row("b"), row("c")]))
    extracted = world.extract(batch([row("a"), row("b", "new", 2), row("c", "a", 2), row("d")]))
    assert extracted.outcomes == {"unchanged": 2}
    assert extracted.planned == {"update": 1, "create": 1}
    assert extracted.changes == {"metadata": 1}
    assert extracted.samples == {"update": ["b"], "create": ["d"]}
    (unit,) = world.units(extracted)
    assert unit.keys == ["b", "d"]
    assert unit.origins == ["t.csv line 3", "t.csv line 5"]
    assert world.entry("c").version == 2


def test_an_older_row_is_superseded_unless_told(world: World) -> None:
    world.load(batch([row("a", "new", 5)]))
    assert world.load(batch([row("a", "old", 4)])) == {"superseded": 1}
    assert world.load(batch([row("a", "old", 4)]), overwrite="always") == {"sent": 1}
    assert world.entry("a").version == 4


def test_a_dataset_that_is_not_there_yet_makes_all_rows_new(world: World) -> None:
    world.load(batch([row("a")]))
    extracted = world.extract(batch([row("a"), row("b")]), dry=True, dataset_id=None)
    assert extracted.planned == {"create": 2}


def test_nothing_read_settles_nothing(world: World) -> None:
    extracted = world.extract()
    assert (extracted.read, extracted.outcomes, extracted.units) == (0, {}, [])
    assert world.extract(batch([])).read == 0


def test_a_batch_without_columns_or_with_rejects_alone_is_counted(world: World) -> None:
    """The rejected rows of a joined source come with an empty batch that has that source's columns."""
    nothing = Batch(pa.RecordBatch.from_pydict({}), "none.csv", ())
    wrong = Rejected("side.csv line 3", "read", "ragged_line", "has 2 fields, not 3")
    side = Batch(pa.RecordBatch.from_pydict({"other": pa.array([], pa.string())}), "side.csv", (), rejected=[wrong])
    extracted = world.extract(nothing, side, batch([row("a")]))
    assert (extracted.read, extracted.outcomes, extracted.planned) == (2, {"rejected": 1}, {"create": 1})
    assert world.rejected() == [("side.csv line 3", "ragged_line")]


def test_wrong_rows_are_kept_with_their_place_and_add_up(world: World) -> None:
    read = Rejected("t.csv line 9", "read", "ragged_line", "r")
    rows = [row("a"), row(None), row("b  b"), row("c", "x" * 5000), row("d", url="file:///etc/passwd"), row("e", v=1)]
    extracted = world.extract(batch(rows, rejected=[read]))
    assert extracted.read == 7
    assert extracted.outcomes == {"rejected": 5}
    assert extracted.planned == {"create": 2}
    assert world.rejected() == [
        ("t.csv line 9", "ragged_line"),
        ("t.csv line 3", "null_key"),
        ("t.csv line 4", "bad_key"),
        ("t.csv line 5", "bad_string"),
        ("t.csv line 6", "bad_url"),
    ]
    assert sum(t.get("rejected", 0) for t in world.ledger.tallies(world.run).values()) == 5


# Duplicate keys. Each case runs in one batch and in two, which take different ways.


@pytest.fixture(params=["one batch", "two batches"])
def load(request: pytest.FixtureRequest, world: World) -> Any:
    def loaded(first: Mapping[str, Any], second: Mapping[str, Any], **settings: Any) -> Counter[str]:
        if request.param == "one batch":
            return world.load(batch([first, second]), **settings)
        return world.load(batch([first], "1.csv"), batch([second], "2.csv"), **settings)

    return loaded


def test_the_newer_of_two_new_rows_wins(world: World, load: Any) -> None:
    assert load(row("a", "old", 1), row("a", "new", 2)) == {"sent": 1, "superseded": 1}
    assert world.entry("a").version == 2


def test_the_older_of_two_new_rows_is_superseded(world: World, load: Any) -> None:
    assert load(row("a", "new", 2), row("a", "old", 1)) == {"sent": 1, "superseded": 1}
    assert world.entry("a").version == 2


def test_a_copy_of_a_new_row_is_unchanged(load: Any) -> None:
    assert load(row("a"), row("a")) == {"sent": 1, "unchanged": 1}


def test_a_row_that_contradicts_a_new_one_is_rejected(world: World, load: Any) -> None:
    assert load(row("a", "x"), row("a", "y")) == {"sent": 1, "rejected": 1}
    (letter,) = world.ledger.dead_letters(world.run)
    assert letter.code == "duplicate_key"
    assert "csv line 2 has the same key" in letter.reason
    assert letter.row["metadata/note"] == "y"
    assert letter.row["row_data"] == "https://h/a.jpg"


def test_after_an_unchanged_row_a_newer_one_is_an_update(world: World, load: Any) -> None:
    world.load(batch([row("a", "x", 1)]))
    assert load(row("a", "x", 1), row("a", "y", 2)) == {"unchanged": 1, "sent": 1}


def test_after_an_unchanged_row_an_older_one_is_superseded(world: World, load: Any) -> None:
    world.load(batch([row("a", "x", 5)]))
    assert load(row("a", "x", 5), row("a", "y", 2)) == {"unchanged": 1, "superseded": 1}


def test_after_an_unchanged_row_an_equal_version_contradicts(world: World, load: Any) -> None:
    world.load(batch([row("a", "x", 5)]))
    assert load(row("a", "x", 5), row("a", "y", 5)) == {"unchanged": 1, "rejected": 1}


def test_after_an_unchanged_row_its_copy_is_unchanged(world: World, load: Any) -> None:
    world.load(batch([row("a", "x", 5)]))
    assert load(row("a", "x", 5), row("a", "x", 5)) == {"unchanged": 2}


def test_an_update_and_its_copy(world: World, load: Any) -> None:
    world.load(batch([row("a", "x", 1)]))
    assert load(row("a", "y", 2), row("a", "y", 2)) == {"sent": 1, "unchanged": 1}


def test_a_rejected_row_does_not_stand_in_the_way_of_another(load: Any) -> None:
    assert load(row("a", "x" * 5000), row("a", "x")) == {"rejected": 1, "sent": 1}


def test_a_superseded_row_does_not_stand_in_the_way_of_the_current_one(world: World, load: Any) -> None:
    """A table with the history of its rows, read again after the mapping has changed."""
    world.load(batch([row("a", "old", 3), row("a", "new", 5)]))
    remapped = {**SPEC, "external_id": "note"}
    assert load(row("a", "old", 3), row("a", "new", 5), spec=remapped) == {"superseded": 1, "sent": 1}
    assert world.entry("a").external_id is not None


def test_the_history_of_a_row_read_again_changes_nothing(world: World, load: Any) -> None:
    history = row("a", "old", 3), row("a", "new", 5)
    world.load(batch(history))
    assert load(*history) == {"superseded": 1, "unchanged": 1}


def test_without_versions_the_time_of_the_file_decides(world: World) -> None:
    day = datetime(2026, 3, 1, tzinfo=UTC)
    today, tomorrow = batch([row("a", "x")], "1.csv", day), batch([row("a", "y")], "2.csv", day + timedelta(1))
    assert world.load(today, tomorrow, spec=UNVERSIONED) == {"superseded": 1, "sent": 1}
    assert world.entry("a").version == microseconds(day + timedelta(1))
    assert world.load(today, spec=UNVERSIONED) == {"superseded": 1}


def test_an_unchanged_row_in_a_newer_file_raises_the_version(world: World) -> None:
    day = datetime(2026, 3, 1, tzinfo=UTC)
    world.load(batch([row("a")], time=day), spec=UNVERSIONED)
    assert world.load(batch([row("a")], time=day + timedelta(1)), spec=UNVERSIONED) == {"unchanged": 1}
    assert world.entry("a").version == microseconds(day + timedelta(1))


@pytest.mark.parametrize("pages", [1, 3, 20])
@pytest.mark.parametrize("seed", range(2))
def test_random_histories_end_at_the_newest_version(world: World, seed: int, pages: int) -> None:
    """Whatever the order and the batches, the ledger ends with the newest row of each key, and counts add up."""
    random.seed(seed)
    rows = [row(f"k{random.randrange(12)}", None, version) for version in range(1, 61)]
    rows = [{**r, "note": f"{r['id']} at {r['v']}"} for r in rows]
    for _ in range(2):
        random.shuffle(rows)
        size = -(-len(rows) // pages)
        batches = [batch(rows[i : i + size], f"{i}.csv") for i in range(0, len(rows), size)]
        outcomes = world.load(*batches, unit_rows=7)
        assert outcomes["rejected"] == 0
        newest = {r["id"]: r["v"] for r in sorted(rows, key=lambda r: int(r["v"]))}
        assert {key: world.entry(key).version for key in newest} == newest
        outcomes = world.load(*batches)
        assert outcomes == {"unchanged": len(newest), "superseded": 60 - len(newest)}
        rows = [{**r, "v": r["v"] + 100, "note": f"again {r['v']}"} if r["v"] % 3 else r for r in rows]


# Other runs, dry runs, units.


def test_a_key_another_run_is_about_to_send_goes_to_a_unit_even_if_unchanged(world: World) -> None:
    world.load(batch([row("a"), row("b")]))
    other = Run(ORGANIZATION, "sync", "other")
    world.ledger.begin_run(other, window_start=None, window_end=None, spec_hash="")
    world.ledger.claim(other, {"a": Claim("unit-00001", 0, 9, 1, "o")})
    extracted = world.extract(batch([row("a"), row("b")]))
    assert (extracted.planned, extracted.outcomes) == ({"update": 1}, {"unchanged": 1})
    assert [unit.keys for unit in world.units(extracted)] == [["a"]]


def test_a_dry_run_plans_the_same_and_writes_nothing(world: World) -> None:
    world.load(batch([row("a", "x", 1), row("b", "x", 1)]))
    before = world.entry("a"), world.entry("b")
    rows = [row("a", "y", 2), row("b", "x", 2), row("c"), row("c"), row(None)]
    dry = world.extract(batch(rows), dry=True)
    assert (world.entry("a"), world.entry("b")) == before
    assert world.ledger.run_state(world.run) is None
    assert not list(world.staging().path("") and Path(world.staging().path("")).iterdir())
    real = world.extract(batch(rows))
    assert (dry.planned, dry.outcomes, dry.changes, dry.samples) == (
        real.planned,
        real.outcomes,
        real.changes,
        real.samples,
    )


def test_a_table_given_as_one_batch_is_cut_into_units(world: World) -> None:
    extracted = world.extract(batch([row(f"k{i}") for i in range(25)]), unit_rows=10)
    assert [unit.rows for unit in extracted.units] == [10, 10, 5]
    units = world.units(extracted)
    assert [key for unit in units for key in unit.keys] == [f"k{i}" for i in range(25)]
    assert [number for unit in units for number in unit.sequences] == list(range(25))
    assert units[1].origins[0] == "t.csv line 12"


def test_wide_embeddings_are_mapped_a_few_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "VECTOR_BUDGET", 400)
    sizes: list[int] = []
    key = RowMapping.key

    def noted(self: RowMapping, piece: Batch, *, default_version: int) -> KeyedBatch:
        sizes.append(piece.rows.num_rows)
        return key(self, piece, default_version=default_version)

    monkeypatch.setattr(RowMapping, "key", noted)
    spec = {**SPEC, "embeddings": {"e": {"column": "vector", "dimensions": 2}}}
    rows = [row(f"k{i}", vector=[float(i), 1.0]) for i in range(450)]
    extracted = world.extract(batch(rows), spec=spec)
    assert sizes == [200, 200, 50]
    assert extracted.planned == {"create": 450}


def test_tables_of_other_columns_share_fields_and_options(world: World) -> None:
    spec = {"row_data": "url", "global_key": "id", "column_grammar": {"new_fields": "add", "new_options": "add"}}
    first = batch([{"id": "a", "url": "https://h/1", "metadata///enum///cc": "IT"}])
    second = batch(
        [
            {"id": "b", "url": "https://h/1", "metadata///enum///cc": "ES", "attachment///RAW_TEXT///n": "x"},
            {"id": "c", "url": "bad", "metadata///enum///cc": "XX", "attachment///RAW_TEXT///n": None},
        ]
    )
    extracted = world.extract(first, second, spec=spec)
    assert extracted.additions == {"cc": SchemaAddition("enum", frozenset({"IT", "ES"}))}
    assert list(extracted.mapping.metadata) == ["cc"]
    assert [(a.type, a.name) for a in extracted.mapping.attachments] == [("RAW_TEXT", "n")]
    assert extracted.mapping.column_grammar is None
    assert [unit.keys for unit in world.units(extracted)] == [["a"], ["b"]]


@pytest.mark.parametrize("key", ['quo"te\\', "\U0001f600", "a\u2028b", "%_'; DROP TABLE", "x" * 200, "a\x01b"])
def test_odd_keys_make_the_whole_way(world: World, key: str) -> None:
    assert world.load(batch([row(key, url="https://h/1")])) == {"sent": 1}
    assert world.load(batch([row(key, url="https://h/1")])) == {"unchanged": 1}
    assert world.load(batch([row(key, "new", 2, url="https://h/1")])) == {"sent": 1}


def test_rows_that_do_not_take_part_are_counted_and_those_that_cannot_be_judged_rejected(world: World) -> None:
    rows = batch([row("a", score="0.5"), row("b", score="0.7"), row("c", score="n/a"), row("d", score=None)])
    extracted = world.extract(rows, spec={**SPEC, "where": "score < 0.6"})
    assert extracted.outcomes == {"filtered": 2, "rejected": 1}
    assert extracted.planned == {"create": 1}
    assert extracted.read == extracted.outcomes.total() + extracted.planned.total()
    assert world.rejected() == [("t.csv line 4", "bad_value")]
    assert world.extract(rows, spec={**SPEC, "where": "url = ''"}).units == []
