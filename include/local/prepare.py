"""Brings the database of the local Airflow up to date: tables, pool, connections. Runs in Airflow's environment.

The connections that are wanted are in ``connections.json`` of Airflow's home. One that a user has changed since it was
last written here is left as it is, and a line on standard output says so.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from include.local.settings import POOL, POOL_SLOTS

from labelbox_local.service import write_private

FIELDS = ("conn_type", "host", "login", "password", "schema", "port")


def main() -> None:
    """Do it."""
    from airflow.models.pool import Pool
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session

    initdb()
    home = Path(os.environ["AIRFLOW_HOME"])
    wanted = json.loads((home / "connections.json").read_text())
    written_file = home / "connections-written.json"
    written = json.loads(written_file.read_text()) if written_file.exists() else {}
    with create_session() as session:
        if Pool.get_pool(POOL, session=session) is None:
            Pool.create_or_update_pool(
                POOL, POOL_SLOTS, "Uploads to Labelbox at a time", include_deferred=True, session=session
            )
        for name, values in wanted.items():
            _write_connection(session, name, values, written.get(name))
    write_private(written_file, json.dumps(wanted))


def _write_connection(session: Any, name: str, wanted: dict[str, Any], written: dict[str, Any] | None) -> None:
    from airflow.models.connection import Connection
    from sqlalchemy import select

    connection = session.scalar(select(Connection).where(Connection.conn_id == name))
    if connection is None:
        connection = Connection(conn_id=name)
        session.add(connection)
    elif written is not None and _values(connection) not in (
        _values(_connection(written)),
        _values(_connection(wanted)),
    ):
        print(f"The connection {name} is left as you changed it.", flush=True)
        return
    values = _connection(wanted)
    for field in FIELDS:
        setattr(connection, field, getattr(values, field))
    connection.set_extra(values.extra)
    connection.description = "Set by `make up` as long as nobody changes it."


def _connection(values: dict[str, Any]) -> Any:
    from airflow.models.connection import Connection

    return Connection(**{field: values.get(field) for field in FIELDS}, extra=values.get("extra"))


def _values(connection: Any) -> dict[str, Any]:
    # The form stores empty fields as empty text or leaves them out.
    values = {field: getattr(connection, field) or None for field in FIELDS}
    extra = {key: value for key, value in connection.extra_dejson.items() if value not in (None, "")}
    return values | {"extra": extra}


if __name__ == "__main__":
    main()
