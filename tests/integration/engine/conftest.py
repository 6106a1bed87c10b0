"""A small sync without Airflow: records in, the engine's own steps, the unmodified SDK session to a local Labelbox."""

from __future__ import annotations

import itertools
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fsspec.implementations.local import LocalFileSystem

from labelbox_airflow.engine.annotations.imports.prepare import ImportPreparation
from labelbox_airflow.engine.annotations.imports.spec import ImportSpec
from labelbox_airflow.engine.annotations.imports.tally import PART, by_outcome, restored
from labelbox_airflow.engine.annotations.imports.upload import UnitImport
from labelbox_airflow.engine.annotations.readers import Read
from labelbox_airflow.engine.api import tasks
from labelbox_airflow.engine.api.data_rows import look_up
from labelbox_airflow.engine.api.datasets import create_dataset, organization_id
from labelbox_airflow.engine.api.embeddings import embedding_ids
from labelbox_airflow.engine.api.exports import export_dataset
from labelbox_airflow.engine.api.homes import find_data_rows
from labelbox_airflow.engine.extract import Extraction
from labelbox_airflow.engine.guard import GuardSpec
from labelbox_airflow.engine.ledger import DeadLetter, Ledger, Owner, Run
from labelbox_airflow.engine.ledger.model import FinalState
from labelbox_airflow.engine.metadata_schema import complete_schema, read_metadata_schema
from labelbox_airflow.engine.ontology.tree import Ontology
from labelbox_airflow.engine.project.send import ProjectSending
from labelbox_airflow.engine.project.spec import ProjectSpec, SelectSpec
from labelbox_airflow.engine.records import Batch, batch_of
from labelbox_airflow.engine.rows.attach import MappingSpec, mapping_spec
from labelbox_airflow.engine.rows.decide import Overwrite
from labelbox_airflow.engine.rows.mapping import RowMapping
from labelbox_airflow.engine.staging import Staging
from labelbox_airflow.engine.transport import Transport
from labelbox_airflow.engine.upload import UnitUpload
from labelbox_airflow.hooks.connection import LabelboxConnection
from labelbox_airflow.hooks.sender import Sender
from labelbox_airflow.hooks.transport import LabelboxTransport
from labelbox_local.stack import LocalLabelbox

if TYPE_CHECKING:
    from labelbox import Client, Dataset

NUMBERS = itertools.count(1)
ROWS: Mapping[str, Any] = {
    "row_data": "url",
    "global_key": "id",
    "external_id": "name",
    "media_type": "IMAGE",
    "version": "version",
    "metadata": {
        "engine country": {"column": "country", "kind": "enum", "new_field": "add", "new_options": "add"},
        "engine total": {"column": "total", "kind": "number", "new_field": "add"},
        "captureDateTime": "taken_at",
    },
    "attachments": [
        {"type": "IMAGE", "name": "thumbnail", "value": "thumbnail"},
        {"type": "RAW_TEXT", "name": "note", "value": "note"},
    ],
    "embeddings": {"engine-vector": {"column": "vector", "dimensions": 4, "new_embedding": "add"}},
}


def record(number: int, prefix: str = "", **changes: Any) -> dict[str, Any]:
    """Return a source row; ``number`` decides its key and content."""
    return {
        "id": f"{prefix}{number:04d}",
        "url": f"https://images.example.com/{number}.jpg",
        "name": f"{number}.jpg",
        "version": 1,
        "country": ("DE", "FR", "IT")[number % 3],
        "total": number / 4,
        "taken_at": "2026-01-02T03:04:05+01:00",
        "thumbnail": f"https://images.example.com/{number}-small.jpg",
        "note": f"note {number}",
        "vector": [number, 0.5, -1.0, 0.25],
        **changes,
    }


