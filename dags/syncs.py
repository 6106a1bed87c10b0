"""Every sync file as a DAG. Sync files are in ``include/syncs``, or where ``LABELBOX_SYNCS_DIR`` says."""

from pathlib import Path

from airflow.sdk import get_parsing_context

from labelbox_airflow.syncs.dag import build_dags
from labelbox_airflow.syncs.load import sync_directory

DIRECTORY = sync_directory(Path(__file__).parent.parent / "include" / "syncs")

globals().update(build_dags(DIRECTORY, wanted=get_parsing_context().dag_id))
