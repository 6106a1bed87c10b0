"""Reconciling: whether the vectors that a run has written to data rows for the first time are there.

Labelbox counts the vectors of an embedding over the whole organization, and perhaps a while after they came. So the
count says for sure only that all is well: it has grown by as many as the run has written. Where it has not, the rows
are looked at one by one, for somebody may have deleted data rows meanwhile, or have written the same vectors before.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow.compute as pc

from labelbox_airflow.engine.api.data_rows import batched
from labelbox_airflow.engine.api.exports import KEYS_PER_EXPORT, export_dataset
from labelbox_airflow.engine.errors import CountMismatchError
from labelbox_airflow.engine.ledger import Entry, Ledger, Run
from labelbox_airflow.engine.report import VectorCount
from labelbox_airflow.engine.rows.mapping import PARTS
from labelbox_airflow.engine.staging import Staging
from labelbox_airflow.engine.transport import Transport
from labelbox_airflow.engine.units import UnitRows, load_unit
from labelbox_airflow.engine.wire import EMBEDDING_PREFIX

BEFORE = "vectors.json"  # on staging: the count of each embedding before the run sent anything
PATIENCE = 60.0  # seconds that Labelbox may take to count
EXAMPLES = 5
_EMBEDDINGS = PARTS.index("embeddings")


def note_before(transport: Transport, staging: Staging, ids: Mapping[str, str]) -> None:
    """Note how many vectors each embedding has, before the run sends any.

    :param ids: ids of the embeddings by name
    """
    if ids:
        counted = {name: {"id": id_, "count": transport.count_vectors(id_)} for name, id_ in ids.items()}
        staging.write_json(BEFORE, counted)


def note_new(staging: Staging, unit: UnitRows, updated: Sequence[int], entries: Mapping[str, Entry]) -> None:
    """Note how many rows of a unit have got their first vector of each embedding.

    :param updated: the rows that were updated
    :param entries: what the sync had written before
    """
    first = [index for index in updated if (entry := entries.get(unit.keys[index])) and entry.embeddings is None]
    rows = unit.take(first)
    names = [name for name in rows.schema.names if name.startswith(EMBEDDING_PREFIX)]
    if names:
        new = {name.removeprefix(EMBEDDING_PREFIX): int(pc.count(rows.column(name)).as_py()) for name in names}
        staging.write_json(_file(unit.name), new)


def count_vectors(
    transport: Transport,
    staging: Staging,
    units: Sequence[str],
    *,
    sleep: Callable[[float], None] = time.sleep,
    patience: float = PATIENCE,
) -> list[VectorCount]:
    """Return the vectors of each embedding before and after a run; empty for a run that wrote none.

    :param units: the units of the run
    :param patience: seconds that Labelbox may take to count
    """
    try:
        before = staging.read_json(BEFORE)
    except FileNotFoundError:
        return []
    new: Counter[str] = Counter()
    for name in units:
        new.update(_read_new(staging, name))
    deadline = time.monotonic() + patience
    counts = []
    for name, held in before.items():
        counted = VectorCount(name, held["id"], held["count"], new[name], transport.count_vectors(held["id"]))
        pause = 1.0
        while counted.is_short and time.monotonic() + pause < deadline:
            sleep(pause)
            pause = min(pause * 2, 10.0)
            counted = VectorCount(name, counted.id, counted.before, counted.new, transport.count_vectors(counted.id))
        counts.append(counted)
    return counts


def check_vectors(
    transport: Transport, ledger: Ledger, staging: Staging, *, run: Run, dataset_id: str, units: Sequence[str]
) -> CountMismatchError | None:
    """Look for the vectors of a run at their data rows; have the next run send again those that are not there.

    :return: what is to be said of them; None when all are there, or gone with their data rows
    """
    missing: list[str] = []
    for name in units:
        missing += _missing_vectors(transport, ledger, load_unit(staging, name), run, dataset_id)
    if not missing:
        return None
    ledger.doubt_embeddings(run.owner, missing)
    return CountMismatchError(
        f"{len(missing):,} data rows lack vectors that Labelbox took for them, e.g. {', '.join(missing[:EXAMPLES])}",
        where=run.sync,
        remedy="The next run sends them again; so does this one, once it is cleared.",
    )


def _missing_vectors(transport: Transport, ledger: Ledger, unit: UnitRows, run: Run, dataset_id: str) -> Iterator[str]:
    """Yield the keys of rows that the ledger says have the unit's vectors, and that lack one in Labelbox."""
    entries = ledger.entries(run.owner, unit.keys)
    wanted = _named_vectors(unit)
    written = [
        key
        for key, marks in zip(unit.keys, unit.marks, strict=True)
        if wanted[key] and (entry := entries.get(key)) and entry.embeddings == marks[_EMBEDDINGS]
    ]
    for keys in batched(written, KEYS_PER_EXPORT):
        for row in export_dataset(transport, dataset_id, keys=keys, embeddings=True):
            held = {embedding["name"] for embedding in row.get("embeddings") or () if embedding.get("values")}
            if not wanted[row["data_row"]["global_key"]] <= held:
                yield row["data_row"]["global_key"]


def _named_vectors(unit: UnitRows) -> dict[str, set[str]]:
    """Return the embeddings of which each row of a unit has a vector, by global key."""
    named: dict[str, set[str]] = {key: set() for key in unit.keys}
    for column in unit.table.column_names:
        if column.startswith(EMBEDDING_PREFIX):
            for key, there in zip(unit.keys, unit.table.column(column).is_valid().to_pylist(), strict=True):
                if there:
                    named[key].add(column.removeprefix(EMBEDDING_PREFIX))
    return named


def _read_new(staging: Staging, unit: str) -> dict[str, int]:
    try:
        return dict(staging.read_json(_file(unit)))
    except FileNotFoundError:
        return {}


def _file(unit: str) -> str:
    return f"{unit}.vectors.json"
