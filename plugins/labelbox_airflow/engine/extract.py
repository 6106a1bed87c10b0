"""Extract: source batches in; rows that need sending go to staging in units, the others get their outcome here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from labelbox_airflow.engine.collector import collector_paused
from labelbox_airflow.engine.existing import ExistingRows, FindDataRows
from labelbox_airflow.engine.filter import RowFilter
from labelbox_airflow.engine.ledger import Ledger, Run
from labelbox_airflow.engine.metadata_schema import MetadataSchema, SchemaAddition
from labelbox_airflow.engine.page import SAMPLES, Page
from labelbox_airflow.engine.project.selection import SelectionWriter
from labelbox_airflow.engine.project.spec import SelectSpec
from labelbox_airflow.engine.records import Batch, Rejected
from labelbox_airflow.engine.rows.attach import AttachSpec, MappingSpec
from labelbox_airflow.engine.rows.decide import Overwrite
from labelbox_airflow.engine.rows.mapping import RowMapping
from labelbox_airflow.engine.rows.seen import SeenKeys
from labelbox_airflow.engine.rows.spec import PartsSpec
from labelbox_airflow.engine.staging import Staging
from labelbox_airflow.engine.units import (
    REPLACED,
    Unit,
    UnitWriter,
)

PART = "extract"
PAGE_ROWS = 10_000  # rows compared and mapped at a time; a table given as one batch is cut
VECTOR_BUDGET = 2_000_000  # numbers mapped at a time, so that wide embeddings keep memory flat


@dataclass(slots=True)
class Extracted:
    """What an extraction found.

    :param read: rows that were read, those that waited included
    :param retried: those of them that waited since earlier runs
    :param outcomes: rows that are done already: unchanged, superseded, rejected; and those that wait or are left alone
    :param planned: rows that go on: create, update
    :param changes: how many updated rows have a change in each part
    :param additions: metadata fields and enum options the rows need
    :param samples: a few global keys by what happens to them
    :param mapping: the mapping, the former connectors' columns spelled out
    """

    mapping: MappingSpec
    read: int = 0
    retried: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    planned: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    units: list[Unit] = field(default_factory=list)
    additions: dict[str, SchemaAddition] = field(default_factory=dict)
    samples: dict[str, list[str]] = field(default_factory=dict)

    def note(self, kind: str, key: str) -> None:
        """Keep ``key`` as an example of ``kind``, a few of each."""
        examples = self.samples.setdefault(kind, [])
        if len(examples) < SAMPLES:
            examples.append(key)


class Extraction:
    """Takes batches one by one and remembers what the run has met.

    :param ledger: what Labelbox holds
    :param book: where claims, outcomes and dead letters of this run go: the ledger, or for a dry run a scratch one
    :param dataset_id: None when the dataset is not there yet (dry run)
    :param staging: None in a dry run: nothing is staged
    :param default_version: version of rows whose source gives none and whose file has no time
    :param find: asks Labelbox where keys live; needed to attach
    :param main: name of the first source, with which a condition may name its columns
    :param select: which rows go to the project, None without one
    """

    def __init__(
        self,
        spec: MappingSpec,
        schema: MetadataSchema,
        *,
        ledger: Ledger,
        book: Ledger,
        run: Run,
        dataset_id: str | None,
        staging: Staging | None,
        default_version: int,
        unit_rows: int = 50_000,
        overwrite: Overwrite = "newer",
        find: FindDataRows | None = None,
        main: str | None = None,
        select: SelectSpec | None = None,
    ) -> None:
        self.result = Extracted(spec)
        self.ledger, self.book, self.run = ledger, book, run
        self.dataset_id = dataset_id
        self.overwrite: Overwrite = overwrite
        self.seen = SeenKeys()
        self.units = UnitWriter(staging, unit_rows)
        self.replaced: list[int] = []
        self.existing: ExistingRows | None = None
        if isinstance(spec, AttachSpec):
            if find is None:
                raise ValueError("to attach, an extraction has to be able to find data rows")
            self.existing = ExistingRows(self, spec, find)
        self.selection = SelectionWriter(select, staging, main) if select is not None else None
        self._staging = staging
        self._spec, self._schema = spec, schema
        self._filter = RowFilter(spec, main) if spec.where is not None else None
        self._default_version = default_version
        self._page_rows = min(_page_rows(spec), unit_rows)
        self._mappings: dict[tuple[str, ...], RowMapping] = {}
        self._rejections = 0
        self._retries_waiting = False

    def retry_waiting(self) -> None:
        """Take the rows of earlier runs that wait for their data rows; call it before the rows of this run."""
        if self.existing is not None:
            self._retries_waiting = True  # they have passed the condition when they were read
            self.existing.waiting.retry()
            self._retries_waiting = False

    @collector_paused()
    def add(self, batch: Batch) -> None:
        """Take one batch: map it, compare it, stage what needs sending, record the rest."""
        self.result.read += batch.rows.num_rows + len(batch.rejected)
        self.reject(batch.rejected)
        if self._filter is not None and not self._retries_waiting:
            batch, left_out = self._filter.apply(batch)
            self.result.outcomes["filtered"] += left_out
            self.reject(batch.rejected)
        if not batch.rows.num_rows:  # rejects alone, perhaps of a joined source with other columns
            return
        mapping = self._mapping(batch)
        for piece in _sliced(batch, self._page_rows):
            keyed = mapping.key(piece, default_version=self._default_version)
            self.reject(keyed.rejected)
            if self.selection is not None:
                self.selection.note(keyed)
            Page(self, mapping, keyed).settle()

    def finish(self) -> Extracted:
        """Close the last unit and record the outcomes that are settled."""
        self.units.close()
        if self.selection is not None:
            self.selection.close()
        self.result.units = self.units.units
        if self._staging is not None and self.replaced:
            self._staging.write_json(REPLACED, self.replaced)
        for mapping in self._mappings.values():
            self._spell_out(mapping.spec)
            for name, addition in mapping.additions().items():
                held = self.result.additions.get(name)
                options = addition.options | (held.options if held is not None else frozenset())
                self.result.additions[name] = SchemaAddition(addition.kind, options)
        settled = {name: count for name, count in self.result.outcomes.items() if name != "rejected"}
        self.book.settle(self.run, PART, counts=settled, rejected=())
        return self.result

    def _spell_out(self, spec: MappingSpec) -> None:
        """Add what the column grammar found in one table to the mapping that later tasks see."""
        if self._spec.column_grammar is None:
            return
        rows = self.result.mapping
        known = {(a.type, a.name) for a in rows.attachments}
        attachments = [*rows.attachments, *(a for a in spec.attachments if (a.type, a.name) not in known)]
        update = {"metadata": {**rows.metadata, **spec.metadata}, "attachments": attachments, "column_grammar": None}
        self.result.mapping = rows.model_copy(update=update)

    def reject(self, rejected: Sequence[Rejected]) -> None:
        """Record rejected rows at once, so that they take no memory."""
        if rejected:
            self._rejections += 1
            self.result.outcomes["rejected"] += len(rejected)
            part = f"{PART}-{self._rejections:06d}"
            self.book.settle(self.run, part, counts={"rejected": len(rejected)}, rejected=rejected)

    def _mapping(self, batch: Batch) -> RowMapping:
        columns = tuple(batch.rows.schema.names)
        if columns not in self._mappings:
            self._mappings[columns] = RowMapping(self._spec, self._schema, columns)
        return self._mappings[columns]


def _page_rows(spec: PartsSpec) -> int:
    """Return how many rows are taken at a time, so that embeddings, as text, stay small in memory."""
    numbers = sum(embedding.dimensions for embedding in spec.embeddings.values())
    return min(PAGE_ROWS, max(100, VECTOR_BUDGET // numbers)) if numbers else PAGE_ROWS


def _sliced(batch: Batch, size: int) -> Iterator[Batch]:
    if batch.rows.num_rows <= size:
        yield batch
        return
    for start in range(0, batch.rows.num_rows, size):
        end = start + size
        yield replace(batch, rows=batch.rows.slice(start, size), positions=batch.positions[start:end], rejected=())
