"""Development services as child processes on 127.0.0.1: stores (S3, Google, Azure), the local Labelbox, Postgres.

Each service is a context manager. It chooses free ports, keeps its data, keys and log in the directory it is given,
waits until it answers, and is gone when the block ends, however it ends: even a parent that is killed takes its
services along.

    with ObjectStore(scratch / "s3") as store, LocalLabelbox(scratch / "labelbox") as labelbox:
        store.create_bucket("receipts")
        os.environ["AIRFLOW_CONN_AWS_DEFAULT"] = store.airflow_connection()
        os.environ["AIRFLOW_CONN_LABELBOX_DEFAULT"] = labelbox.airflow_connection()
"""

from __future__ import annotations

from labelbox_local.azure_store import AzureStore
from labelbox_local.children import ChildProcess, interruptible
from labelbox_local.google_store import GoogleStore
from labelbox_local.labelbox_service import LocalLabelbox
from labelbox_local.object_store import ObjectStore
from labelbox_local.postgres import Postgres
from labelbox_local.service import Service, ServiceError

__all__ = [
    "AzureStore",
    "ChildProcess",
    "GoogleStore",
    "LocalLabelbox",
    "ObjectStore",
    "Postgres",
    "Service",
    "ServiceError",
    "interruptible",
]
