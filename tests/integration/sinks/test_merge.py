"""Loads of exports merged into real databases: what holds of one of them holds of all."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import psycopg2
import pyarrow as pa
import pytest

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.exports.merge.load import Load, Merged
from labelbox_airflow.engine.exports.merge.spec import MergeSpec
from labelbox_airflow.engine.exports.records.arrow import FLAG, NUMBER, TEXT, TEXTS, TIME, WHOLE
from labelbox_airflow.engine.exports.records.record_set import Records
from labelbox_airflow.sinks.database import open_merge_target

if TYPE_CHECKING:
    from labelbox_local.stack import Postgres

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
POINTS = pa.list_(pa.struct([("x", NUMBER), ("y", NUMBER)]))
KEYS = {"project_id": TEXT, "data_row_id": TEXT, "label_id": TEXT, "annotation_id": TEXT, "frame": WHOLE}
COLUMNS = KEYS | {"class": TEXT, "path": TEXTS, "scores": pa.list_(NUMBER), "points": POINTS, "at": TIME, "kept": FLAG}

Row = dict[str, Any]
Content = Mapping[str, Sequence[Row]]
"""Rows by data row."""


def box(number: int, **changes: Any) -> Row:
    """A row that has a value of every type."""
    return {
        "annotation_id": f"a{number}",
        "class": 'Total, "€"\n\\',
        "path": ['a "b"', "c\\d", "", "NULL"],
        "scores": [0.1, float(number)],
        "points": [{"x": 0.5, "y": None}],
        "at": BEGAN + timedelta(microseconds=number),
        "kept": number % 2 == 0,
        **changes,
    }


class Warehouse:
    """A table in a database, and loads into it."""

    def __init__(self, place: Mapping[str, str], to: str = "boxes") -> None:
        self.place, self.to = dict(place), to

    def load(
        self,
        content: Content,
        at: int = 0,
        *,
        columns: Mapping[str, pa.DataType] = COLUMNS,
        projects: tuple[str, ...] | None = ("p",),
        keys: Sequence[str] | None = None,
        batches: Iterable[Records] | None = None,
        size: int = 2,
        load_id: str | None = None,
        **changes: Any,
    ) -> Merged:
        """Merge rows; ``at`` is when the export began, in minutes."""
        load = Load(
            **{
                "sync": "boxes_out",
                "load_id": load_id or f"run {at}",
                "table": self.to,
                "records": "annotations",
                "schema": pa.schema(columns),
                "batches": records(content, columns, projects, size) if batches is None else batches,
                "projects": projects,
                "as_of": BEGAN + timedelta(minutes=at),
                "keys": None if keys is None else [living(keys, (projects or ("p",))[0])],
                **changes,
            }
        )
        with self.target() as target:
            merged: Merged = target.merge(load)
            return merged

    @contextmanager
    def target(self) -> Iterator[Any]:
        with open_merge_target(MergeSpec.model_validate({"records": "raw", "to": self.to, **self.place})) as target:
            yield target

    def fetch(self, sql: str) -> list[tuple[Any, ...]]:
        with self.target() as target:
            found: list[tuple[Any, ...]] = target._database.fetch(sql)
            return found

    def execute(self, sql: str) -> None:
        with self.target() as target, target._database.transaction():
            target._database.run(sql)

    def rows(self, columns: str = "data_row_id, annotation_id, class", where: str = "1 = 1") -> list[tuple[Any, ...]]:
        return sorted(self.fetch(f"SELECT {columns} FROM {self.to} WHERE {where}"), key=str)

    def ids(self, where: str = "1 = 1") -> list[str]:
        return [f"{row}/{annotation}" for row, annotation, _ in self.rows(where=where)]


def records(
    content: Content, columns: Mapping[str, pa.DataType], projects: tuple[str, ...] | None, size: int
) -> Iterator[Records]:
    ids = list(content)
    for start in range(0, len(ids), size):
        found = ids[start : start + size]
        rows = [
            {"project_id": (projects or ("p",))[0], "data_row_id": each, "label_id": f"l{each}", **row}
            for each in found
            for row in content[each]
        ]
        made = [{name: row.get(name) for name in columns} for row in rows]
        yield Records(pa.RecordBatch.from_pylist(made, schema=pa.schema(columns)), found, projects)


def living(keys: Sequence[str], project: str) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"project_id": [project] * len(keys), "data_row_id": list(keys)})


@pytest.fixture(params=["sqlite", "duckdb", "postgres"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    if request.param != "postgres":
        yield Warehouse({"database": f"{request.param}:///{tmp_path}/warehouse.db"})
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = f"merge_{uuid.uuid4().hex}"
    url = server.create_database(name).replace("postgresql+psycopg2", "postgres")
    monkeypatch.setenv("AIRFLOW_CONN_MERGE", url)
    yield Warehouse({"connection": "merge"})
    server.drop_database(name)


def test_rows_are_created_changed_and_vanish(warehouse: Warehouse) -> None:
    first = warehouse.load({"d1": [box(1), box(2)], "d2": [box(3)], "d3": []})
    assert first == Merged("merged", data_rows=3, changed=3, vanished=0, rows=3)
    assert warehouse.ids() == ["d1/a1", "d1/a2", "d2/a3"]
    assert warehouse.rows()[0][2] == 'Total, "€"\n\\'

    # What is the same is not written; what has changed is replaced as a whole, data row by data row.
    again = warehouse.load({"d2": [box(3)], "d1": [box(2), box(1)], "d3": []}, 1)
    assert again == Merged("merged", data_rows=3, changed=0, vanished=0, rows=0)
    changed = warehouse.load({"d1": [box(2, **{"class": "Tax"}), box(4)], "d3": [box(5)]}, 2, whole=False)
    assert changed == Merged("merged", data_rows=2, changed=2, vanished=0, rows=3)
    assert warehouse.ids() == ["d1/a2", "d1/a4", "d2/a3", "d3/a5"]
    assert warehouse.load({"d1": []}, 3, whole=False).changed == 1
    assert warehouse.ids() == ["d2/a3", "d3/a5"]

    # Keys that are there still, and a load of everything, tell what has vanished.
    assert warehouse.load({}, 4, whole=False, keys=["d1", "d2"]).vanished == 1
    assert warehouse.ids() == ["d2/a3"]
    assert warehouse.load({"d9": [box(9)]}, 5).vanished == 1
    assert warehouse.ids() == ["d9/a9"]
    assert warehouse.load({}, 6) == Merged("merged", data_rows=0, changed=0, vanished=1, rows=0)
    assert warehouse.ids() == []


def test_values_of_every_type_arrive(warehouse: Warehouse) -> None:
    rows = [box(1), {"annotation_id": "none"}, box(2, path=[], scores=[None], points=[], **{"class": ""})]
    warehouse.load({"d1": rows})
    found = {row[0]: row[1:] for row in warehouse.rows("annotation_id, class, path, scores, points, kept")}

    def nested(value: Any) -> Any:
        return orjson.loads(value) if isinstance(value, str) else value

    for row in rows:
        name, *others, kept = (row.get(each) for each in ("class", "path", "scores", "points", "kept"))
        stored = found[row["annotation_id"]]
        assert (stored[0], [nested(each) for each in stored[1:4]], stored[4]) == (name, others, kept)
    at = "CAST(at AS VARCHAR) LIKE '2026-01-01_00:00:00.000002%'".replace("at", '"at"')
    assert warehouse.ids(at) == ["d1/a2"]


def test_a_load_is_merged_once_and_never_over_a_later_one(warehouse: Warehouse) -> None:
    former, later = {"d1": [box(1)], "d2": [box(2)]}, {"d1": [box(3)]}
    first = warehouse.load(former, 1)
    assert warehouse.load({"other": []}, 1) == Merged("repeated", first.data_rows, first.changed, 0, first.rows)
    warehouse.load({"d1": [box(3)], "d3": []}, 5, whole=False)
    # One that comes late changes what no later one had: also not what a later one had emptied.
    late = warehouse.load({"d1": [box(1)], "d2": [box(4)], "d3": [box(5)], "d4": [box(6)]}, 3, whole=False)
    assert (late.data_rows, late.changed) == (4, 2)
    assert warehouse.ids() == ["d1/a3", "d2/a4", "d4/a6"]
    assert warehouse.load({"d2": [box(4)]}, 4).vanished == 1  # d4, but not d1, which a later one brought
    assert warehouse.ids() == ["d1/a3", "d2/a4"]
    warehouse.load({}, 7, whole=False, keys=["d1"])
    warehouse.load({"d2": [box(4)]}, 6, whole=False)
    assert warehouse.ids() == ["d1/a3"]
    warehouse.load(later, 9)
    assert warehouse.load(former, 8) == Merged("superseded")
    # A run that is cleared exports anew: the same run, another export.
    assert warehouse.load(former, 10, load_id="run 1").outcome == "merged"
    assert warehouse.ids() == ["d1/a1", "d2/a2"]
    assert warehouse.fetch("SELECT count(*) FROM _labelbox_loads WHERE scope = 'whole'") == [(4,)]


def test_a_data_row_that_an_export_has_twice_is_as_it_came_last(warehouse: Warehouse) -> None:
    twice = [
        *records({"d1": [box(1)], "d2": [box(2)]}, COLUMNS, ("p",), 9),
        *records({"d1": [box(3)]}, COLUMNS, ("p",), 9),
    ]
    assert warehouse.load({}, batches=twice) == Merged("merged", data_rows=2, changed=2, vanished=0, rows=2)
    assert warehouse.ids() == ["d1/a3", "d2/a2"]


def test_exports_without_projects_are_replaced_by_data_row(warehouse: Warehouse) -> None:
    warehouse.load({"d1": [box(1), box(2, project_id="q")], "d2": [box(3, project_id=None)]}, projects=None)
    warehouse.load({"d1": [box(4, project_id="r")]}, 1, projects=None, whole=False, keys=["d1"])
    assert warehouse.rows("project_id, annotation_id") == [("r", "a4")]


def test_projects_share_a_table_and_syncs_do_not_share_data_rows(warehouse: Warehouse) -> None:
    warehouse.load({"d1": [box(1)]}, projects=("p",))
    warehouse.load({"d1": [box(2)]}, projects=("q",), sync="other")
    warehouse.load({}, 1, projects=("q",), sync="other")
    assert warehouse.ids() == ["d1/a1"]
    for said, changes in {
        "it is loaded by sync boxes_out, which has the same data rows": {"sync": "a third"},
        "it holds records: annotations (sync boxes_out), and cannot hold rows": {"records": "rows"},
        "it holds data rows of projects (sync boxes_out), and cannot": {"projects": None},
    }.items():
        with pytest.raises(ConfigurationError, match=re.escape(f"boxes: {said}")):
            warehouse.load({}, 2, **changes)  # type: ignore[arg-type]


def test_tables_of_others_are_left_alone(warehouse: Warehouse) -> None:
    warehouse.execute("CREATE TABLE boxes (project_id VARCHAR, data_row_id VARCHAR, price DOUBLE PRECISION)")
    warehouse.load({"d1": [box(1)]}, columns=KEYS)
    assert warehouse.rows("data_row_id, price, annotation_id") == [("d1", None, "a1")]
    warehouse.execute("DROP TABLE _labelbox_loads")
    with pytest.raises(ConfigurationError, match="the table has rows that no export brought"):
        warehouse.load({"d1": [box(1)]}, 1)
    assert warehouse.rows("data_row_id") == [("d1",)]


def test_a_table_that_was_emptied_or_dropped_is_filled_again(warehouse: Warehouse) -> None:
    content = {"d1": [box(1)], "d2": [box(2), box(3)]}
    warehouse.load(content)
    warehouse.execute("DELETE FROM boxes WHERE annotation_id <> 'a2'")
    assert warehouse.load(content, 1).changed == 2
    assert warehouse.ids() == ["d1/a1", "d2/a2", "d2/a3"]
    warehouse.execute("DROP TABLE boxes")
    with pytest.raises(ConfigurationError, match=r"the table is gone.*full refresh"):
        warehouse.load({"d1": [box(1)]}, 2, whole=False)
    warehouse.load(content, 1)  # the retry of a load that was committed
    assert warehouse.ids() == ["d1/a1", "d2/a2", "d2/a3"]


def test_columns_and_types_change_as_the_contract_lets_them(warehouse: Warehouse) -> None:
    def columns(**changes: pa.DataType) -> dict[str, pa.DataType]:
        return KEYS | {"n": WHOLE} | changes

    def load(at: int, value: Any, contract: Mapping[str, str], **changes: pa.DataType) -> Merged:
        rows = {"d1": [{"annotation_id": "a1", "n": value, "more": "m"}]}
        contracts = MergeSpec.model_validate({"records": "raw", "to": "x", "connection": "c", "contract": contract})
        return warehouse.load(rows, at, columns=columns(**changes), contract=contracts.contract)

    load(0, 1, {})
    for name, contract, changes, n in (
        ("the table has no column 'more', which the export has as string", {"columns": "freeze"}, {"more": TEXT}, 1),
        ("column 'n' is int64 in the table and double in the export", {"types": "freeze"}, {"n": NUMBER}, 1.5),
        ("column 'n' is int64 in the table and (json|list<item: string>) in the export", {}, {"n": TEXTS}, ["x"]),
    ):
        with pytest.raises(ConfigurationError, match=rf"^boxes: {name}.*contract") as caught:
            load(1, n, contract, **changes)
        assert "'n'" not in name or "the table" in str(caught.value)
    load(2, 1.5, {"columns": "discard", "types": "discard"}, n=NUMBER, more=TEXT)
    assert warehouse.rows("n") == [(None,)]
    load(3, 1.5, {}, n=NUMBER, more=TEXT)
    assert warehouse.rows("n, more") == [(1.5, "m")]
    load(4, 2, {"types": "freeze"})  # fits; and a column the export has no more stays
    assert warehouse.rows("n, more") == [(2.0, None)]
    load(5, "two", {}, n=TEXT)
    assert warehouse.rows("n") == [("two",)]
    load(6, 3, {})
    assert warehouse.rows("n") == [("3",)]


def test_what_a_discarded_column_had_comes_once_it_is_let_in(warehouse: Warehouse) -> None:
    content = {"d1": [box(1)], "d2": [box(2)]}
    discard = MergeSpec.model_validate(
        {"records": "raw", "to": "x", "connection": "c", "contract": {"columns": "discard"}}
    ).contract
    warehouse.load(content, columns=KEYS)
    warehouse.load(content, 1, contract=discard)
    warehouse.load({"d1": [box(1)]}, 2, whole=False)
    assert warehouse.load(content, 3).changed == 1
    assert warehouse.ids('"class" IS NOT NULL') == ["d1/a1", "d2/a2"]


def test_structs_grow(warehouse: Warehouse) -> None:
    grown = pa.list_(pa.struct([("y", NUMBER), ("z", pa.struct([("deep", TEXT)]))]))
    warehouse.load({"d1": [box(1)]})
    warehouse.load(
        {"d2": [box(2, points=[{"y": 2.0, "z": {"deep": "x"}}])]}, 1, whole=False, columns=COLUMNS | {"points": grown}
    )
    warehouse.load({"d3": [box(3)]}, 2, whole=False)
    assert warehouse.ids() == ["d1/a1", "d2/a2", "d3/a3"]
    stored = {row: orjson.loads(p) if isinstance(p, str) else p for row, p in warehouse.rows("data_row_id, points")}
    assert stored["d2"][0]["z"] == {"deep": "x"}
    assert stored["d1"][0]["x"] == stored["d3"][0]["x"] == 0.5


def test_names_of_every_kind(warehouse: Warehouse) -> None:
    long = "objects_" + "é" * 40
    odd = {
        'objects_a"b%s': TEXT,
        "objects_car": TEXT,
        "objects_Car": TEXT,
        f"{long}1": TEXT,
        f"{long}2": TEXT,
        "order": TEXT,
    }
    for at, columns in enumerate(({"objects_car": TEXT}, odd, dict(reversed(odd.items())))):
        warehouse.load({"d1": [{name: name for name in columns}]}, at, columns=KEYS | columns)
    with warehouse.target() as target:
        database = target._database
        names = database.columns(database.table(["boxes"])).names
        (row,) = database.fetch("SELECT * FROM boxes")
    stored = {value: name for name, value in zip(names, row, strict=True) if name not in KEYS}
    assert stored.keys() == odd.keys()
    assert stored["objects_car"] == "objects_car"
    quoted = Warehouse(warehouse.place, '"Odd table"')
    quoted.load({"d1": [box(1)]})
    assert quoted.ids() == ["d1/a1"]
    for name, said in (("bo xes", "'bo xes' is no name of a table"), ("nowhere.boxes", "boxes: .*nowhere")):
        with pytest.raises(ConfigurationError, match=said):
            Warehouse(warehouse.place, name).load({})


@pytest.mark.parametrize("warehouse", ["postgres"], indirect=True)
def test_postgres_by_its_older_driver(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    url = os.environ["AIRFLOW_CONN_MERGE"]
    monkeypatch.setattr("labelbox_airflow.sinks.database.connect", lambda *_: (None, psycopg2.connect(url), ""))
    nul = {"class": "a\0b", "path": ["\0"], "text": [{"text": "\0 \\u0000"}]}
    warehouse.load({"d1": [box(1, **nul)]}, columns=COLUMNS | {"text": pa.list_(pa.struct([("text", TEXT)]))})
    stored = ("a\ufffdb", ["\ufffd"], [{"text": "\ufffd \\u0000"}], [0.1, 1.0], [{"x": 0.5, "y": None}])
    assert warehouse.rows("class, path, text, scores, points") == [stored]


def test_a_stream_that_breaks_leaves_the_former_table(warehouse: Warehouse) -> None:
    warehouse.load({"d1": [box(1)]})

    def broken(error: BaseException) -> Iterator[Records]:
        yield from records({"d1": [box(2)], "d2": [box(3)]}, COLUMNS | {"more": TEXT}, ("p",), 1)
        raise error

    for error in (RuntimeError("the export ended"), KeyboardInterrupt(), OSError("no staging")):
        with pytest.raises(type(error)):
            warehouse.load({}, 1, columns=COLUMNS | {"more": TEXT}, batches=broken(error))
        assert warehouse.ids() == ["d1/a1"]
    assert warehouse.load({"d2": [box(3)]}, 1).outcome == "merged"
    assert warehouse.ids() == ["d2/a3"]


def test_a_process_that_is_killed_before_it_commits_leaves_the_former_table(warehouse: Warehouse) -> None:
    content = {"d1": [box(1, at=None)], "d2": [box(2, at=None)]}
    warehouse.load({"d1": [box(9)]})
    program = f"""
        import os, runpy, signal
        import psycopg2
        from labelbox_airflow.sinks import database
        from labelbox_airflow.engine.exports.merge.bookkeeping import Bookkeeping

        database.connect = lambda *_: (None, psycopg2.connect(os.environ["AIRFLOW_CONN_MERGE"]), "")
        Bookkeeping.enter = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        tests = runpy.run_path({__file__!r})
        tests["Warehouse"]({warehouse.place!r}).load({content!r}, 1)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    assert warehouse.ids() == ["d1/a9"]
    assert warehouse.load(content, 1).changed == 2
    assert warehouse.ids() == ["d1/a1", "d2/a2"]


