"""Local files that a sync uploads: what ``rows.local_files`` stands for, and whether it can be meant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from labelbox_airflow.engine.globs import fixed_folder, is_glob
from labelbox_airflow.engine.rows.spec import ValueSpec
from labelbox_airflow.engine.window import any_date
from labelbox_airflow.sources.location import absolute_uri
from labelbox_airflow.sources.objects import ObjectSourceSpec
from labelbox_airflow.syncs.columns import Problem

if TYPE_CHECKING:
    from labelbox_airflow.engine.rows.spec import LocalFilesSpec
    from labelbox_airflow.syncs.spec import SyncSpec

PLACE = "rows.local_files"


def upload_paths(wanted: LocalFilesSpec, spec: SyncSpec, base: Path) -> list[str]:
    """Return the folders, files and globs that may be uploaded, as absolute paths.

    :param base: directory that relative paths are relative to
    """
    given = wanted.upload if wanted.upload is not None else _listed(spec)
    return [absolute_uri(path, base) for path in given]


def local_file_problems(spec: SyncSpec) -> Iterator[Problem]:
    """Yield what does not fit together in ``rows.local_files``."""
    wanted = spec.mapping.local_files
    if wanted is None:
        return
    if not isinstance(spec.mapping.row_data, ValueSpec):
        yield Problem(PLACE, "goes with a row_data that is a single value: the path of the file")
    if wanted.upload is None and not _listed(spec):
        yield Problem(
            PLACE, "no source of type objects lists local files; name a folder: local_files: {upload: /data/photos}"
        )
    if wanted.upload == ():
        yield Problem(f"{PLACE}.upload", "is empty; name a folder, or leave local_files out")
    for path in wanted.upload or ():
        if not _is_local(path):
            yield Problem(f"{PLACE}.upload", f"'{path}' is no path on a local disk")


def missing_upload_folders(spec: SyncSpec, base: Path) -> Iterator[Problem]:
    """Yield the folders of ``rows.local_files`` that this machine does not have."""
    wanted = spec.mapping.local_files
    if wanted is None:
        return
    for path in upload_paths(wanted, spec, base):
        folder = Path(fixed_folder(path) if is_glob(path) or wanted.upload is None else path)
        if not folder.exists():
            yield Problem(PLACE, f"there is no {folder} on this machine")


def _listed(spec: SyncSpec) -> list[str]:
    """Return what the sources of type objects list on a local disk, dates as globs."""
    listing = [source for source in spec.sources.values() if isinstance(source, ObjectSourceSpec)]
    return [any_date(source.uri) for source in listing if _is_local(source.uri)]


def _is_local(uri: str) -> bool:
    return "://" not in uri or uri.startswith("file://")
