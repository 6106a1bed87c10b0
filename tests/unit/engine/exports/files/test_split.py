"""Splits: by what a column says, by shares of keys, and the same again when rows are added."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest
from pydantic import ValidationError

from labelbox_airflow.engine.errors import ConfigurationError, DataIOError
from labelbox_airflow.engine.exports.files.split import SplitSpec, with_split

SCHEMA = pa.schema([("global_key", pa.string()), ("metadata", pa.struct([("split", pa.string())]))])
RATIOS = {"train": 0.8, "valid": 0.1, "test": 0.1}


def splits(keys: list[str | None], spec: SplitSpec, said: str | None = None) -> list[str | None]:
    rows = [{"global_key": key, "metadata": {"split": said} if said else None} for key in keys]
    batches = [pa.RecordBatch.from_pylist(rows[start : start + 7], schema=SCHEMA) for start in range(0, len(rows), 7)]
    schema, wider = with_split(SCHEMA, batches, spec)
    table = pa.Table.from_batches(wider, schema)
    assert table.drop_columns(["split"]).to_pylist() == rows
    found: list[str | None] = table.column("split").to_pylist()
    return found


def test_shares_of_keys_stay_when_rows_are_added() -> None:
    keys: list[str | None] = [f"rcpt/{number}" for number in range(5000)]
    few, spec = keys[1000:2000], SplitSpec(ratios=RATIOS)
    found = dict(zip(keys, splits(keys, spec), strict=True))
    shares = Counter(found.values())
    assert {name: round(count / 5000, 1) for name, count in shares.items()} == RATIOS
    assert splits(few, spec) == [found[key] for key in few]
    assert splits(few * 2, spec) == [found[key] for key in few * 2]
    other = splits(few, SplitSpec(ratios=RATIOS, seed="2"))
    assert other != splits(few, spec)
    # More for training takes nothing away from it.
    more = splits(keys, SplitSpec(ratios={"train": 0.9, "test": 0.1}))
    assert all(new == "train" for key, new in zip(keys, more, strict=True) if found[key] == "train")


def test_a_column_says_it_and_ratios_fill_in() -> None:
    assert splits(["a", "b"], SplitSpec(column="metadata.split"), "test") == ["test", "test"]
    assert splits(["a"], SplitSpec(column="metadata.split")) == [None]
    assert splits(["a"], SplitSpec(column="metadata.split", ratios={"train": 1})) == ["train"]
    said = pa.schema([("split", pa.string()), ("global_key", pa.string())])
    batch = pa.RecordBatch.from_pydict({"split": ["x", None], "global_key": ["a", "b"]}, schema=said)
    schema, batches = with_split(said, [batch], SplitSpec(column="split", ratios={"train": 1}))
    assert pa.Table.from_batches(batches, schema).to_pydict() == {"global_key": ["a", "b"], "split": ["x", "train"]}


def test_wrong_splits_are_refused() -> None:
    for keys, message in (
        ({}, "split needs column or ratios"),
        ({"ratios": {"train": 0.8}}, "they add up to 0.8, not to 1"),
        ({"ratios": {"train": 1.0, "test": 0.0}}, "each must be more than 0"),
    ):
        with pytest.raises(ValidationError, match=message):
            SplitSpec.model_validate(keys)
    for spec, message in (
        (SplitSpec(column="metadata.splt"), "split.column: 'metadata.splt' is no column. Did you mean 'split'?"),
        (SplitSpec(ratios=RATIOS, key="patient"), "split.key: 'patient' is no column. Known: global_key, metadata."),
        (SplitSpec(ratios=RATIOS, name="metadata"), "split.name: there is a column 'metadata' already"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            with_split(SCHEMA, [], spec)
        assert message in str(caught.value)
    with pytest.raises(DataIOError, match=r"a record has no global_key.*such as data_row_id"):
        splits(["a", None], SplitSpec(ratios=RATIOS))
