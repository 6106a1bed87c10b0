"""The compiled mapping: keys, versions, fingerprints, parts, and the columns of the former connectors."""

from __future__ import annotations

import math
import random
import string
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa
import pytest

from labelbox_airflow.engine.errors import ConfigurationError, SourceError
from labelbox_airflow.engine.metadata_schema import MetadataField
from labelbox_airflow.engine.records import Batch
from labelbox_airflow.engine.rows.mapping import (
    PARTS,
    MappedBatch,
    RowMapping,
    expand_column_grammar,
    mapping_columns,
    metadata_fingerprints,
    microseconds,
)
from labelbox_airflow.engine.rows.spec import RowsSpec

LEAST: dict[str, Any] = {"row_data": "url", "global_key": "id"}
SCHEMA = {
    "country": MetadataField("c" * 25, "country", "enum", {"DE": "1", "FR": "2"}),
    "total": MetadataField("t" * 25, "total", "number"),
    "taken": MetadataField("d" * 25, "taken", "datetime"),
}
FULL: dict[str, Any] = {
    **LEAST,
    "external_id": "name",
    "metadata": {"country": "cc", "total": "total", "taken": "taken"},
    "attachments": [{"type": "RAW_TEXT", "name": "note", "value": "note"}],
    "embeddings": {"clip": {"column": "v", "dimensions": 2}},
}
ROW: dict[str, Any] = {
    "id": "k1",
    "url": "https://h/1.jpg",
    "name": "n1",
    "cc": "DE",
    "total": "1.5",
    "taken": "2026-03-01",
    "note": "a",
    "v": "[1,2]",
}
COLUMNS = pa.schema([(name, pa.string()) for name in ROW])


def batch(rows: list[dict[str, Any]] | pa.RecordBatch, time: datetime | None = None) -> Batch:
    content = rows if isinstance(rows, pa.RecordBatch) else pa.RecordBatch.from_pylist(rows, COLUMNS)
    return Batch(content, "s3://b/t.csv", range(2, content.num_rows + 2), time)


def mapped(rows: list[dict[str, Any]] | pa.RecordBatch, **spec: Any) -> MappedBatch:
    mapping = RowMapping(RowsSpec.model_validate({**FULL, **spec}), SCHEMA)
    keyed = mapping.key(batch(rows), default_version=7)
    return mapping.map(keyed, range(len(keyed.keys)))


def marks(row: dict[str, Any], **spec: Any) -> dict[str, Any]:
    (one,) = mapped([row], **spec).rows.to_pylist()
    return {part: one.get(f"fingerprint.{part}") for part in PARTS}


def changed(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return [part for part in PARTS if before[part] != after[part]]


def test_a_row_is_mapped_to_json_text() -> None:
    ((row,), rejected) = mapped([ROW]).rows.to_pylist(), mapped([ROW]).rejected
    assert not rejected
    assert {name: value for name, value in row.items() if not name.startswith("fingerprint.") and name != "source"} == {
        "global_key": "k1",
        "version": 7,
        "origin": "s3://b/t.csv line 2",
        "row_data": '"https://h/1.jpg"',
        "external_id": '"n1"',
        "metadata/country": '"DE"',
        "metadata/total": "1.5",
        "metadata/taken": '"2026-03-01T00:00:00Z"',
        "attachments": '[{"type":"RAW_TEXT","name":"note","value":"a"}]',
        "embedding/clip": "[1.0,2.0]",
    }


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"url": "https://h/2.jpg"}, "row_data"),
        ({"name": "n2"}, "external_id"),
        ({"cc": "FR"}, "metadata"),
        ({"total": None}, "metadata"),
        ({"note": "b"}, "attachments"),
        ({"note": None}, "attachments"),
        ({"v": "[1,3]"}, "embeddings"),
    ],
)
def test_a_change_shows_in_the_fingerprint_of_its_part_alone(change: dict[str, Any], part: str) -> None:
    assert changed(marks(ROW), marks({**ROW, **change})) == [part]


@pytest.mark.parametrize("change", [{"total": "1.50"}, {"taken": "2026-03-01T01:00+01:00"}, {"v": "[1.0, 2e0]"}])
def test_another_way_to_write_a_value_is_no_change(change: dict[str, Any]) -> None:
    assert changed(marks(ROW), marks({**ROW, **change})) == []


def test_a_null_owns_nothing_unless_it_clears() -> None:
    empty: dict[str, Any] = {"id": "k", "url": "https://h/1"}
    left = marks(empty)
    assert [part for part in PARTS if left[part] is not None] == ["row_data", "attachments"]
    cleared = marks(empty, when_null="clear")
    assert [part for part in PARTS if cleared[part] is not None] == ["row_data", "metadata", "attachments"]


