"""Folders and files that exports are written to, behind Airflow connections."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labelbox_airflow.sources.location import absolute_uri

if TYPE_CHECKING:
    from labelbox_airflow.engine.exports.files.target import Target


def open_target(uri: str, connection: str | None, base: Path | None = None) -> Target:
    """Return the folder or file at ``uri``; nothing is written yet, but the bucket is looked for.

    :param uri: ``s3://…``, ``gs://…``, ``abfs://…``, ``file://…`` or a path
    :param connection: the cloud's own default credentials when None
    :param base: what a relative path is relative to; the working directory when None
    :raises ConfigurationError: for another scheme, a connection or bucket that does not exist, or refused credentials
    :raises SourceUnavailableError: the storage does not answer
    """
    from labelbox_airflow.engine.exports.files.target import Target, local_target
    from labelbox_airflow.sources.storage import open_storage

    place = absolute_uri(uri, base).rstrip("/")
    if "://" not in place:
        return local_target(place)
    storage = open_storage(place, connection)
    with storage.writing(place):
        bucket = storage.path_of(place).partition("/")[0]
        if storage.info(bucket) is None:  # some stores would make it
            raise FileNotFoundError(bucket)
    return Target(storage.file_system, storage.path_of(place), place, storage.writing)
