"""A load on its way: temporary tables of its rows, of the pairs they are of, and of the pairs there still are."""

from __future__ import annotations

from contextlib import closing

import pyarrow as pa

from labelbox_airflow.engine.exports.merge.bookkeeping import NOW
from labelbox_airflow.engine.exports.merge.database import SqlDatabase
from labelbox_airflow.engine.exports.merge.digests import EVERYWHERE, PAIRS, Digests
from labelbox_airflow.engine.exports.merge.load import Load
from labelbox_airflow.engine.exports.records.arrow import TEXT, WHOLE
from labelbox_airflow.engine.exports.records.record_set import Records

ROWS, ALL_PAIRS, LIVING, PROJECTS = "_load_rows", "_load_all_pairs", "_load_living", "_load_projects"
LATEST, CHANGED, VANISHED, KNOWN = "_load_pairs", "_load_changed", "_load_vanished", "_load_known"
_EVERY = (NOW, ROWS, ALL_PAIRS, LIVING, PROJECTS, LATEST, CHANGED, VANISHED, KNOWN)
_PROJECTS = pa.schema([("project_id", TEXT)])
_KEYS = pa.schema([*_PROJECTS, ("data_row_id", TEXT)])
_PAIR = [*_KEYS, pa.field("part", WHOLE)]


def staged_name(index: int) -> str:
    """Return what a column of the load is called among the staged rows, where any name will do."""
    return f"column_{index}"


def stage(database: SqlDatabase, load: Load) -> None:
    """Put a load into temporary tables, batch by batch.

    ``part`` is the number of a batch: of a data row that is in several, the last one counts.
    """
    columns = [pa.field(staged_name(index), each.type) for index, each in enumerate(load.schema)]
    schema = pa.schema([*columns, *_PAIR])
    for name, made in ((ROWS, schema), (ALL_PAIRS, PAIRS), (LIVING, _KEYS), (PROJECTS, _PROJECTS)):
        database.make_temporary(name, made)
    if load.projects:
        database.fill(PROJECTS, pa.record_batch([pa.array(load.projects, TEXT)], schema=_PROJECTS))
    with closing(Digests()) as digests:
        for part, records in enumerate(load.batches):
            database.fill(ROWS, _with_pairs(records, part, schema))
            database.fill(ALL_PAIRS, digests.of(records, part))
    for keys in load.keys or ():
        database.fill(LIVING, _living(keys, everywhere=load.projects is None))


def drop(database: SqlDatabase) -> None:
    """Remove the temporary tables of a load."""
    for name in _EVERY:
        database.run(f"DROP TABLE IF EXISTS {database.temp(name)}")


def _with_pairs(records: Records, part: int, schema: pa.Schema) -> pa.RecordBatch:
    batch = records.batch
    projects = _everywhere(batch.num_rows) if records.projects is None else batch.column("project_id")
    parts = pa.repeat(pa.scalar(part, WHOLE), batch.num_rows)
    columns = [*batch.columns, projects, batch.column("data_row_id"), parts]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _living(keys: pa.RecordBatch, *, everywhere: bool) -> pa.RecordBatch:
    projects = _everywhere(keys.num_rows) if everywhere else keys.column("project_id").cast(TEXT)
    return pa.RecordBatch.from_arrays([projects, keys.column("data_row_id").cast(TEXT)], schema=_KEYS)


def _everywhere(count: int) -> pa.Array:
    return pa.repeat(pa.scalar(EVERYWHERE, TEXT), count)