def test_sparse_rows_keep_their_own_values() -> None:
    """Rows whose metadata are all null stand between others and must not shift them."""
    rows = [
        {**ROW, "id": f"k{i}", **({} if i % 2 else dict.fromkeys(("cc", "total", "taken", "note", "v")))}
        for i in range(6)
    ]
    result = mapped(rows).rows.to_pylist()
    assert [row["metadata/total"] for row in result] == [None, "1.5"] * 3
    assert [row["fingerprint.metadata"] is None for row in result] == [True, False] * 3
    assert [row["attachments"] for row in result][:1] == ["[]"]
    assert [row["global_key"] for row in result] == [f"k{i}" for i in range(6)]


def test_new_signatures_of_a_url_are_no_change() -> None:
    def signed(signature: str, row: dict[str, Any]) -> dict[str, Any]:
        url = f"https://h/1.jpg?v=1&X-Amz-Date=1&X-Amz-Signature={signature}"
        attachments = [{"type": "IMAGE", "value": "note"}]
        return marks({**row, "url": url, "note": url}, presigned_urls="allow", attachments=attachments)

    assert changed(signed("a", ROW), signed("b", ROW)) == []
    pdf = {"row_data": {"pdf_url": "url"}}
    one = {**ROW, "url": "https://h/1.pdf?sig=a&se=1"}
    two = {**ROW, "url": "https://h/1.pdf?sig=b&se=2"}
    assert changed(marks(one, presigned_urls="allow", **pdf), marks(two, presigned_urls="allow", **pdf)) == []
    other = {**ROW, "url": "https://h/2.pdf?sig=b"}
    assert changed(marks(one, presigned_urls="allow", **pdf), marks(other, presigned_urls="allow", **pdf)) == [
        "row_data"
    ]


def test_a_wrong_row_is_rejected_and_the_others_go_on() -> None:
    rows = [ROW, {**ROW, "id": "k2", "cc": "XX", "total": "x"}, {**ROW, "id": "k3", "v": "[1]"}, {**ROW, "id": "k4"}]
    result = mapped(rows)
    assert result.rows.column("global_key").to_pylist() == ["k1", "k4"]
    assert result.rows.column("origin").to_pylist() == ["s3://b/t.csv line 2", "s3://b/t.csv line 5"]
    assert [(r.origin, r.global_key, r.code, r.field) for r in result.rejected] == [
        ("s3://b/t.csv line 3", "k2", "bad_enum", "metadata.country"),
        ("s3://b/t.csv line 4", "k3", "bad_embedding", "embeddings.clip"),
    ]
    assert result.rejected[0].row["total"] == "x"


def test_chosen_rows_keep_their_origin_past_rows_without_keys() -> None:
    mapping = RowMapping(RowsSpec.model_validate(FULL), SCHEMA)
    keyed = mapping.key(batch([{**ROW, "id": key} for key in ("a", None, "b", " c", "d")]), default_version=0)
    assert list(keyed.keys) == ["a", "b", "d"]
    assert [(r.origin, r.code) for r in keyed.rejected] == [
        ("s3://b/t.csv line 3", "null_key"),
        ("s3://b/t.csv line 5", "bad_key"),
    ]
    chosen = mapping.map(keyed, [2, 1]).rows
    assert chosen.column("global_key").to_pylist() == ["d", "b"]
    assert chosen.column("origin").to_pylist() == ["s3://b/t.csv line 6", "s3://b/t.csv line 4"]
    assert chosen.column("source").to_pylist() == [keyed.sources[2], keyed.sources[1]]


def test_a_sliced_batch_maps_its_own_rows() -> None:
    rows = pa.RecordBatch.from_pylist([{**ROW, "id": f"k{i}", "total": str(i)} for i in range(10)], COLUMNS).slice(4, 3)
    result = mapped(rows).rows
    assert result.column("global_key").to_pylist() == ["k4", "k5", "k6"]
    assert result.column("metadata/total").to_pylist() == ["4.0", "5.0", "6.0"]
    assert (
        result.column("source").to_pylist()
        == mapped(pa.RecordBatch.from_pylist(rows.to_pylist(), COLUMNS)).rows.column("source").to_pylist()
    )


def test_an_empty_batch_gives_no_rows_of_the_same_schema() -> None:
    assert mapped([]).rows.num_rows == 0
    assert mapped([]).rows.schema == mapped([ROW]).rows.schema


