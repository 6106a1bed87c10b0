"""Single data rows: where a global key lives, and the parts that are merged rather than replaced."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import orjson

from labelbox_airflow.engine.errors import LabelboxError, LabelboxUnavailableError
from labelbox_airflow.engine.transport import Transport

LOOKUP_BATCH = 1000
ROW_BATCH = 25  # rows read in one query; small, since Labelbox limits the complexity of a query
METADATA_BATCH = 50  # rows; SDK schema/data_row_metadata.py `_batch_size`

_LOOKUP = """query getDataRowsForGlobalKeysPyApi($globalKeys: [ID!]!) {
  dataRowsForGlobalKeys(where: {ids: $globalKeys}) { jobId }
}"""
_LOOKUP_RESULT = """query getDataRowsForGlobalKeysResultPyApi($jobId: ID!) {
  dataRowsForGlobalKeysResult(jobId: {id: $jobId}) {
    data { fetchedDataRows { id } notFoundGlobalKeys accessDeniedGlobalKeys } jobStatus
  }
}"""
_MERGE_METADATA = """mutation UpsertDataRowMetadataBetaPyApi($metadata: [DataRowCustomMetadataBatchUpsertInput!]!) {
  upsertDataRowCustomMetadata(data: $metadata) { globalKey dataRowId error fields { value schemaId } }
}"""
_CLEAR_METADATA = """mutation DeleteDataRowMetadataBetaPyApi(
  $deletes: [DataRowIdentifierCustomMetadataBatchDeleteInput!]
) {
  deleteDataRowCustomMetadata(dataRowIdentifiers: $deletes) { dataRowId error fields { value schemaId } }
}"""
# The answer to clearing a field that is not set (LP tests/integration/test_data_row_delete_metadata.py).
_WAS_NOT_SET = "Schema did not exist"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Home:
    """Where a global key lives: its data row, the dataset, and when the row was made."""

    data_row_id: str
    dataset_id: str
    dataset_name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class KeyLookup:
    """What became of the keys that were looked up: each is found, missing, or not ours to see."""

    found: Mapping[str, Home]
    missing: frozenset[str]
    denied: frozenset[str]


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut ``items`` into lists of ``size``."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def look_up(
    transport: Transport, keys: Sequence[str], *, sleep: Callable[[float], None] = time.sleep, timeout: float = 300.0
) -> KeyLookup:
    """Find out where global keys live.

    :param timeout: seconds a batch of 1,000 keys may take
    :raises LabelboxUnavailableError: when the look-up does not end in time
    """
    ids, missing, denied = resolve_keys(transport, keys, sleep=sleep, timeout=timeout)
    found = read_homes(transport, ids)
    return KeyLookup(found, missing | frozenset(keys).difference(found, denied), denied)


def resolve_keys(
    transport: Transport, keys: Sequence[str], *, sleep: Callable[[float], None] = time.sleep, timeout: float = 300.0
) -> tuple[list[str], frozenset[str], frozenset[str]]:
    """Return the ids of the data rows of global keys, the keys that have none, and those that are not ours to see.

    Which id is of which key is not said.
    """
    ids: list[str] = []
    missing: set[str] = set()
    denied: set[str] = set()
    for batch in batched(keys, LOOKUP_BATCH):
        data = _look_up_batch(transport, batch, sleep, timeout)
        ids += [row["id"] for row in data["fetchedDataRows"] if row and row["id"]]
        missing.update(data["notFoundGlobalKeys"] or ())
        denied.update(data["accessDeniedGlobalKeys"] or ())
    return ids, frozenset(missing), frozenset(denied)


def read_homes(transport: Transport, ids: Sequence[str]) -> dict[str, Home]:
    """Return where data rows live, by global key; those that are gone are left out."""
    found: dict[str, Home] = {}
    for row in _read_rows(transport, ids, "id globalKey createdAt dataset { id name }"):
        made = datetime.fromisoformat(row["createdAt"])
        found[row["globalKey"]] = Home(row["id"], row["dataset"]["id"], row["dataset"]["name"], made)
    return found


def attachments_of(transport: Transport, ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the attachments of data rows by data row id, each with type, value and name."""
    rows = _read_rows(transport, ids, "id attachments(skip: 0 first: 100) { type value name }")
    return {row["id"]: row["attachments"] for row in rows}