@dataclass
class World:
    """A dataset of its own, a ledger and staging of its own, and runs of a sync into it.

    :param prefix: begins every global key, for keys are unique in an organization
    :param batch_rows: source rows read at a time; None reads all at once
    :param attach: makes the sync one that attaches, and ``rows`` of no account
    """

    transport: Transport
    directory: Path
    dataset_id: str
    organization: str
    prefix: str = ""
    rows: Mapping[str, Any] = field(default_factory=lambda: ROWS)
    attach: Mapping[str, Any] | None = None
    unit_rows: int = 1000
    batch_rows: int | None = None
    overwrite: Overwrite = "newer"
    sync: str = "engine"
    select: SelectSpec | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    reads: dict[str, int] = field(default_factory=dict)  # rows read by each run
    # Tests that break something replace these.
    open_transport: Callable[[Transport], Any] = lambda transport: transport
    open_ledger: Callable[[Ledger], Any] = lambda ledger: ledger
    open_staging: Callable[[Staging], Any] = lambda staging: staging

    @property
    def spec(self) -> MappingSpec:
        """What becomes of the rows."""
        return mapping_spec(rows=self.rows) if self.attach is None else mapping_spec(attach=self.attach)

    @property
    def ledger(self) -> Ledger:
        """A new connection to the ledger."""
        return Ledger(f"sqlite:///{self.directory}/ledger.db", lease=timedelta(hours=6), clock=self.clock)

    def record(self, number: int, **changes: Any) -> dict[str, Any]:
        """Return a source row whose key is this world's."""
        return record(number, self.prefix, **changes)

    def staging(self, run_id: str) -> Any:
        return self.open_staging(Staging(LocalFileSystem(), str(self.directory / run_id)))

    def run(self, run_id: str) -> Run:
        return Run(self.organization, self.sync, run_id)

    def load(self, run_id: str, records: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """Run a whole sync and return its rows by outcome, which add up to the rows read."""
        for unit in self.extract(run_id, records):
            self.upload(run_id, unit)
        self.finish(run_id)
        outcomes = self.outcomes(run_id)
        assert sum(outcomes.values()) == self.reads[run_id]
        return outcomes

    def finish(self, run_id: str, state: FinalState = "success") -> None:
        """Do what the report task does in the end."""
        with self.ledger as ledger:
            read = self.reads[run_id]
            ledger.finish_run(self.run(run_id), state=state, rows_read=read, rows_filtered=0, watermark=None)

    def extract(self, run_id: str, records: Sequence[Mapping[str, Any]]) -> list[str]:
        """Do what the tasks extract and gate do; return the names of the units."""
        transport = self.open_transport(self.transport)
        with self.ledger as ledger:
            opened = self.open_ledger(ledger)
            opened.begin_run(self.run(run_id), window_start=None, window_end=None, spec_hash="")
            staging = self.staging(run_id)
            staging.clear()
            spec = self.spec
            extraction = Extraction(
                spec,
                read_metadata_schema(transport),
                ledger=opened,
                book=opened,
                run=self.run(run_id),
                dataset_id=self.dataset_id,
                staging=staging,
                default_version=0,
                unit_rows=self.unit_rows,
                overwrite=self.overwrite,
                find=lambda keys: find_data_rows(transport, self.dataset_id, keys, sleep=doze),
                select=self.select,
            )
            extraction.retry_waiting()
            for batch in self._batches(records):
                extraction.add(batch)
            extracted = extraction.finish()
            assert extracted.read == len(records) + extracted.retried
            self.reads[run_id] = extracted.read
            assert extracted.read == extracted.outcomes.total() + extracted.planned.total()
            if extracted.units:
                complete_schema(transport, extracted.additions)
                embedding_ids(transport, spec.embeddings, create=True)
            return [unit.name for unit in extracted.units]

    def to_project(self, run_id: str, project: ProjectSpec, project_id: str) -> dict[str, int]:
        """Do what the task that sends to the project does, each step in a new process; return rows by outcome."""
        while (task_id := self._sending(run_id, project, project_id).advance()) is not None:
            tasks.wait(self.open_transport(self.transport), task_id)
        return dict(+self._sending(run_id, project, project_id).finish())

    def _sending(self, run_id: str, project: ProjectSpec, project_id: str) -> ProjectSending:
        return ProjectSending(
            self.open_transport(self.transport),
            self.open_ledger(self.ledger),
            self.staging(run_id),
            run=self.run(run_id),
            spec=project,
            project_id=project_id,
            dataset_id=self.dataset_id,
        )

    def annotate(
        self,
        run_id: str,
        project_id: str,
        items: Iterable[Read],
        ontology: Ontology,
        *,
        again: bool = False,
        guard: GuardSpec | None = None,
        media_type: str = "IMAGE",
        **spec: Any,
    ) -> dict[str, int]:
        """Do what the tasks that import annotations do, as a run of its own; return annotations by outcome."""
        with self.ledger as ledger:
            self.open_ledger(ledger).begin_run(self.run(run_id), window_start=None, window_end=None, spec_hash="")
            plan = ImportPreparation(
                self.open_transport(self.transport),
                self.open_ledger(ledger),
                self.staging(run_id),
                run=self.run(run_id),
                spec=ImportSpec.model_validate({"as": "prelabels", **spec}),
                target=project_id,
                ontology=ontology,
                media_type=media_type,
                guard=guard,
                again=again,
            ).prepare(items)
        for unit in plan.units:
            self.send_annotations(run_id, unit)
        self.reads[run_id] = 0
        self.finish(run_id)
        outcomes = self.annotation_outcomes(run_id)
        assert sum(outcomes.values()) == plan.read
        return outcomes

    def send_annotations(self, run_id: str, unit: str) -> None:
        """Do what the task that imports one unit does, waiting and settling each in a new process."""
        with self._unit_import(run_id, unit) as sending:
            sending.start()
        with self._unit_import(run_id, unit) as sending:
            while sending.running() is not None:
                doze(0.05)
        with self._unit_import(run_id, unit) as sending:
            sending.finish()

    @contextmanager
    def _unit_import(self, run_id: str, unit: str) -> Iterator[UnitImport]:
        with self.ledger as ledger:
            yield UnitImport(
                self.open_transport(self.transport),
                self.open_ledger(ledger),
                self.staging(run_id),
                run=self.run(run_id),
                unit=unit,
            )

    def annotation_outcomes(self, run_id: str) -> dict[str, int]:
        """Return the annotations of a run by outcome."""
        with self.ledger as ledger:
            total: Counter[str] = Counter()
            for part, counts in ledger.tallies(self.run(run_id)).items():
                if part.startswith(PART):
                    total += by_outcome(restored(counts))
            return dict(total)

    def upload(self, run_id: str, unit: str) -> None:
        """Do what the upload task of one unit does: send, wait elsewhere, come back in a new process and settle."""
        task_id = self.send(run_id, unit)
        if task_id is not None:
            tasks.wait(self.open_transport(self.transport), task_id)
        with self._opened(run_id, unit) as upload:
            upload.finish(task_id)

    def send(self, run_id: str, unit: str) -> str | None:
        """Do the first half of an upload task; return the task of Labelbox."""
        with self._opened(run_id, unit) as upload:
            return upload.start()

    @contextmanager
    def _opened(self, run_id: str, unit: str) -> Iterator[UnitUpload]:
        with self.ledger as ledger:
            yield UnitUpload(
                self.open_transport(self.transport),
                self.open_ledger(ledger),
                self.staging(run_id),
                run=self.run(run_id),
                spec=self.spec,
                dataset_id=self.dataset_id,
                unit=unit,
                overwrite=self.overwrite,
            )

    def outcomes(self, run_id: str) -> dict[str, int]:
        """Return the rows of a run by outcome, as far as it has got."""
        with self.ledger as ledger:
            total: Counter[str] = Counter()
            for counts in ledger.tallies(self.run(run_id)).values():
                total.update(counts)
            return {outcome: rows for outcome, rows in total.items() if rows}

    def dead_letters(self, run_id: str) -> list[DeadLetter]:
        with self.ledger as ledger:
            return ledger.dead_letters(self.run(run_id))

    def codes(self, run_id: str) -> dict[str, str]:
        """Return why rows were rejected: number of the row as in its key → code."""
        return {self._short(letter.global_key or letter.origin): letter.code for letter in self.dead_letters(run_id)}

    def held(self, exported: Iterable[dict[str, Any]] | None = None) -> dict[str, dict[str, Any]]:
        """Return what Labelbox holds, without ids and times, by global key without the prefix.

        :param exported: what :meth:`exported` gave; None exports the dataset
        """
        rows = self.exported() if exported is None else exported
        return {self._short(row["data_row"]["global_key"]): _plain(row) for row in rows}

    def remembered(
        self, records: Sequence[Mapping[str, Any]], exported: Iterable[dict[str, Any]] | None = None
    ) -> dict[str, Any]:
        """Return what the ledger knows of the keys of ``records``, in a form that is the same for each world.

        Data row ids stand as whether they are those of Labelbox, and source fingerprints as the record they are of.
        """
        rows = self.exported() if exported is None else exported
        ids = {row["data_row"]["global_key"]: row["data_row"]["id"] for row in rows}
        batch = batch_of(list(records), place="records")
        mapping = RowMapping(self.spec, {}, batch.rows.schema.names)
        keyed = mapping.key(batch, default_version=0)
        sources = dict(zip(keyed.sources, keyed.rows, strict=True))
        with self.ledger as ledger:
            entries = ledger.entries(Owner(self.organization, self.sync), sorted(keyed.keys))
        return {
            self._short(key): entry._replace(
                dataset_id=str(entry.dataset_id == self.dataset_id),
                data_row_id=str(entry.data_row_id == ids.get(key)),
                source=sources.get(entry.source or 0),
            )
            for key, entry in entries.items()
        }

    def claims(self) -> int:
        """Return how many claims the ledger holds."""
        with sqlite3.connect(self.directory / "ledger.db") as database:
            return int(database.execute("SELECT count(*) FROM ledger_claims").fetchone()[0])

    def exported(self, keys: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
        """Return the rows of the dataset as Labelbox exports them, or some of them."""
        return export_dataset(self.transport, self.dataset_id, keys=keys, embeddings=True)

    def _batches(self, records: Sequence[Mapping[str, Any]]) -> Iterator[Batch]:
        size = self.batch_rows or max(len(records), 1)
        for start in range(0, len(records), size):
            batch = batch_of(list(records[start : start + size]), place="records")
            yield replace(batch, positions=range(start + 1, start + 1 + batch.rows.num_rows))

    def _short(self, key: str) -> str:
        return key.removeprefix(self.prefix)


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "row_data": row["data_row"]["row_data"],
        "external_id": row["data_row"].get("external_id"),
        "metadata": {
            f["schema_name"]: f["value"][0]["schema_name"] if isinstance(f["value"], list) else f["value"]
            for f in row.get("metadata_fields") or ()
        },
        "attachments": sorted((a["type"], a.get("name"), a["value"]) for a in row.get("attachments") or ()),
        "embeddings": {e["name"]: e["values"][0]["value"] for e in row.get("embeddings") or ()},
    }


def connect(airflow_connection: str) -> LabelboxTransport:
    """Return a transport over an Airflow connection, given as JSON, that does not rest between attempts."""
    given = json.loads(airflow_connection)
    rest_endpoint = given["extra"]["rest_endpoint"]
    connection = LabelboxConnection("labelbox_test", given["password"], given["host"], rest_endpoint)
    return LabelboxTransport(connection, sender=Sender(connection, sleep=doze))


def doze(seconds: float) -> None:
    """Sleep, but never long: the local Labelbox is quick."""
    time.sleep(min(seconds, 0.01))


@pytest.fixture(autouse=True)
def short_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask more often than one would ask Labelbox whether something has ended."""
    from labelbox.schema import task as sdk_task

    for function in (tasks.wait, look_up):
        monkeypatch.setitem(function.__kwdefaults__ or {}, "sleep", doze)
    real = time.sleep
    monkeypatch.setattr(sdk_task.time, "sleep", lambda seconds: real(min(seconds, 0.05)))


@pytest.fixture(autouse=True)
def no_faults(local_labelbox: LocalLabelbox) -> Iterator[None]:
    """Leave no planned fault and no changed switch to the next test."""
    switches = local_labelbox.admin("GET", "switches")
    yield
    local_labelbox.admin("DELETE", "faults")
    local_labelbox.admin("POST", "switches", switches)


@pytest.fixture(scope="session")
def transport(local_labelbox: LocalLabelbox) -> Iterator[LabelboxTransport]:
    with connect(local_labelbox.airflow_connection()) as opened:
        yield opened


@pytest.fixture(scope="session")
def new_world(transport: LabelboxTransport, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., World]:
    """Makes worlds, each with a dataset and keys of its own; takes the fields of World that are to differ."""
    organization = organization_id(transport)

    def make(**changes: Any) -> World:
        number = next(NUMBERS)
        dataset = create_dataset(transport, f"engine {number} {datetime.now(UTC):%H%M%S%f}")
        directory = tmp_path_factory.mktemp("world")
        return World(transport, directory, dataset.id, organization, **{"prefix": f"w{number}-", **changes})

    return make


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    return new_world()


@pytest.fixture
def dataset(world: World, sdk: Client) -> Dataset:
    """The world's dataset, as the SDK shows it."""
    return sdk.get_dataset(world.dataset_id)
