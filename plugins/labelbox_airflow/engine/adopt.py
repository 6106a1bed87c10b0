"""Adopt: fill the ledger from a dataset that was loaded before, without a single write to Labelbox."""

from __future__ import annotations

from labelbox_airflow.engine.api.data_rows import batched
from labelbox_airflow.engine.held import held_rows
from labelbox_airflow.engine.ledger import Entry, Ledger, Owner
from labelbox_airflow.engine.metadata_schema import read_metadata_schema
from labelbox_airflow.engine.rows.attach import MappingSpec
from labelbox_airflow.engine.transport import Transport

BATCH = 5000  # rows put into the ledger at a time
UNKNOWN_VERSION = 0  # older than whatever the source says


def adopt_dataset(transport: Transport, ledger: Ledger, spec: MappingSpec, *, owner: Owner, dataset_id: str) -> int:
    """Read a dataset by export and note in the ledger what it holds, as a sync with ``spec`` would have written it.

    The next run then finds rows that are as its source says unchanged, and sends only what differs. Running it again
    does no harm; it is also how a lost ledger is rebuilt.

    :return: data rows adopted; those without a global key cannot be
    """
    schema = read_metadata_schema(transport)
    adopted = 0
    for batch in batched(held_rows(transport, dataset_id, spec, schema), BATCH):
        entries = {
            row.global_key: Entry._make((dataset_id, row.data_row_id, UNKNOWN_VERSION, None, *row.marks, None))
            for row in batch
        }
        ledger.put(owner, entries)
        adopted += len(entries)
    return adopted