def test_a_missing_column_names_itself() -> None:
    with pytest.raises(SourceError, match="no column 'id'"):
        mapped(pa.RecordBatch.from_pydict({"x": ["1"]}))


@pytest.mark.parametrize(
    "time", [datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 1, 2, tzinfo=timezone(timedelta(hours=2)))]
)
def test_the_time_of_a_file_is_the_version_of_its_rows(time: datetime) -> None:
    mapping = RowMapping(RowsSpec.model_validate(FULL), SCHEMA)
    assert list(mapping.key(batch([ROW], time), default_version=1).versions) == [1772323200_000000]


@pytest.mark.parametrize(
    ("value", "version"),
    [
        (5, 5),
        ("5", 5),
        (" 20260301120000 ", 20260301120000),
        (5.0, 5),
        (Decimal("1772323200"), 1772323200),
        (Decimal("5.00"), 5),
        ("2026-03-01", 1772323200_000000),
        ("2026-03-01T01:00+01:00", 1772323200_000000),
        (date(2026, 3, 1), 1772323200_000000),
        (datetime(2026, 3, 1, 0, 0, 0, 1), 1772323200_000001),
        (datetime(2026, 3, 1, 0, 0, 0, 999_999, tzinfo=UTC), 1772323200_999999),
        (pd.Timestamp("2026-03-01"), 1772323200_000000),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999), -1),
        (-(2**63), -(2**63)),
    ],
)
def test_versions_of_every_type(value: Any, version: int) -> None:
    mapping = RowMapping(RowsSpec.model_validate({**LEAST, "version": "v"}), SCHEMA)
    rows = pa.RecordBatch.from_pydict({"id": ["a"], "url": ["https://h/1"], "v": [value]})
    keyed = mapping.key(batch(rows), default_version=1)
    assert (list(keyed.versions), list(keyed.rejected)) == ([version], [])


@pytest.mark.parametrize(
    "value",
    [None, "", "x", "20260301120000123456", "²", "0001-13-01", True, math.nan, 1.5, Decimal("1.5"), [1], 2.0**70],
)
def test_a_row_without_a_usable_version_is_rejected_alone(value: Any) -> None:
    mapping = RowMapping(RowsSpec.model_validate({**LEAST, "version": "v"}), SCHEMA)
    rows = pa.RecordBatch.from_pydict({"id": ["a"], "url": ["https://h/1"], "v": [value]})
    keyed = mapping.key(batch(rows), default_version=1)
    assert list(keyed.keys) == []
    assert [r.code for r in keyed.rejected] == ["bad_version"]


def test_microseconds_are_exact() -> None:
    random.seed(3)
    for _ in range(2000):
        exact = random.randrange(-(10**15), 10**16)
        assert microseconds(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=exact)) == exact


def test_metadata_fingerprints_do_not_depend_on_the_order_of_fields() -> None:
    columns = {"b": pa.array(["1", None, None]), "a": pa.array(['"x"', '"x"', None])}
    fingerprints = metadata_fingerprints(columns).to_pylist()
    assert fingerprints == metadata_fingerprints(dict(reversed(columns.items()))).to_pylist()
    assert fingerprints[2] is None
    assert len(set(fingerprints)) == 3


def test_every_column_of_the_mapping_is_listed() -> None:
    spec = RowsSpec.model_validate(
        {**FULL, "version": "ver", "row_data": {"pdf_url": "gs://{bucket}/{x.y}", "n": [{"column": "z"}]}}
    )
    columns = {"id", "name", "cc", "total", "taken", "note", "v", "ver", "bucket", "x.y", "z"}
    assert set(mapping_columns(spec)) == columns


# The former connectors' columns.

GRAMMAR = {**LEAST, "column_grammar": {"new_fields": "add", "new_options": "add"}}
OLD_COLUMNS = [
    "id",
    "url",
    "metadata///enum///country",
    "metadata///String///new one",
    "attachment///RAW_TEXT///note",
    "annotation///bbox///cat",
    "metadata///broken",
    "x",
]


def test_columns_of_the_former_connectors_become_fields() -> None:
    spec = expand_column_grammar(RowsSpec.model_validate(GRAMMAR), OLD_COLUMNS)
    assert spec.column_grammar is None
    assert {name: (s.column, s.kind, s.new_field, s.new_options) for name, s in spec.metadata.items()} == {
        "country": ("metadata///enum///country", "enum", "add", "add"),
        "new one": ("metadata///String///new one", "string", "add", "add"),
    }
    assert [(a.type, a.name) for a in spec.attachments] == [("RAW_TEXT", "note")]