def test_soft_deletes_keep_what_has_vanished(warehouse: Warehouse) -> None:
    def load(content: Content, at: int, **changes: Any) -> Merged:
        return warehouse.load(content, at, deleted="soft", whole=False, **changes)

    live, gone = "_deleted_at IS NULL", "_deleted_at IS NOT NULL"
    load({"d1": [box(1), box(2), box(3, frame=1), box(3, frame=2)], "d2": [box(4)]}, 0)
    load({"d1": [box(1), box(2, **{"class": "Tax"}), box(3, frame=2)]}, 1)
    assert (warehouse.ids(live), warehouse.ids(gone)) == (["d1/a1", "d1/a2", "d1/a3", "d2/a4"], ["d1/a3"])
    load({"d1": [box(2)]}, 2, keys=["d1"])
    assert (warehouse.ids(live), warehouse.ids(gone)) == (["d1/a2"], ["d1/a1", "d1/a3", "d1/a3", "d2/a4"])
    deleted = warehouse.rows("annotation_id, frame, CAST(_deleted_at AS VARCHAR)", gone)
    assert [(row[0], row[1], row[2][14:16]) for row in deleted] == [
        ("a1", None, "02"),
        ("a3", 1, "01"),
        ("a3", 2, "02"),
        ("a4", None, "02"),
    ]
    load({"d1": [box(1), box(2)], "d2": [box(4)]}, 3)  # they are back
    assert (warehouse.ids(live), warehouse.ids(gone)) == (["d1/a1", "d1/a2", "d2/a4"], ["d1/a3", "d1/a3"])
    assert load({"d1": [box(1), box(2)]}, 4).changed == 0


