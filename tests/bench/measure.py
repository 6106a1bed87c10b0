"""The measurements. Each runs in a process of its own: ``measure.py NAME ROWS DIRECTORY PORT`` prints one JSON line.

``sync`` comes first: the others read the table, the staged units and the ledger that it leaves in the directory.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas  # noqa: F401  pyarrow imports it at its first use
from tests.bench import boxes, labels
from tests.bench.meter import Meter
from tests.bench.sample import DATASET_ID, MAPPING, sdk_items, wire_items, write_table

if TYPE_CHECKING:
    from labelbox_airflow.engine.ledger import Ledger
    from labelbox_airflow.engine.records import Batch
    from labelbox_airflow.hooks.transport import LabelboxTransport

UNIT_ROWS = 50_000
CHUNK = 10_000_000
FILE_TIME = datetime(2026, 1, 1, tzinfo=UTC)


class Place:
    """Where a measurement finds the table and leaves its state, and the server it talks to."""

    def __init__(self, rows: int, directory: Path, port: int) -> None:
        self.rows, self.directory, self.port = rows, directory, port
        self.table = directory / "rows.csv"
        self.endpoint = f"http://127.0.0.1:{port}/graphql"

    def transport(self) -> LabelboxTransport:
        """Return the hook's own way to Labelbox."""
        from labelbox_airflow.hooks.connection import LabelboxConnection
        from labelbox_airflow.hooks.transport import LabelboxTransport

        return LabelboxTransport(LabelboxConnection("bench", "bench", endpoint=self.endpoint))

    def ledger(self) -> Ledger:
        """Open the ledger."""
        from labelbox_airflow.engine.ledger import Ledger

        return Ledger(f"sqlite:///{self.directory}/ledger.db")

    def staging(self, run_id: str) -> Any:
        """Return the staging of a run."""
        from fsspec.implementations.local import LocalFileSystem

        from labelbox_airflow.engine.staging import Staging

        return Staging(LocalFileSystem(), str(self.directory / run_id))

    def batches(self, time: datetime = FILE_TIME) -> Iterator[Batch]:
        """Read the table."""
        from labelbox_airflow.engine.tables.read import read_table

        with self.table.open("rb") as file:
            yield from read_table(file, str(self.table), time=time)


def table(place: Place) -> dict[str, Any]:
    """Write the CSV file that the others read."""
    write_table(place.table, place.rows)
    return {}


def read(place: Place) -> dict[str, Any]:
    """Read the source and nothing more."""
    import labelbox_airflow.engine.tables.read  # noqa: F401

    meter = Meter()
    rows = sum(batch.rows.num_rows for batch in place.batches())
    return meter.result(rows=rows)


def sync(place: Place) -> dict[str, Any]:
    """Load the table into an empty dataset: every step of a run, without Airflow."""
    return _sync(place, "sync", FILE_TIME)


def rerun(place: Place) -> dict[str, Any]:
    """Sync the same file once more: nothing has changed."""
    return _sync(place, "rerun", FILE_TIME)


def rewritten(place: Place) -> dict[str, Any]:
    """Sync a file of the same rows that was written anew: the ledger notes that they are still current."""
    return _sync(place, "rewritten", datetime.now(UTC))


