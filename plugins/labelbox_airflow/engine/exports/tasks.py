"""Export tasks: start one, stop one; the rest is as for other tasks."""

from __future__ import annotations

import re

from labelbox_airflow.engine.errors import LabelboxError, LabelboxUnavailableError
from labelbox_airflow.engine.exports.request import WireExport
from labelbox_airflow.engine.transport import Transport

# Labelbox runs 10 exports of a project and 20 of an organization at a time (docs.labelbox.com/docs/limits). How it
# refuses one more is not documented, so any words of that kind are taken for it.
_AT_ONCE = re.compile(r"exports?\b.*\b(running|in progress|at once|limit)|too many|concurrent", re.IGNORECASE)
_CANCEL = "mutation CancelTaskPyApi($id: ID!) { cancelBulkOperationJob(id: $id) { success } }"


class TooManyExportsError(LabelboxUnavailableError):
    """As many exports run as Labelbox lets run at one time; the same request succeeds once one of them has ended."""


def start(transport: Transport, export: WireExport, name: str) -> str:
    """Start an export and return the id of its task. One whose answer is lost does no harm: exports only read.

    :param name: what the task is called in Labelbox
    :raises TooManyExportsError: when as many exports run as may
    """
    kind = export.mutation[0].upper() + export.mutation[1:]
    query = (
        f"mutation {export.mutation}PyApi($input: {kind}Input!) "
        f"{{ {export.mutation}(input: $input) {{ taskId isStreamable }} }}"
    )
    try:
        started = transport.execute(query, {"input": {"taskName": name, **export.input}})
    except LabelboxUnavailableError:
        raise
    except LabelboxError as error:
        if not _AT_ONCE.search(error.message):
            raise
        raise TooManyExportsError(
            error.message, where=error.where, remedy="It can start when another export has ended."
        ) from error
    if started is None:
        raise LabelboxError(
            f"Labelbox does not find what is to be exported ({name})", remedy="Was it deleted just now?"
        )
    return str(started[export.mutation]["taskId"])


def cancel(transport: Transport, task_id: str) -> None:
    """Stop an export that runs.

    :raises LabelboxError: it has ended, or cannot be stopped
    """
    transport.execute(_CANCEL, {"id": task_id})
