"""Many data rows by their global keys: those of one dataset come by export, which takes fewer calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from labelbox_airflow.engine.api.data_rows import Home, KeyLookup, batched, read_homes, resolve_keys
from labelbox_airflow.engine.api.exports import KEYS_PER_EXPORT, export_dataset
from labelbox_airflow.engine.transport import Transport

FEW = 500  # data rows that are read 25 in a query; an export takes half a dozen calls whatever its size


def find_data_rows(
    transport: Transport, dataset_id: str, keys: Sequence[str], *, sleep: Callable[[float], None] = time.sleep
) -> KeyLookup:
    """Find out where global keys live, most of which are supposed to be in one dataset.

    :raises LabelboxUnavailableError: when the look-up or the export does not end in time
    """
    ids, missing, denied = resolve_keys(transport, keys, sleep=sleep)
    found: dict[str, Home] = {}
    if len(ids) > FEW:
        there = [key for key in keys if key not in missing and key not in denied]
        for batch in batched(there, KEYS_PER_EXPORT):
            found.update(_exported(transport, dataset_id, batch))
    exported = {home.data_row_id for home in found.values()}
    found.update(read_homes(transport, [id_ for id_ in ids if id_ not in exported]))
    return KeyLookup(found, missing | frozenset(keys).difference(found, denied), denied)


def _exported(transport: Transport, dataset_id: str, keys: Sequence[str]) -> Iterator[tuple[str, Home]]:
    for row in export_dataset(transport, dataset_id, keys=keys):
        data_row = row["data_row"]
        made = datetime.fromisoformat(data_row["details"]["created_at"])
        yield data_row["global_key"], Home(data_row["id"], dataset_id, data_row["details"]["dataset_name"], made)
