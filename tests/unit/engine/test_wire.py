"""The wire form: items, and chunks of exactly the size that is allowed."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pyarrow as pa
import pytest

from labelbox_airflow.engine.errors import LabelboxError
from labelbox_airflow.engine.metadata_schema import MetadataField
from labelbox_airflow.engine.rows.lists import CLEAR
from labelbox_airflow.engine.wire import MAX_CHUNK, WireFormat, chunks, manifest

SCHEMA = {
    "country": MetadataField("C" * 25, "country", "enum", {"DE": "OPT-DE", 'quo"te': "OPT-Q", "null": "OPT-N"}),
    "note": MetadataField("N" * 25, "note", "string"),
    "a/b": MetadataField("S" * 25, "a/b", "number"),
}
WIRE = WireFormat("dataset", "IMAGE", SCHEMA, {"clip": "EMB"})
ODD_KEY = 'k"\\\u2028\U0001f600\x01'


def rows(**columns: list[Any]) -> pa.RecordBatch:
    named = {name.replace("__", "/"): pa.array(values, pa.string()) for name, values in columns.items()}
    return pa.RecordBatch.from_pydict(named)


def items(array: pa.Array) -> list[dict[str, Any]]:
    assert array.null_count == 0
    return [orjson.loads(text) for text in array.to_pylist()]


def test_a_created_row_carries_all_its_parts() -> None:
    (item,) = items(
        WIRE.creates(
            rows(
                global_key=[ODD_KEY],
                row_data=['"https://h/1"'],
                external_id=['"e"'],
                metadata__country=['"DE"'],
                metadata__note=['"x"'],
                attachments=['[{"type":"RAW_TEXT","value":"v"}]'],
                embedding__clip=["[0.5,1.0]"],
            )
        )
    )
    assert item == {
        "id": {"type": "AUTO", "value": ""},
        "payload": {
            "global_key": ODD_KEY,
            "row_data": "https://h/1",
            "external_id": "e",
            "media_type": "IMAGE",
            "metadata_fields": [
                {"schemaId": "C" * 25, "value": {}},
                {"schemaId": "OPT-DE", "value": {}},
                {"schemaId": "N" * 25, "value": "x"},
            ],
            "attachments": [{"type": "RAW_TEXT", "value": "v"}],
            "embeddings": [{"embeddingId": "EMB", "vector": [0.5, 1.0]}],
            "dataset_id": "dataset",
        },
    }


def test_rows_without_any_metadata_or_vector_do_not_shift_the_others() -> None:
    made = items(
        WIRE.creates(
            rows(
                global_key=["a", "b", "c", "d"],
                row_data=['"1"', '"2"', '"3"', '"4"'],
                external_id=[None, '"e2"', None, '"e4"'],
                metadata__country=[None, '"DE"', None, None],
                metadata__note=[None, None, None, '"null"'],
                embedding__clip=[None, None, "[3]", None],
            )
        )
    )
    payloads = {item["payload"]["global_key"]: item["payload"] for item in made}
    assert list(payloads) == ["a", "b", "c", "d"]
    assert [len(payloads[key]["metadata_fields"]) for key in "abcd"] == [0, 2, 0, 1]
    assert payloads["d"]["metadata_fields"] == [{"schemaId": "N" * 25, "value": "null"}]
    assert [len(payloads[key]["embeddings"]) for key in "abcd"] == [0, 0, 1, 0]
    assert ["external_id" in payloads[key] for key in "abcd"] == [False, True, False, True]
    assert [payloads[key]["row_data"] for key in "abcd"] == ["1", "2", "3", "4"]


def test_cleared_values_are_left_out_of_lists() -> None:
    (item,) = items(
        WIRE.creates(
            rows(
                global_key=["a"],
                row_data=['"1"'],
                metadata__country=[CLEAR],
                metadata__note=[CLEAR],
                attachments=['[{"type":"IMAGE","value":null},{"type":"RAW_TEXT","value":"\\"value\\":null"}]'],
            )
        )
    )
    assert item["payload"]["metadata_fields"] == []
    assert item["payload"]["attachments"] == [{"type": "RAW_TEXT", "value": '"value":null'}]


def test_an_update_writes_the_changed_parts_alone_by_global_key() -> None:
    batch = rows(
        global_key=[ODD_KEY, "b"], row_data=['"1"', '"2"'], external_id=['"e"', '"f"'], attachments=["[]", "[]"]
    )
    first, second = items(WIRE.updates(batch, ("external_id", "attachments")))
    assert first["id"] == {"type": "GKEY", "value": ODD_KEY}
    assert first["payload"] == {"global_key": ODD_KEY, "external_id": "e", "attachments": [], "dataset_id": "dataset"}
    assert second["id"]["value"] == second["payload"]["global_key"] == "b"


def test_an_update_of_a_certain_data_row_goes_by_its_id() -> None:
    batch = rows(global_key=["a", "b"], attachments=["[]", "[]"])
    first, second = items(WIRE.updates(batch, ("attachments",), ["id 1", "id 2"]))
    assert first["id"] == {"type": "ID", "value": "id 1"}
    assert second["id"] == {"type": "ID", "value": "id 2"}
    assert second["payload"] == {"global_key": "b", "attachments": [], "dataset_id": "dataset"}


@pytest.mark.parametrize(
    "parts", [("row_data",), ("metadata",), ("embeddings",), ("row_data", "metadata", "embeddings")]
)
def test_each_part_can_be_updated(parts: tuple[str, ...]) -> None:
    batch = rows(
        global_key=["a", "b"], row_data=['"1"', '"2"'], metadata__note=[None, '"x"'], embedding__clip=["[1]", None]
    )
    named = {"row_data": "row_data", "metadata": "metadata_fields", "embeddings": "embeddings"}
    for item in items(WIRE.updates(batch, parts)):
        assert set(item["payload"]) == {"global_key", "dataset_id", *(named[part] for part in parts)}


def test_sliced_batches_are_read_from_their_offset() -> None:
    batch = rows(
        global_key=[f"k{i}" for i in range(9)],
        row_data=[f'"{i}"' for i in range(9)],
        metadata__note=[None if i % 2 else f'"{i}"' for i in range(9)],
        metadata__country=[None if i % 3 else '"DE"' for i in range(9)],
    ).slice(3, 4)
    made = items(WIRE.creates(batch))
    assert [item["payload"]["row_data"] for item in made] == ["3", "4", "5", "6"]
    notes = [[f["value"] for f in item["payload"]["metadata_fields"] if f["schemaId"] == "N" * 25] for item in made]
    assert notes == [[], ["4"], [], ["6"]]
    assert [len(item["payload"]["metadata_fields"]) for item in made] == [2, 1, 0, 3]


def test_an_empty_batch_has_no_items() -> None:
    assert items(WIRE.creates(rows(global_key=[], row_data=[], metadata__note=[], metadata__country=[]))) == []


def test_names_with_slashes_and_options_with_quotes() -> None:
    made = items(
        WIRE.creates(
            rows(global_key=["a"], row_data=['"1"'], **{"metadata__a/b": ["1.5"], "metadata__country": ['"quo\\"te"']})
        )
    )
    assert made[0]["payload"]["metadata_fields"] == [
        {"schemaId": "S" * 25, "value": 1.5},
        {"schemaId": "C" * 25, "value": {}},
        {"schemaId": "OPT-Q", "value": {}},
    ]


def test_a_field_or_option_that_vanished_is_named() -> None:
    with pytest.raises(LabelboxError, match="no metadata field 'gone'"):
        WIRE.creates(rows(global_key=["a"], row_data=['"1"'], metadata__gone=['"x"']))
    with pytest.raises(LabelboxError, match=r'country.*no option "FR"'):
        WIRE.creates(rows(global_key=["a"], row_data=['"1"'], metadata__country=['"FR"']))


def test_no_media_type_is_sent_where_none_is_given() -> None:
    (item,) = items(WireFormat("d", None, {}, {}).creates(rows(global_key=["a"], row_data=['"1"'])))
    assert set(item["payload"]) == {"global_key", "row_data", "dataset_id"}


# Chunks.


def of_size(sizes: list[int]) -> pa.Array:
    """JSON numbers of so many digits."""
    return pa.array(["1" * size for size in sizes], pa.string())


@pytest.mark.parametrize(
    ("sizes", "limit", "expected"),
    [
        ([3, 3], 9, [9]),  # "[111,111]" fits to the byte
        ([3, 3], 8, [5, 5]),
        ([7], 9, [9]),
        ([8], 9, [10]),  # larger than a chunk may be: alone
        ([1, 50, 1], 20, [3, 52, 3]),
        ([1], 1, [3]),
        ([], 10, []),
    ],
)
def test_chunks_are_filled_to_the_limit(sizes: list[int], limit: int, expected: list[int]) -> None:
    made = list(chunks([of_size(sizes)], limit=limit))
    assert [len(chunk) for chunk in made] == expected
    assert sum(len(orjson.loads(chunk)) for chunk in made) == len(sizes)


def test_empty_arrays_and_no_arrays_make_no_chunk() -> None:
    assert list(chunks([])) == []
    assert list(chunks([of_size([]), of_size([1]), of_size([])])) == [b"[1]"]
    assert list(chunks([of_size([1, 2, 3]).slice(3)])) == []


def test_the_default_limit_is_that_of_labelbox() -> None:
    text = pa.array(['"' + "x" * 999_997 + '"'] * 21, pa.string())  # with its comma a piece is a million bytes
    assert [len(chunk) for chunk in chunks([text])] == [9_000_001, 9_000_001, 3_000_001]
    assert MAX_CHUNK == 10_000_000


@pytest.mark.parametrize("seed", range(30))
def test_random_items_come_through_whole_in_order_and_in_full_chunks(seed: int) -> None:
    random.seed(seed)
    limit = random.choice([50, 100, 257, 1000])
    odd = ["", "ü" * 9, "\U0001f600", '"', "\\", "\u2028", "],[", ","]
    values = [random.choice(odd) * random.choice([0, 1, 1, 3, 60]) + str(i) for i in range(random.randrange(1, 400))]
    texts = pa.array(["offset", *(orjson.dumps(value).decode() for value in values)], pa.string()).slice(1)
    arrays, start = [], 0
    while start < len(texts):
        size = random.randrange(0, 90)
        arrays.append(texts.slice(start, size))
        start += size
    made = list(chunks(arrays, limit=limit))
    loaded = [orjson.loads(chunk) for chunk in made]
    assert [value for chunk in loaded for value in chunk] == values
    for chunk, content in zip(made, loaded, strict=True):
        assert len(chunk) <= limit or len(content) == 1
    for chunk, following in zip(made, loaded[1:], strict=False):
        assert len(chunk) + 1 + len(orjson.dumps(following[0])) > limit * 7 // 8


def test_the_manifest_names_its_chunks() -> None:
    assert orjson.loads(manifest(("u1", "u2"), 3)) == {"source": "SDK", "item_count": 3, "chunk_uris": ["u1", "u2"]}
