from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from labelbox_airflow.engine.errors import ConfigurationError, SourceError
from labelbox_airflow.engine.joins import JoinIndex
from labelbox_airflow.engine.records import Batch, Rejected


def batch(columns: Mapping[str, Any], place: str = "main.csv", first: int = 2) -> Batch:
    rows = pa.RecordBatch.from_pydict(dict(columns))
    return Batch(rows, place, range(first, first + rows.num_rows))


def joined(index: JoinIndex, main: Batch, columns: list[str], missing: Any = "reject", key: str = "id") -> Batch:
    with index:
        return index.join(main, {"id": key}, prefix="facts", columns=columns, missing=missing)


def test_side_columns_are_added_under_the_prefix_with_their_types(tmp_path: Path) -> None:
    vectors = pa.array([[0.5, 1.5], [2.5, 3.5], None], pa.list_(pa.float32()))
    side = batch({"id": ["a", "b", "c"], "vector": vectors, "taken": pa.array([1, 2, 3], pa.timestamp("s"))})
    main = batch({"id": ["c", "a", "b", "a"], "n": [0, 1, 2, 3]})
    result = joined(JoinIndex.build([side], ["id"], tmp_path), main, ["vector", "taken"])
    assert result.rows.schema.names == ["id", "n", "facts.vector", "facts.taken"]
    assert result.rows.column("facts.vector").to_pylist() == [None, [0.5, 1.5], [2.5, 3.5], [0.5, 1.5]]
    assert result.rows.schema.field("facts.vector").type == pa.list_(pa.float32())
    assert result.rows.schema.field("facts.taken").type == pa.timestamp("s")
    assert result.positions == range(2, 6)
    assert not result.rejected


@pytest.mark.parametrize(
    "side_keys",
    [pa.array([1, 2]), pa.array(["1", "2"]), pa.array([1.0, 2.0]), pa.array(["1", "2"]).dictionary_encode()],
)
def test_keys_compare_as_text(side_keys: pa.Array) -> None:
    side = batch({"id": side_keys, "v": ["x", "y"]})
    assert joined(JoinIndex.build([side], ["id"]), batch({"id": ["2", "1"]}), ["v"]).rows.column(
        "facts.v"
    ).to_pylist() == [
        "y",
        "x",
    ]


def test_rows_without_a_match_are_rejected_and_earlier_rejects_stay() -> None:
    side = batch({"id": ["a", None], "v": [1, 2]})
    main = batch({"key": ["a", "b", None], "url": ["u", "https://b/x?X-Amz-Signature=s", "w"]})
    earlier = Rejected("main.csv line 9", "read", "ragged_line", "Too few cells.")
    main = Batch(main.rows, main.place, main.positions, rejected=[earlier])
    result = joined(JoinIndex.build([side], ["id"]), main, ["v"], key="key")
    assert result.rows.to_pylist() == [{"key": "a", "url": "u", "facts.v": 1}]
    assert result.positions == [2]
    first, unknown, null = result.rejected
    assert first is earlier
    assert (unknown.origin, unknown.stage, unknown.code) == ("main.csv line 3", "map", "no_match")
    assert unknown.reason == "key = b matches no row of 'facts'."
    assert unknown.row == {"key": "b", "url": "https://b/x"}
    assert null.reason == "key = None: a null matches no row of 'facts'."


def test_rows_without_a_match_can_be_left() -> None:
    result = joined(
        JoinIndex.build([batch({"id": ["a"], "v": [1]})], ["id"]), batch({"id": ["b", "a"]}), ["v"], "leave"
    )
    assert result.rows.column("facts.v").to_pylist() == [None, 1]
    assert not result.rejected


def test_several_matches_that_agree_are_one() -> None:
    side = [batch({"id": ["a"] * 600, "v": [[1.0]] * 600, "w": range(600)})]
    result = joined(JoinIndex.build(side, ["id"]), batch({"id": ["a"]}), ["v"])
    assert result.rows.column("facts.v").to_pylist() == [[1.0]]


def test_several_matches_that_differ_are_rejected_with_their_origins() -> None:
    side = [
        batch({"id": ["a"] * 600 + ["b"], "v": [1] * 601}, "one.csv"),
        batch({"id": ["a"], "v": [2]}, "two.csv", first=7),
    ]
    result = joined(JoinIndex.build(side, ["id"]), batch({"id": ["b", "a", "a"]}), ["v"], "leave")
    assert result.rows.column("id").to_pylist() == ["b"]
    assert [item.code for item in result.rejected] == ["ambiguous_join"] * 2
    assert result.rejected[0].reason == "id = a matches rows of 'facts' that differ: one.csv line 2 and two.csv line 7."


