"""Sending: decided rows of a unit become chunks, a manifest and a task of Labelbox."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from labelbox_airflow.engine.api import tasks
from labelbox_airflow.engine.api.data_rows import look_up
from labelbox_airflow.engine.errors import LabelboxError, LabelboxUnavailableError
from labelbox_airflow.engine.metadata_schema import MetadataSchema
from labelbox_airflow.engine.parallel import map_in_order
from labelbox_airflow.engine.rows.attach import MappingSpec
from labelbox_airflow.engine.rows.decide import Decision
from labelbox_airflow.engine.rows.local_files import LocalFiles
from labelbox_airflow.engine.transport import Transport
from labelbox_airflow.engine.units import UnitRows
from labelbox_airflow.engine.upload.files import FileUploads, Refusal
from labelbox_airflow.engine.upload.merges import merge_attachments, write_embeddings, write_metadata
from labelbox_airflow.engine.wire import WireFormat, chunks, manifest

UPLOAD_THREADS = 4  # parallel chunk uploads; Labelbox's community advises no more
CREATE_BATCH = 2000  # rows whose items are made at a time: some 2 MB, which the allocator keeps and uses again

Decisions = Mapping[int, Decision]
"""What to do with rows of a unit, by index."""


class Sender:
    """Writes rows of one dataset.

    :param schema: metadata fields by name, complete for the fields of ``spec``
    :param embedding_ids: custom embeddings by name
    :ivar files: local files that become assets; None where the sync uploads none
    """

    def __init__(
        self,
        transport: Transport,
        spec: MappingSpec,
        *,
        dataset_id: str,
        schema: MetadataSchema,
        embedding_ids: Mapping[str, str],
    ) -> None:
        self._transport = transport
        self._schema = schema
        self._embedding_ids = embedding_ids
        self._merge = spec.lists == "merge"
        self._by_id = not spec.creates
        self.files = FileUploads(transport, LocalFiles(spec.local_files)) if spec.local_files is not None else None
        self._wire = WireFormat(dataset_id, spec.media_type, schema, embedding_ids)

    def task_parts(self, decision: Decision) -> tuple[str, ...]:
        """Return the changed parts of an update that travel in a task; the others are merged after it."""
        merged_later = {"embeddings", "metadata"} if self._merge else {"embeddings"}
        return tuple(part for part in decision.changed if part not in merged_later)

    def in_task(self, decision: Decision) -> bool:
        """Tell whether a task is needed to carry the decision out."""
        return decision.action == "create" or (decision.action == "update" and bool(self.task_parts(decision)))

    def send(self, unit: UnitRows, decisions: Decisions, ids: Mapping[int, str]) -> str | None:
        """Upload what a task has to carry and submit it; return its id, None where no task is needed.

        :param ids: data row ids of the rows that exist, by index
        """
        sent = self._sendable(unit, decisions)
        if not sent:
            return None
        urls = self._upload(chunks(self._items(unit, sent, ids)))
        url = self._transport.upload(
            manifest(urls, len(sent)), filename="manifest.json", content_type="application/json"
        )
        return tasks.submit(self._transport, url)

    def refusal(self, unit: UnitRows, index: int) -> Refusal | None:
        """Return why a row was not sent: its local file cannot be; None for others."""
        return self.files.refused.get(unit.sequences[index]) if self.files is not None else None

    def _sendable(self, unit: UnitRows, decisions: Decisions) -> dict[int, Decision]:
        """Return what a task has to carry, once local files are uploaded; without rows whose file cannot be."""
        sent = {index: decision for index, decision in decisions.items() if self.in_task(decision)}
        if self.files is None:
            return sent
        self.files.upload(unit, [i for i, d in sent.items() if d.action == "create" or "row_data" in d.changed])
        return {index: decision for index, decision in sent.items() if self.refusal(unit, index) is None}

    def _rows(self, unit: UnitRows, indices: Sequence[int]) -> pa.RecordBatch:
        rows = unit.take(indices)
        return rows if self.files is None else self.files.with_urls(rows)

    def merge(self, unit: UnitRows, decisions: Decisions, ids: Mapping[int, str]) -> dict[str, str]:
        """Merge metadata and embeddings of updated rows; return failures by global key."""
        failures: dict[str, str] = {}
        updated = {index: d for index, d in decisions.items() if d.action == "update"}
        metadata = [index for index, d in updated.items() if "metadata" in d.changed]
        if metadata and self._merge:
            rows = unit.take(metadata)
            failures.update(write_metadata(self._transport, rows, self._schema, [ids.get(i) for i in metadata]))
        vectors = [index for index, d in updated.items() if "embeddings" in d.changed and index in ids]
        if vectors:
            failures.update(self._write_vectors(unit, vectors, ids))
        return failures

    def _write_vectors(self, unit: UnitRows, indices: Sequence[int], ids: Mapping[int, str]) -> dict[str, str]:
        """Write vectors; where Labelbox refuses them all for rows that are gone, write the others without those."""
        try:
            write_embeddings(self._transport, unit.take(indices), self._embedding_ids, [ids[i] for i in indices])
        except LabelboxUnavailableError:
            raise
        except LabelboxError:
            homes = look_up(self._transport, [unit.keys[i] for i in indices]).found
            there = [i for i in indices if (home := homes.get(unit.keys[i])) and home.data_row_id == ids[i]]
            if len(there) == len(indices):
                raise
            write_embeddings(self._transport, unit.take(there), self._embedding_ids, [ids[i] for i in there])
            return {unit.keys[i]: "the data row is not there" for i in indices if i not in set(there)}
        return {}

    def _items(self, unit: UnitRows, decisions: Decisions, ids: Mapping[int, str]) -> Iterator[pa.Array]:
        groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
        creates: list[int] = []
        for index, decision in decisions.items():
            if decision.action == "create":
                creates.append(index)
            elif self.in_task(decision):
                groups[self.task_parts(decision)].append(index)
        for start in range(0, len(creates), CREATE_BATCH):
            yield self._wire.creates(self._rows(unit, creates[start : start + CREATE_BATCH]))
        for parts, indices in groups.items():
            rows = self._rows(unit, indices)
            if "attachments" in parts and self._merge:
                rows = merge_attachments(self._transport, rows, [_known(ids, unit, index) for index in indices])
            known = [_known(ids, unit, index) for index in indices] if self._by_id else None
            yield self._wire.updates(rows, parts, known)

    def _upload(self, contents: Iterator[bytes]) -> Sequence[str]:
        """Upload chunks, a few at a time and no more in memory than are under way."""
        return list(map_in_order(self._upload_one, enumerate(contents, 1), threads=UPLOAD_THREADS))

    def _upload_one(self, numbered: tuple[int, bytes]) -> str:
        number, content = numbered
        name = f"data-rows-{number:05d}.json"
        return self._transport.upload(content, filename=name, content_type="application/json")


def _known(ids: Mapping[int, str], unit: UnitRows, index: int) -> str:
    if index not in ids:
        raise LabelboxError(f"the data row id of '{unit.keys[index]}' is not known", remedy="Run labelbox-sync adopt.")
    return ids[index]