def test_another_divider_and_names_with_it() -> None:
    spec = RowsSpec.model_validate({**LEAST, "column_grammar": {"divider": "__"}})
    assert list(expand_column_grammar(spec, ["metadata__enum__a__b", "metadata///enum///c"]).metadata) == ["a__b"]


def test_without_the_grammar_such_columns_are_columns_like_others() -> None:
    spec = RowsSpec.model_validate(LEAST)
    assert expand_column_grammar(spec, OLD_COLUMNS) is spec


def test_what_the_sync_maps_itself_stays() -> None:
    spec = RowsSpec.model_validate({**GRAMMAR, "metadata": {"country": "cc"}})
    assert expand_column_grammar(spec, OLD_COLUMNS).metadata["country"].column == "cc"


@pytest.mark.parametrize("column", ["metadata///bool///x", "attachment///JPEG///x"])
def test_an_unknown_type_names_the_column(column: str) -> None:
    with pytest.raises(ConfigurationError, match=column):
        expand_column_grammar(RowsSpec.model_validate(GRAMMAR), [column])


def test_the_grammar_adds_fields_and_options_only_where_it_may() -> None:
    columns = {
        "id": ["a", "b"],
        "url": ["https://h/1"] * 2,
        "metadata///enum///country": ["DE", "IT"],
        "metadata///string///new": ["x", None],
    }
    rows = pa.RecordBatch.from_pydict(columns)
    mapping = RowMapping(RowsSpec.model_validate(GRAMMAR), SCHEMA, rows.schema.names)
    mapping.map(mapping.key(batch(rows), default_version=1), [0, 1])
    assert {name: (a.kind, set(a.options)) for name, a in mapping.additions().items()} == {
        "country": ("enum", {"IT"}),
        "new": ("string", set()),
    }
    with pytest.raises(ConfigurationError, match="no metadata field 'new'"):
        RowMapping(RowsSpec.model_validate({**LEAST, "column_grammar": {}}), SCHEMA, rows.schema.names)
    with pytest.raises(ConfigurationError, match="is of kind number in Labelbox, the sync says string"):
        RowMapping(RowsSpec.model_validate(GRAMMAR), SCHEMA, ["metadata///string///total"])


# Whatever a table holds, every row has a place and every cell is JSON.

ODD = [
    "",
    " ",
    "\x00",
    "\u2028",
    '"',
    "\\",
    "\x1f",
    "\U0001f600",
    "null",
    "NaN",
    "[",
    "{",
    "{}",
    "%s",
    "{id}",
    "é" * 300,
    "https://[x?sig=1",
    "s3://b/ü +%",
]


def _random_cell(kind: str) -> Any:
    if random.random() < 0.2:
        return None
    if random.random() < 0.3:
        return random.choice(ODD)
    good = {
        "id": f"k{random.randrange(10**9)}",
        "url": f"https://h/{random.randrange(99)}.jpg",
        "cc": random.choice(["DE", "FR"]),
        "total": str(random.random()),
        "taken": "2026-03-01T00:00Z",
        "v": "[0.25,1e2]",
    }
    return good.get(kind, "".join(random.choices(string.printable, k=5)))


@pytest.mark.parametrize("when_null", ["leave", "clear"])
@pytest.mark.parametrize("seed", range(5))
def test_random_rows_are_mapped_or_rejected_one_by_one(seed: int, when_null: str) -> None:
    random.seed(seed)
    rows = [{name: _random_cell(name) for name in ROW} for _ in range(400)]
    mapping = RowMapping(RowsSpec.model_validate({**FULL, "when_null": when_null, "s3_region": "eu-west-1"}), SCHEMA)
    keyed = mapping.key(batch(rows), default_version=1)
    result = mapping.map(keyed, range(len(keyed.keys)))
    origins = result.rows.column("origin").to_pylist() + [r.origin for r in (*keyed.rejected, *result.rejected)]
    assert sorted(origins) == sorted(batch(rows).origin(i) for i in range(400))
    assert len(result.rows) > 10
    source = {f"s3://b/t.csv line {i + 2}": row for i, row in enumerate(rows)}
    for row in result.rows.to_pylist():
        original = source[row["origin"]]
        assert row["global_key"] == original["id"]
        assert row["external_id"] is None or orjson.loads(row["external_id"]) == original["name"]
        notes = [item["value"] for item in orjson.loads(row["attachments"])]
        assert notes == ([original["note"]] if original["note"] is not None or when_null == "clear" else [])
        for name in ("row_data", "metadata/country", "metadata/total", "metadata/taken", "embedding/clip"):
            assert row[name] is None or orjson.loads(row[name]) is not ...