def test_several_key_columns_match_together() -> None:
    side = batch({"x": ["a", "a", "a,b", None], "y": [1, 2, 1, 1], "v": ["a1", "a2", "ab", "none"]})
    main = batch({"p": ["a", "a", "a,b", "a"], "q": ["2", "1", "1", "3"]})
    with JoinIndex.build([side], ["x", "y"]) as index:
        result = index.join(main, {"x": "p", "y": "q"}, prefix="f", columns=["v"], missing="leave")
        assert (index.rows, index.null_keys) == (4, 1)
    assert result.rows.column("f.v").to_pylist() == ["a2", "a1", "ab", None]


def test_files_of_the_side_may_differ_in_columns_and_compatible_types() -> None:
    side = [batch({"id": ["a"], "v": pa.array([1], pa.int32())}), batch({"id": ["b"], "v": pa.array([2.5]), "w": [0]})]
    result = joined(JoinIndex.build(side, ["id"]), batch({"id": ["b", "a"]}), ["v"])
    assert result.rows.column("facts.v").to_pylist() == [2.5, 1.0]


def test_incompatible_types_are_refused() -> None:
    side = [batch({"id": ["a"], "v": [1]}), batch({"id": ["b"], "v": ["x"]})]
    with pytest.raises(SourceError, match="the same column different types"):
        joined(JoinIndex.build(side, ["id"]), batch({"id": ["b", "a"]}), ["v"])


def test_an_empty_side_matches_nothing() -> None:
    result = joined(JoinIndex.build([], ["id"]), batch({"id": ["a"]}), ["v"], "leave")
    assert result.rows.to_pylist() == [{"id": "a", "facts.v": None}]


def test_an_empty_batch_stays_empty() -> None:
    main = batch({"id": pa.array([], pa.string())})
    result = joined(JoinIndex.build([batch({"id": ["a"], "v": [1]})], ["id"]), main, ["v"])
    assert result.rows.schema.names == ["id", "facts.v"]
    assert result.rows.num_rows == 0


def test_a_join_without_columns_only_asks_for_a_match() -> None:
    result = joined(JoinIndex.build([batch({"id": ["a", "a"]})], ["id"]), batch({"id": ["a", "b"]}), [])
    assert result.rows.to_pylist() == [{"id": "a"}]
    assert [item.code for item in result.rejected] == ["no_match"]


def test_many_batches_joined_in_another_order() -> None:
    side = (batch({"id": range(n, n + 100), "v": range(n, n + 100)}) for n in range(0, 5000, 100))
    wanted = [(n * 7919) % 5000 for n in range(2000)]
    result = joined(JoinIndex.build(side, ["id"]), batch({"id": wanted}), ["v"])
    assert result.rows.column("facts.v").to_pylist() == wanted


def test_columns_that_are_not_there_are_named() -> None:
    side = batch({"id": ["a"], "vector": [1]}, "facts.csv")
    with pytest.raises(SourceError, match=r"facts\.csv: there is no column 'vektor'\. Did you mean 'vector'\?"):
        joined(JoinIndex.build([side], ["id"]), batch({"id": ["a"]}), ["vektor"])
    with pytest.raises(SourceError, match=r"main\.csv: there is no column 'idd' to join on\. Did you mean 'id'\?"):
        joined(JoinIndex.build([side], ["id"]), batch({"id": ["a"]}), ["vector"], key="idd")
    with pytest.raises(SourceError, match=r"facts\.csv: there is no column 'key' to join on"):
        JoinIndex.build([side], ["key"])


def test_a_join_by_other_columns_than_the_index_is_refused() -> None:
    with JoinIndex.build([], ["id"]) as index, pytest.raises(ConfigurationError, match="goes by x, its index by id"):
        index.join(batch({"x": ["a"]}), {"x": "x"}, prefix="f", columns=[], missing="leave")


def test_no_file_is_left_after_the_block_or_after_a_failure(tmp_path: Path) -> None:
    with JoinIndex.build([batch({"id": ["a"], "v": [1]})], ["id"], tmp_path) as index:
        assert list(tmp_path.iterdir())
        index.join(batch({"id": ["a"]}), {"id": "id"}, prefix="f", columns=["v"], missing="leave")
    assert not list(tmp_path.iterdir())

    def failing() -> Iterator[Batch]:
        yield batch({"id": ["a"]})
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        JoinIndex.build(failing(), ["id"], tmp_path)
    assert not list(tmp_path.iterdir())