@pytest.mark.parametrize("deleted", ["soft", "hard"])
def test_history_keeps_every_version_with_its_time(warehouse: Warehouse, deleted: str) -> None:
    def load(content: Content, at: int, **changes: Any) -> Merged:
        return warehouse.load(content, at, deleted=deleted, history=True, whole=False, **changes)

    def versions() -> list[tuple[Any, ...]]:
        """Minutes from which and to which a version of a box was there."""
        times = ", ".join(f"CAST({name} AS VARCHAR)" for name in ("_valid_from", "_valid_to"))
        return [
            (name, *(None if each is None else int(each[14:16]) for each in moments))
            for name, *moments in warehouse.rows(f"annotation_id, {times}")
        ]

    load({"d1": [box(1), box(2)], "d2": [box(3)]}, 1)
    load({"d1": [box(1)], "d2": [box(3)]}, 2)
    assert versions() == [("a1", 1, 2), ("a1", 2, None), ("a2", 1, 2), ("a3", 1, None)]
    load({"d1": [box(1, **{"class": "Tax"})]}, 3)
    load({"d1": []}, 2, load_id="late")
    assert warehouse.rows("annotation_id, class", "_valid_to IS NULL AND data_row_id = 'd1'") == [("a1", "Tax")]
    load({}, 4, keys=["d1"])
    kept = [("a1", 1, 2), ("a1", 2, 3), ("a1", 3, None), ("a2", 1, 2)]
    if deleted == "hard":  # nothing is left of a data row that has vanished
        assert versions() == kept
        return
    assert versions() == [*kept, ("a3", 1, 4)]
    assert warehouse.ids("_deleted_at IS NOT NULL") == ["d1/a2", "d2/a3"]
    load({"d2": [box(3)]}, 5)  # it is back
    assert versions() == [*kept, ("a3", 1, 4), ("a3", 5, None)]