def _sync(place: Place, run_id: str, time: datetime) -> dict[str, Any]:
    from labelbox_airflow.engine.api import tasks
    from labelbox_airflow.engine.extract import Extraction
    from labelbox_airflow.engine.ledger import Run
    from labelbox_airflow.engine.metadata_schema import complete_schema, read_metadata_schema
    from labelbox_airflow.engine.rows.spec import RowsSpec
    from labelbox_airflow.engine.tables import read as _  # noqa: F401
    from labelbox_airflow.engine.upload import UnitUpload

    transport, ledger, staging = place.transport(), place.ledger(), place.staging(run_id)
    run, spec = Run("organization", "bench", run_id), RowsSpec.model_validate(MAPPING)
    meter = Meter()
    _watch_sync(meter)
    ledger.begin_run(run, window_start=None, window_end=None, spec_hash="")
    staging.clear()
    extraction = Extraction(
        spec,
        read_metadata_schema(transport),
        ledger=ledger,
        book=ledger,
        run=run,
        dataset_id=DATASET_ID,
        staging=staging,
        default_version=0,
        unit_rows=UNIT_ROWS,
    )
    batches = place.batches(time)
    while True:
        with meter.section("read CSV"):
            batch = next(batches, None)
        if batch is None:
            break
        with meter.section("compare, claim"):
            extraction.add(batch)
    units = extraction.finish().units
    if units:
        complete_schema(transport, extraction.result.additions)
    for name in (unit.name for unit in units):
        upload = UnitUpload(transport, ledger, staging, run=run, spec=spec, dataset_id=DATASET_ID, unit=name)
        with meter.section("decide"):
            task_id = upload.start()
        if task_id is not None:
            tasks.wait(transport, task_id)
        with meter.section("settle"):
            upload.finish(task_id)
        del upload  # a task of Airflow has one unit in memory
    outcomes: dict[str, int] = {}
    for counts in ledger.tallies(run).values():
        for outcome, rows in counts.items():
            outcomes[outcome] = outcomes.get(outcome, 0) + rows
    result = meter.result(calls=transport.calls, write_calls=transport.write_calls, outcomes=outcomes)
    ledger.close()
    return result


def _watch_sync(meter: Meter) -> None:
    from sqlalchemy.engine.base import Transaction as DatabaseTransaction

    from labelbox_airflow.engine import staging, units, upload
    from labelbox_airflow.engine.api import tasks
    from labelbox_airflow.engine.ledger import Ledger
    from labelbox_airflow.engine.ledger.ledger import Transaction
    from labelbox_airflow.engine.rows import mapping
    from labelbox_airflow.engine.upload.sender import Sender

    for name in ("key", "map"):
        meter.watch(mapping.RowMapping, name, "map")
    for name in ("row_fingerprints", "column_fingerprints"):
        meter.watch(mapping, name, "fingerprints")
    for name in ("entries", "claimed_elsewhere", "claims", "acquire", "claim", "touch"):
        meter.watch(Ledger, name, f"ledger: {name.replace('_', ' ')}")
    meter.watch(Ledger, "unlike", "ledger: entries")
    meter.watch(Ledger, "claim_rows", "ledger: claim")
    meter.watch(Transaction, "put_rows", "ledger: put")
    meter.watch(Transaction, "settle", "outcomes")
    meter.watch(DatabaseTransaction, "commit", "ledger: commit")
    for name in ("write", "close"):
        meter.watch(units.UnitWriter, name, "staging: write")
    meter.watch(staging.Staging, "write_json", "staging: write")
    meter.watch(upload, "load_unit", "staging: read")
    meter.watch(Sender, "send", "send")
    for name in ("created_rows", "failed_rows"):
        meter.watch(tasks, name, "result pages")


def upload(place: Place) -> dict[str, Any]:
    """Send the units that ``sync`` staged: mapped batches in, chunks and mutation accepted."""
    from labelbox_airflow.engine.metadata_schema import read_metadata_schema
    from labelbox_airflow.engine.rows.decide import CREATE
    from labelbox_airflow.engine.rows.spec import RowsSpec
    from labelbox_airflow.engine.units import load_unit
    from labelbox_airflow.engine.upload.sender import Sender

    transport, staging = place.transport(), place.staging("sync")
    schema, spec = read_metadata_schema(transport), RowsSpec.model_validate(MAPPING)
    meter = Meter()
    sender = Sender(transport, spec, dataset_id=DATASET_ID, schema=schema, embedding_ids={})
    rows = 0
    for path in sorted((place.directory / "sync").glob("unit-*.arrow")):
        with meter.section("input"):
            unit = load_unit(staging, path.stem)
        sender.send(unit, dict.fromkeys(range(len(unit)), CREATE), {})
        rows += len(unit)
        del unit  # a task of Airflow has one in memory
    return meter.result(rows=rows)


