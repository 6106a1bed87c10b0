"""Writing record batches to files: a release of a folder, or a single file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import pyarrow as pa

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.exports.files.formats import FileFormat, format_of
from labelbox_airflow.engine.exports.files.manifest import Manifest, Provenance
from labelbox_airflow.engine.exports.files.options import FileOptions
from labelbox_airflow.engine.exports.files.output import replacing
from labelbox_airflow.engine.exports.files.part import Part
from labelbox_airflow.engine.exports.files.partitions import Parts
from labelbox_airflow.engine.exports.files.release import begin_release, beside_file, complete_release, new_release
from labelbox_airflow.engine.exports.files.target import Target

_DEFAULT = FileOptions()


def write_files(
    target: Target,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    *,
    format: FileFormat | None = None,  # noqa: A002
    partition_by: Sequence[str] = (),
    options: FileOptions = _DEFAULT,
    release: str | None = None,
    provenance: Provenance = Provenance(),  # noqa: B008
) -> Manifest:
    """Write all batches and return the manifest; see the package for where the files are, and when others see them.

    Memory does not grow with the number of rows. No rows make one file with the schema, with partitions none.

    :param target: a file when its name ends as one of `formats.SUFFIXES`, otherwise a folder
    :param schema: of all batches
    :param format: what the name of the file says when None
    :param partition_by: columns whose values become folders; they are not in the files
    :param release: the name of the folder's new release; one with the time in it when None
    :raises ConfigurationError: target, format and partitions do not fit, or nothing can be written there
    :raises DataIOError: the storage failed, or the format cannot hold the rows
    """
    named = format_of(target.name)
    _check(target, named, format, partition_by, release, schema)
    created = datetime.now(UTC)
    if named is not None:
        options = options.model_copy(update={"gzip": options.gzip or target.name.lower().endswith(".gz")})
        return _write_file(target, schema, batches, named, options, created, provenance)
    if format is None:
        raise ConfigurationError("a folder does not tell the format", where=target.place, remedy="Set format.")
    name = release or new_release(created)
    place = begin_release(target, name)
    parts = Parts(place, schema, format, options, tuple(partition_by))
    files = parts.write_all(batches)
    manifest = Manifest(name, format, schema, files, tuple(partition_by), created, provenance)
    complete_release(target, manifest)
    return manifest


def _write_file(
    target: Target,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    format_: FileFormat,
    options: FileOptions,
    created: datetime,
    provenance: Provenance,
) -> Manifest:
    part = Part(target, target.name, schema, format_, options, {})
    try:
        for batch in batches:
            part.write(batch)
        file = part.finish()
    except BaseException:
        part.discard()
        raise
    manifest = Manifest(target.name, format_, schema, (file,), (), created, provenance)
    with replacing(beside_file(target)) as beside:
        beside.write(manifest.to_json())
    return manifest


def _check(
    target: Target,
    named: FileFormat | None,
    format_: FileFormat | None,
    partition_by: Sequence[str],
    release: str | None,
    schema: pa.Schema,
) -> None:
    if named is not None and format_ not in {None, named}:
        raise ConfigurationError(
            f"the name says {named}, format says {format_}", where=target.place, remedy="Correct one of them."
        )
    if named is not None and (partition_by or release):
        what = "partitions" if partition_by else "releases"
        raise ConfigurationError(
            f"one file has no {what}", where=target.place, remedy="Name a folder, without the file's ending."
        )
    for column in partition_by:
        _check_partition(column, schema, target)


def _check_partition(column: str, schema: pa.Schema, target: Target) -> None:
    if column not in schema.names:
        raise ConfigurationError(
            f"partition_by names '{column}', which is no column",
            where=target.place,
            remedy=f"Columns: {', '.join(schema.names)}.",
        )
    if pa.types.is_nested(schema.field(column).type):
        raise ConfigurationError(
            f"'{column}' holds lists or structs, which cannot name folders",
            where=target.place,
            remedy="Partition by another column.",
        )
