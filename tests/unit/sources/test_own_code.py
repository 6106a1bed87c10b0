"""Code of the user's own among the sources: transforms of batches, and plugins."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from labelbox_airflow.engine.errors import ConfigurationError, SourceError, SourceUnavailableError
from labelbox_airflow.engine.records import HIDDEN, Batch
from labelbox_airflow.engine.window import Window
from labelbox_airflow.sources.inputs import Input, open_source, read_inputs
from labelbox_airflow.sources.objects import ObjectSourceSpec
from labelbox_airflow.sources.plugin import PluginSourceSpec
from labelbox_airflow.sources.tables import TableSourceSpec

DAY = Window(datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 3, tzinfo=UTC))


@pytest.fixture
def add(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Any]], str]:
    """Return what makes a function importable, and gives its import path."""
    module = ModuleType("own_code")
    monkeypatch.setitem(sys.modules, "own_code", module)

    def add_function(function: Callable[..., Any]) -> str:
        setattr(module, function.__name__, function)
        return f"own_code:{function.__name__}"

    return add_function


def table(base: Path, text: str = "id,sum\n1,5\n2,6\n3,7\n", **keys: Any) -> TableSourceSpec:
    (base / "x.csv").write_text(text)
    return TableSourceSpec.model_validate({"type": "table", "uri": "x.csv", **keys})


def rows(batches: Iterator[Batch]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.rows.to_pylist()]


def doubled(batch: pa.RecordBatch) -> pa.RecordBatch:
    kept = batch.filter(pc.not_equal(batch.column("id"), "2"))
    return kept.append_column("double", pc.multiply(kept.column("sum").cast(pa.int64()), 2))


def bare(batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.record_batch({"n": pa.array(batch.column("id").to_pylist(), pa.large_string())})


def lost(batch: pa.RecordBatch) -> pa.RecordBatch:
    return batch.slice(0, 1).select(["id"])


def wrong(batch: pa.RecordBatch) -> Any:
    return batch.to_pylist()


def failing(batch: pa.RecordBatch) -> Any:
    raise ZeroDivisionError("by the function")


def test_a_transform_reshapes_and_every_row_keeps_its_origin(tmp_path: Path, add: Any) -> None:
    (batch,) = open_source(table(tmp_path, transform=add(doubled)), tmp_path).read(None, ["double", "id"])
    assert batch.rows.to_pylist() == [{"double": 10, "id": "1"}, {"double": 14, "id": "3"}]
    assert batch.origin(1) == f"{tmp_path}/x.csv line 4"
    (other,) = open_source(table(tmp_path, transform=add(bare)), tmp_path).read(None)
    assert other.rows.schema == pa.schema([("n", pa.string())])
    assert other.origin(2) == f"{tmp_path}/x.csv line 4"


def test_objects_keep_their_origin_and_time_through_a_transform(tmp_path: Path, add: Any) -> None:
    (tmp_path / "a.jpg").write_bytes(b"1")

    def named(batch: pa.RecordBatch) -> pa.RecordBatch:
        return pa.record_batch({"title": batch.column("stem")})

    spec = ObjectSourceSpec.model_validate({"type": "objects", "uri": "*.jpg", "transform": add(named)})
    (batch,) = open_source(spec, tmp_path).read(None, ["title"])
    assert batch.rows.column("title").to_pylist() == ["a"]
    assert batch.origin(0) == f"{tmp_path}/a.jpg"
    assert batch.time_column in batch.rows.schema.names
    assert all(name == "title" or name.startswith(HIDDEN) for name in batch.rows.schema.names)


def test_a_joined_source_is_transformed_before_it_is_joined(tmp_path: Path, add: Any) -> None:
    main = table(tmp_path)
    side = table(tmp_path, transform=add(doubled))
    inputs = [Input("main", main, ["id"]), Input("side", side, ["id", "double"], {"id": "id"}, "leave")]
    assert [row["side.double"] for row in rows(read_inputs(inputs, None, tmp_path))] == [10, None, 14]


@pytest.mark.parametrize(
    ("function", "columns", "said"),
    [
        (lost, None, "x.csv: own_code:lost made 1 rows of 3, and left out where each came from"),
        (wrong, None, "x.csv: own_code:wrong returned a list. Return a pyarrow.RecordBatch"),
        (failing, None, r"x.csv: own_code:failing failed \(ZeroDivisionError: by the function\)"),
        (doubled, ["doubel"], "x.csv after own_code:doubled: there is no column 'doubel'. Did you mean 'double'"),
    ],
)
def test_a_transform_that_goes_wrong_is_named(
    tmp_path: Path, add: Any, function: Callable[..., Any], columns: list[str] | None, said: str
) -> None:
    with pytest.raises(SourceError, match=said):
        list(open_source(table(tmp_path, transform=add(function)), tmp_path).read(None, columns))


def test_a_function_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for path in ("no_such_package.part:run", "json:no_such_function"):
        with pytest.raises(ConfigurationError, match=f"transform: '{path}' cannot be imported"):
            open_source(table(tmp_path, transform=path), tmp_path).check()
    with pytest.raises(ConfigurationError, match="'json:__name__' is no function"):
        open_source(table(tmp_path, transform="json:__name__"), tmp_path).check()


def boards(
    *, options: Any, window: Window | None, columns: Any, connection: Any, base: Path
) -> Iterator[pa.RecordBatch]:
    assert columns is None or "id" in columns
    days = options["days"] if window is None else [day for day in options["days"] if day >= window.start.day]
    for day in days:
        yield pa.record_batch({"id": [day], "at": [datetime(2026, 1, day, tzinfo=UTC)], "base": [base.name]})


def test_a_plugin_is_one_function_found_by_entry_point_or_path(
    tmp_path: Path, add: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = add(boards)
    offered = EntryPoints([EntryPoint("boards", path, "labelbox_airflow.sources")])
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: offered.select(group=group))
    for name in ("boards", path):
        keys = {"type": "plugin", "plugin": name, "options": {"days": [1, 2, 3]}}
        found = open_source(PluginSourceSpec.model_validate(keys), tmp_path)
        found.check()
        assert [row["base"] for row in rows(found.read(None))] == [tmp_path.name] * 3
        windowed = PluginSourceSpec.model_validate({**keys, "window": {"by": "column", "column": "at"}})
        (batch,) = open_source(windowed, tmp_path).read(DAY, ["id"])
        assert batch.rows.to_pylist() == [{"id": 2}]
        assert batch.origin(0) == f"{name} row 1"
    with pytest.raises(ConfigurationError, match=r"no installed package offers 'board' .*Did you mean 'boards'"):
        open_source(PluginSourceSpec(type="plugin", plugin="board")).check()


def test_a_plugin_that_fails_is_named_and_may_be_tried_again(add: Any) -> None:
    keys = {"type": "plugin", "plugin": add(boards)}
    with pytest.raises(SourceUnavailableError, match=r"own_code:boards: the plugin failed \(KeyError: 'days'"):
        list(open_source(PluginSourceSpec.model_validate(keys)).read(None))
    with pytest.raises(SourceError, match="no column 'idd'"):
        list(open_source(PluginSourceSpec.model_validate({**keys, "options": {"days": [1]}})).read(None, ["id", "idd"]))