def merge(place: Place) -> dict[str, Any]:
    """Write the metadata of rows that exist, leaving other fields alone."""
    from labelbox_airflow.engine.metadata_schema import read_metadata_schema
    from labelbox_airflow.engine.rows.decide import Decision
    from labelbox_airflow.engine.rows.spec import RowsSpec
    from labelbox_airflow.engine.units import load_unit
    from labelbox_airflow.engine.upload.sender import Sender

    transport = place.transport()
    schema, spec = read_metadata_schema(transport), RowsSpec.model_validate(MAPPING)
    unit = load_unit(place.staging("sync"), "unit-00001")
    changed = Decision("update", ("metadata",))
    meter = Meter()
    sender = Sender(transport, spec, dataset_id=DATASET_ID, schema=schema, embedding_ids={})
    calls = transport.calls
    failures = sender.merge(unit, dict.fromkeys(range(len(unit)), changed), {})
    return meter.result(rows=len(unit), calls=transport.calls - calls, failures=len(failures))


def sdk(place: Place) -> dict[str, Any]:
    """Give the SDK the rows as a list, as it wants them; making the list is not measured, but held in memory."""
    dataset = _sdk_client(place).get_dataset(DATASET_ID)
    meter = Meter()
    with meter.section("input"):
        items = list(sdk_items(0, place.rows))
    dataset.upsert_data_rows(items)
    return meter.result(rows=len(items))


def sdk_merge(place: Place) -> dict[str, Any]:
    """Give the SDK the metadata of rows that exist."""
    from labelbox.schema.data_row_metadata import DataRowMetadata, DataRowMetadataField

    ontology = _sdk_client(place).get_data_row_metadata_ontology()
    meter = Meter()
    with meter.section("input"):
        metadata = [
            DataRowMetadata(
                global_key=item["global_key"],
                fields=[DataRowMetadataField(**field) for field in item["metadata_fields"]],
            )
            for item in sdk_items(0, place.rows)
        ]
    ontology.bulk_upsert(metadata)
    return meter.result(rows=len(metadata))


def _sdk_client(place: Place) -> Any:
    from labelbox import Client

    rest = f"http://127.0.0.1:{place.port}/api/v1"
    return Client(api_key="bench", endpoint=place.endpoint, rest_endpoint=rest)


def floor(place: Place) -> dict[str, Any]:
    """Write the same items as JSON with orjson and post the same bytes with requests; making them is not measured."""
    import orjson
    import requests

    session = requests.Session()
    url = f"http://127.0.0.1:{place.port}/floor"
    meter = Meter()
    chunk = bytearray(b"[")
    sent = 0

    def post() -> None:
        nonlocal chunk, sent
        chunk[-1:] = b"]"
        session.post(url, data=bytes(chunk)).raise_for_status()
        sent += len(chunk)
        chunk = bytearray(b"[")

    for first in range(0, place.rows, 1000):
        with meter.section("input"):
            items = list(wire_items(first, min(first + 1000, place.rows)))
        for item in items:
            text = orjson.dumps(item)
            if len(chunk) + len(text) >= CHUNK:
                post()
            chunk += text
            chunk += b","
    post()
    return meter.result(rows=place.rows, bytes_per_row=sent / place.rows)


MEASUREMENTS: dict[str, Callable[[Place], dict[str, Any]]] = (
    boxes.MEASUREMENTS
    | labels.MEASUREMENTS
    | {
        measurement.__name__: measurement
        for measurement in (table, read, sync, rerun, rewritten, upload, merge, sdk, sdk_merge, floor)
    }
)


if __name__ == "__main__":
    name, rows, directory, port = sys.argv[1:]
    place = Place(int(rows), Path(directory), int(port))
    print(json.dumps(MEASUREMENTS[name](place)))
