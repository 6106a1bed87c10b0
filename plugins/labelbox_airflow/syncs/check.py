"""Does the world hold what a sync names: connections, dataset, integration, fields, embeddings, pool, objects?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from labelbox_airflow.engine.errors import ConfigurationError, DataIOError, did_you_mean
from labelbox_airflow.syncs.columns import Problem
from labelbox_airflow.syncs.local_files import missing_upload_folders

if TYPE_CHECKING:
    from labelbox_airflow.engine.transport import Transport
    from labelbox_airflow.syncs.load import Sync
    from labelbox_airflow.syncs.spec import SyncSpec


def connected_problems(sync: Sync) -> list[str]:
    """Return what keeps ``sync`` from running here, one sentence each; nothing is written anywhere.

    Needs the Airflow connections of the sync, and Airflow's database where the sync names a pool.
    """
    problems: list[Problem] = []
    _labelbox_problems(sync.spec, problems)
    _airflow_problems(sync.spec, problems)
    _source_problems(sync, problems)
    _alert_problems(sync.spec, problems)
    return [f"{sync.path}: {problem.path}: {problem.message}" for problem in problems]


@contextmanager
def _noted(path: str, problems: list[Problem]) -> Iterator[None]:
    """Note an error of ours as a problem at its own place in the sync file, else at ``path``."""
    try:
        yield
    except DataIOError as error:
        places = ("labelbox.", "rows.", "attach.", "project.", "alerts.")
        if error.where is not None and error.where.startswith(places):
            said = ConfigurationError(error.message, remedy=error.remedy)
            problems.append(Problem(error.where, str(said)))
        else:
            problems.append(Problem(path, str(error)))


def _labelbox_problems(spec: SyncSpec, problems: list[Problem]) -> None:
    from labelbox_airflow.engine.api.datasets import organization_id
    from labelbox_airflow.hooks.labelbox import LabelboxHook

    before = len(problems)
    with _noted("labelbox.connection", problems):
        transport = LabelboxHook(spec.labelbox.connection).transport()
        organization_id(transport)
    if len(problems) > before:
        return
    checks: tuple[tuple[str, Callable[[Transport, SyncSpec], None]], ...] = (
        ("labelbox.dataset", _check_dataset),
        ("labelbox.dataset.delegated_access", _check_integration),
        (f"{spec.mapping.place if spec.has_rows else ''}.embeddings", _check_embeddings),
        ("project", _check_project),
    )
    for path, check in checks if spec.has_rows else checks[-1:]:
        with _noted(path, problems):
            check(transport, spec)
    if not spec.has_rows:
        return
    with _noted(f"{spec.mapping.place}.metadata", problems):
        problems.extend(_metadata_problems(transport, spec))


def _check_dataset(transport: Transport, spec: SyncSpec) -> None:
    from labelbox_airflow.engine.api.datasets import find_dataset

    dataset = spec.dataset
    if find_dataset(transport, id=dataset.id, name=dataset.name) is not None:
        return
    if dataset.id is not None:
        raise ConfigurationError(f"there is no dataset with id '{dataset.id}'", where="labelbox.dataset.id")
    if not dataset.create or not spec.mapping.creates:
        raise ConfigurationError(
            f"there is no dataset '{dataset.name}'",
            where="labelbox.dataset.name",
            remedy="Create it in Labelbox, or set create: true."
            if spec.mapping.creates
            else "A sync that attaches makes none: load its rows first.",
        )


def _check_integration(transport: Transport, spec: SyncSpec) -> None:
    from labelbox_airflow.engine.api.datasets import find_integration

    if spec.dataset.delegated_access is not None:
        find_integration(transport, spec.dataset.delegated_access)


def _check_embeddings(transport: Transport, spec: SyncSpec) -> None:
    from labelbox_airflow.engine.api.embeddings import embedding_ids

    mapping = spec.mapping
    embedding_ids(transport, mapping.embeddings, create=False, missing_ok=True, place=mapping.place)


def _check_project(transport: Transport, spec: SyncSpec) -> None:
    from labelbox_airflow.engine.project.ensure import ensure_project

    if spec.project is not None:
        ensure_project(transport, spec.project, None, media_type=_media_type(spec), write=False)


def _media_type(spec: SyncSpec) -> str | None:
    return spec.mapping.media_type if spec.has_rows else None


def _metadata_problems(transport: Transport, spec: SyncSpec) -> Iterator[Problem]:
    from labelbox_airflow.engine.metadata_schema import read_metadata_schema

    if not spec.mapping.metadata:
        return
    schema = read_metadata_schema(transport)
    for name, wanted in spec.mapping.metadata.items():
        path, held = f"{spec.mapping.place}.metadata.{name}", schema.get(name)
        if held is None and wanted.new_field == "fail":
            yield Problem(
                path, f"Labelbox has no metadata field '{name}'. {did_you_mean(name, schema)} Or set new_field: add."
            )
        elif held is None and wanted.kind is None:
            yield Problem(
                f"{path}.kind", f"is missing: Labelbox has no field '{name}' yet, and adding it needs its kind."
            )
        elif held is not None and wanted.kind not in {None, held.kind}:
            yield Problem(f"{path}.kind", f"'{wanted.kind}' is not what Labelbox has: '{name}' is of kind {held.kind}.")


def _airflow_problems(spec: SyncSpec, problems: list[Problem]) -> None:
    for path, connection in (
        ("ledger.connection", spec.ledger and spec.ledger.connection),
        ("staging.connection", spec.staging and spec.staging.connection),
    ):
        if connection and not _connection_exists(connection):
            problems.append(
                Problem(path, f"there is no Airflow connection '{connection}'. Create it, or name another.")
            )
    if spec.pool is not None and not _pool_exists(spec.pool):
        # A task of a pool that does not exist is never scheduled, and says nothing.
        problems.append(
            Problem(
                "pool", f"there is no Airflow pool '{spec.pool}'. Create it: airflow pools set {spec.pool} 4 Labelbox"
            )
        )


def _connection_exists(name: str) -> bool:
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return False
    return True


def _pool_exists(name: str) -> bool:
    from airflow.models.pool import Pool

    return Pool.get_pool(name) is not None


def _source_problems(sync: Sync, problems: list[Problem]) -> None:
    from labelbox_airflow.sources.annotations import AnnotationFiles, AnnotationFilesSpec
    from labelbox_airflow.sources.inputs import open_source

    base = sync.path.parent
    for name, source in sync.spec.sources.items():
        with _noted(f"sources.{name}", problems):
            if isinstance(source, AnnotationFilesSpec):
                AnnotationFiles(source, base).check()
            else:
                open_source(source, base).check()
    if sync.spec.has_rows:
        problems.extend(missing_upload_folders(sync.spec, base))


def _alert_problems(spec: SyncSpec, problems: list[Problem]) -> None:
    from labelbox_airflow.notifications.channels import channels_of

    for channel in channels_of(spec.alerts):
        with _noted(channel.place, problems):
            channel.check()
