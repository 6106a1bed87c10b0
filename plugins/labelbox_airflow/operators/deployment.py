"""Where this deployment keeps its ledger and its staging files."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
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

        url = self._ledger_url()
        _refuse_local("ledger", url, url.startswith("sqlite"))
        return closing(Ledger(url))

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

    def keep_from(self) -> datetime:
        """Return the moment before which finished runs need not be kept: option ``keep_days``, 30 by default."""
        return datetime.now(UTC) - timedelta(days=conf.getint(SECTION, "keep_days", fallback=30))

    def _ledger_url(self) -> str:
        url = self._ledger.get("url") or (None if self._ledger.get("connection") else _option("ledger"))
        if url:
            return url
        connection = self._ledger.get("connection") or _option("ledger_conn_id") or DEFAULT_LEDGER_CONNECTION
        try:
            uri = BaseHook.get_connection(connection).get_uri()
        except AirflowNotFoundException:
            raise ConfigurationError(
                f"no ledger is configured, and there is no connection '{connection}'",
                remedy="Make that connection (Postgres), or set AIRFLOW__LABELBOX__LEDGER to a SQLAlchemy URL.",
            ) from None
        return re.sub(r"^postgres(ql)?://", "postgresql+psycopg2://", uri)


def safe_name(run_id: str) -> str:
    """Return a run id as a directory name."""
    return _UNSAFE_IN_PATHS.sub("_", run_id)


def _option(name: str) -> str | None:
    return conf.get(SECTION, name, fallback=None) or None


def _refuse_local(what: str, location: str, is_local: bool) -> None:
    if not is_local or not _MANY_MACHINES.search(conf.get("core", "executor", fallback="")):
        return
    if conf.getboolean(SECTION, "shared_filesystem", fallback=False):
        return
    raise ConfigurationError(
        f"the {what} is on a local disk ({location}), but tasks run on many machines",
        remedy=f"Use a database connection for the ledger and object storage for staging (AIRFLOW__LABELBOX__"
        f"{what.upper()}); if all machines share that disk, set AIRFLOW__LABELBOX__SHARED_FILESYSTEM=True (not for "
        "SQLite on a network drive).",
    )