@pytest.mark.parametrize(("options", "seed"), [({"deleted": "hard"}, 0), ({"deleted": "soft", "history": True}, 1)])
def test_after_any_changed_loads_the_table_is_as_after_a_whole_one(
    warehouse: Warehouse, options: dict[str, Any], seed: int
) -> None:
    chance = random.Random(seed)
    truth: dict[str, list[Row]] = {}
    late: list[tuple[int, dict[str, list[Row]]]] = []
    for at in range(8):
        changed: dict[str, list[Row]] = {}
        for number in chance.sample(range(12), 4):
            changed[f"d{number}"] = [box(chance.randrange(4), frame=n) for n in range(chance.randrange(3))]
        truth |= changed
        for gone in chance.sample(sorted(truth), 1):
            del truth[gone]
            changed.pop(gone, None)
        if chance.random() < 0.3:
            late.append((at, changed))
        else:
            warehouse.load(changed, at, whole=False, keys=list(truth), size=3, **options)
        while late and chance.random() < 0.5:
            then, former = late.pop()
            warehouse.load(former, then, whole=False, size=1, **options)
    for then, former in late:
        warehouse.load(former, then, whole=False, **options)
    warehouse.load({}, 9, whole=False, keys=list(truth), **options)
    whole = Warehouse(warehouse.place, "whole")
    whole.load(truth, sync="whole")
    live = "_deleted_at IS NULL AND _valid_to IS NULL" if "history" in options else "1 = 1"
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    assert warehouse.rows(columns, live) == whole.rows(columns)
    assert warehouse.load(truth, 10, **options).changed == 0
