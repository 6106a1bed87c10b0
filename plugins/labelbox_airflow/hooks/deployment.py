"""Where this deployment keeps its ledger and its staging files."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook, conf
from airflow.sdk.exceptions import AirflowNotFoundException

from labelbox_airflow.engine.errors import ConfigurationError

if TYPE_CHECKING:
    from labelbox_airflow.engine.ledger import Ledger
    from labelbox_airflow.engine.staging import Staging

SECTION = "labelbox"
DEFAULT_LEDGER_CONNECTION = "labelbox_ledger"
_MANY_MACHINES = re.compile(r"Celery|Kubernetes|Ecs|Batch|Edge", re.IGNORECASE)
_UNSAFE_IN_PATHS = re.compile(r"[^A-Za-z0-9._=-]+")


class Deployment:
    """Opens the ledger and the staging directory of a run.

    A sync may name its own; else the Airflow configuration decides: section ``[labelbox]``, options ``ledger`` (a
    SQLAlchemy URL), ``ledger_conn_id`` and ``staging``, as ever also by ``AIRFLOW__LABELBOX__LEDGER`` and so on.

    :param ledger: ``{"url"}`` or ``{"connection"}`` of the sync, or empty
    :param staging: ``{"url", "connection"}`` of the sync, or empty
    """

    def __init__(self, ledger: Mapping[str, str], staging: Mapping[str, str]) -> None:
        self._ledger = ledger
        self._staging = staging

    def open_ledger(self) -> closing[Ledger]:
        """Open the ledger; it closes with the ``with`` block.

        :raises ConfigurationError: no ledger is configured, or a local file where tasks run on many machines
        """
        from labelbox_airflow.engine.ledger import Ledger

        return closing(Ledger(self.ledger_url()))

    def staging_of(self, sync: str, run_id: str) -> Staging:
        """Return the staging directory of one run of a sync.

        :raises ConfigurationError: a local directory where tasks run on many machines
        """
        from airflow.sdk import ObjectStoragePath

        from labelbox_airflow.engine.staging import Staging

        root = self._staging.get("url") or _option("staging")
        if root is None:
            root = (Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "labelbox").absolute().as_uri()
        _refuse_local("staging", root, root.startswith("file:") or "://" not in root)
        path = ObjectStoragePath(root, conn_id=self._staging.get("connection")) / sync / safe_name(run_id)
        return Staging(path.fs, path.path)

    def require_shared_files(self, paths: Sequence[str]) -> None:
        """Check that every task can read the local files that a sync uploads.

        :raises ConfigurationError: tasks run on many machines that have no disk in common
        """
        if _shares_no_disk():
            raise ConfigurationError(
                f"files are uploaded from a local disk ({', '.join(paths)}), but tasks run on many machines",
                where="rows.local_files",
                remedy="Put them into a bucket, or mount the disk at that place on all machines and set "
                "AIRFLOW__LABELBOX__SHARED_FILESYSTEM=True.",
            )

    def require_shared_disk(self, what: str, where: str) -> None:
        """Check that every task can reach what a sync keeps on a local disk.

        :param what: what it is, for the message
        :raises ConfigurationError: tasks run on many machines that have no disk in common
        """
        if _shares_no_disk():
            raise ConfigurationError(
                f"{what} is on a local disk, but tasks run on many machines",
                where=where,
                remedy="Use one behind a connection, or mount the disk at that place on all machines and set "
                "AIRFLOW__LABELBOX__SHARED_FILESYSTEM=True.",
            )

    def keep_from(self) -> datetime:
        """Return the moment before which finished runs need not be kept: option ``keep_days``, 30 by default."""
        return datetime.now(UTC) - timedelta(days=conf.getint(SECTION, "keep_days", fallback=30))

    def ledger_url(self) -> str:
        """Return the SQLAlchemy URL of the ledger, with its password.

        :raises ConfigurationError: no ledger is configured, or a local file where tasks run on many machines
        """
        url, connection = self._ledger_place()
        if url is None:
            try:
                url = _sqlalchemy_url(BaseHook.get_connection(connection).get_uri())
            except AirflowNotFoundException:
                raise _no_ledger(connection) from None
        _refuse_local("ledger", url, url.startswith("sqlite"))
        return url

    async def aledger_url(self) -> str:
        """Return what :meth:`ledger_url` does, for the triggerer, where a connection is awaited."""
        url, connection = self._ledger_place()
        if url is None:
            try:
                url = _sqlalchemy_url((await BaseHook.aget_connection(connection)).get_uri())
            except AirflowNotFoundException:
                raise _no_ledger(connection) from None
        _refuse_local("ledger", url, url.startswith("sqlite"))
        return url

    def _ledger_place(self) -> tuple[str | None, str]:
        """Return the URL of the ledger, or None and the Airflow connection that holds it."""
        url = self._ledger.get("url") or (None if self._ledger.get("connection") else _option("ledger"))
        return url, self._ledger.get("connection") or _option("ledger_conn_id") or DEFAULT_LEDGER_CONNECTION


def _sqlalchemy_url(uri: str) -> str:
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg2://", uri)


def _no_ledger(connection: str) -> ConfigurationError:
    return ConfigurationError(
        f"no ledger is configured, and there is no connection '{connection}'",
        remedy="Make that connection (Postgres), or set AIRFLOW__LABELBOX__LEDGER to a SQLAlchemy URL.",
    )


def safe_name(run_id: str) -> str:
    """Return a run id as a directory name."""
    return _UNSAFE_IN_PATHS.sub("_", run_id)


def _option(name: str) -> str | None:
    return conf.get(SECTION, name, fallback=None) or None


def _shares_no_disk() -> bool:
    """Tell whether tasks run on several machines that have no disk in common."""
    many = _MANY_MACHINES.search(conf.get("core", "executor", fallback=""))
    return bool(many) and not conf.getboolean(SECTION, "shared_filesystem", fallback=False)


def _refuse_local(what: str, location: str, is_local: bool) -> None:
    if not is_local or not _shares_no_disk():
        return
    raise ConfigurationError(
        f"the {what} is on a local disk ({location}), but tasks run on many machines",
        remedy=f"Use a database connection for the ledger and object storage for staging (AIRFLOW__LABELBOX__"
        f"{what.upper()}); if all machines share that disk, set AIRFLOW__LABELBOX__SHARED_FILESYSTEM=True (not for "
        "SQLite on a network drive).",
    )
