"""Labels: who made them, and taking them away."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labelbox_airflow.engine.errors import LabelboxError
from labelbox_airflow.engine.transport import Transport

LABELS_A_CALL = 100
_ID = re.compile(r"[A-Za-z0-9_-]+")
_USER = "query GetUserPyApi { user { id email } }"


def own_email(transport: Transport) -> str:
    """Return the mail address of the API key's user, by which exports name the maker of a label."""
    user = (transport.execute(_USER) or {}).get("user") or {}
    if not user.get("email"):
        raise LabelboxError("Labelbox does not say whose API key this is")
    return str(user["email"])


def delete_labels(transport: Transport, ids: Sequence[str]) -> None:
    """Delete labels; those that are gone already are passed over."""
    for start in range(0, len(ids), LABELS_A_CALL):
        some = ids[start : start + LABELS_A_CALL]
        if wrong := [each for each in some if not _ID.fullmatch(each)]:
            raise LabelboxError(f"'{wrong[0]}' is no id of a label")
        listed = ", ".join(f'"{each}"' for each in some)  # the operation takes no variables (SDK orm/query.py)
        transport.execute(f"mutation deleteLabelsPyApi {{ deleteLabels(labelIds: [{listed}]) {{ id }} }}")
