"""Every sync file as a DAG. Sync files are in ``include/syncs``, or where ``LABELBOX_SYNCS_DIR`` says."""

from pathlib import Path

from airflow.sdk import get_parsing_context

from labelbox_airflow.syncs.dag import ERROR_TASK, build_dags
from labelbox_airflow.syncs.load import sync_directory

DIRECTORY = sync_directory(Path(__file__).parent.parent / "include" / "syncs")

# A task about to run needs its own DAG alone, but that two syncs contradict each other shows only in both.
CONTEXT = get_parsing_context()
WANTED = None if CONTEXT.task_id == ERROR_TASK else CONTEXT.dag_id

globals().update(build_dags(DIRECTORY, WANTED))