def merge_metadata(
    transport: Transport, values: Mapping[str, Sequence[Mapping[str, Any]]], ids: Mapping[str, str]
) -> dict[str, str]:
    """Write metadata of data rows that exist; fields that are not named stay. Return the failures.

    :param values: global key → entries ``{"schemaId", "value"}``
    :param ids: global key → data row id, where it is known: another data row that has got the key is left alone
    :return: global key → Labelbox's message
    """
    failures: dict[str, str] = {}
    key_of = {id_: key for key, id_ in ids.items()}
    for batch in batched(values.items(), METADATA_BATCH):
        metadata = [
            {"globalKey": None if key in ids else key, "dataRowId": ids.get(key), "fields": list(fields)}
            for key, fields in batch
        ]
        data = transport.execute(_MERGE_METADATA, {"metadata": metadata})
        if data is None:
            failures.update({key: "the data row is not there" for key, _ in batch})
            continue
        for failure in data["upsertDataRowCustomMetadata"] or ():
            failures[failure["globalKey"] or key_of[failure["dataRowId"]]] = failure["error"]
    return failures


def clear_metadata(transport: Transport, fields: Mapping[str, Sequence[str]], ids: Mapping[str, str]) -> dict[str, str]:
    """Clear metadata fields; one that is not set is fine. Return the failures.

    :param fields: global key → schema ids
    :param ids: global key → data row id, where it is known
    :return: global key → Labelbox's message
    """
    failures: dict[str, str] = {}
    key_of = {id_: key for key, id_ in ids.items()}
    for batch in batched(fields.items(), METADATA_BATCH):
        deletes = [
            {"dataRowIdentifier": _identifier(key, ids.get(key)), "schemaIds": list(schema_ids)}
            for key, schema_ids in batch
        ]
        data = transport.execute(_CLEAR_METADATA, {"deletes": deletes}) or {}
        for failure in data.get("deleteDataRowCustomMetadata") or ():
            if _WAS_NOT_SET not in (failure["error"] or ""):
                failures[key_of.get(failure["dataRowId"], failure["dataRowId"])] = failure["error"]
    return failures


def _identifier(key: str, data_row_id: str | None) -> dict[str, str]:
    return {"id": key, "idType": "GKEY"} if data_row_id is None else {"id": data_row_id, "idType": "ID"}


def _look_up_batch(
    transport: Transport, keys: list[str], sleep: Callable[[float], None], timeout: float
) -> dict[str, Any]:
    job = transport.execute(_LOOKUP, {"globalKeys": keys}) or {}
    job_id = job["dataRowsForGlobalKeys"]["jobId"]
    deadline = time.monotonic() + timeout
    pause = 0.2
    while True:
        result = (transport.execute(_LOOKUP_RESULT, {"jobId": job_id}) or {})["dataRowsForGlobalKeysResult"]
        if result["jobStatus"] == "COMPLETE":
            found: dict[str, Any] = result["data"]
            return found
        if result["jobStatus"] == "FAILED":
            raise LabelboxError(f"Labelbox failed to look up {len(keys):,} global keys")
        if time.monotonic() > deadline:
            raise LabelboxUnavailableError(f"looking up {len(keys):,} global keys has not ended after {timeout:.0f} s")
        sleep(pause)
        pause = min(pause * 2, 5.0)


def _read_rows(transport: Transport, ids: Sequence[str], selection: str) -> Iterator[dict[str, Any]]:
    """Read some fields of data rows by id, many in one query; rows that are gone are left out."""
    for batch in batched(ids, ROW_BATCH):
        rows = " ".join(
            f"r{i}: dataRow(where: {{id: {orjson.dumps(id_).decode()}}}) {{ {selection} }}"
            for i, id_ in enumerate(batch)
        )
        data = transport.execute(f"query GetDataRowsPyApi {{ {rows} }}")
        if data is None:  # one that is gone hides the others
            yield from _read_one_by_one(transport, batch, selection)
            continue
        yield from (row for row in data.values() if row)


def _read_one_by_one(transport: Transport, ids: Sequence[str], selection: str) -> Iterator[dict[str, Any]]:
    query = f"query GetDataRowPyApi($id: ID!) {{ dataRow(where: {{id: $id}}) {{ {selection} }} }}"
    for id_ in ids:
        data = transport.execute(query, {"id": id_}) or {}
        if data.get("dataRow"):
            yield data["dataRow"]
