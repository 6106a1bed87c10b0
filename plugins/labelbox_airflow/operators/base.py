"""What the Labelbox operators share: the connection, and errors that a retry cannot mend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, wraps
from typing import Any, TypeVar

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from labelbox_airflow.engine.errors import (
    ConfigurationError,
    CountMismatchError,
    GuardError,
    IncompleteRunError,
    LabelboxAuthenticationError,
    SourceError,
    SourceUnavailableError,
)
from labelbox_airflow.hooks.labelbox import LabelboxHook
from labelbox_airflow.operators.deployment import Deployment

# A retry meets the same configuration, the same key and the same rows.
FINAL = (
    ConfigurationError,
    CountMismatchError,
    GuardError,
    IncompleteRunError,
    LabelboxAuthenticationError,
    SourceError,
)
PASSING = (SourceUnavailableError,)

Method = TypeVar("Method", bound=Callable[..., Any])


def without_vain_retries(method: Method) -> Method:
    """Let a task fail at once, with the message alone, where a retry would meet the same error."""

    @wraps(method)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except PASSING:
            raise
        except FINAL as error:
            raise AirflowFailException(str(error)) from error

    return guarded  # type: ignore[return-value]


class LabelboxOperator(BaseOperator):  # type: ignore[misc]
    """Base of the operators.

    :param sync: name of the sync: ledger, staging and watermark go by it
    :param labelbox_conn_id: the Airflow connection to Labelbox
    :param ledger: URL or connection of the ledger, when not where the deployment keeps it
    :param staging: location for mapped rows, when not where the deployment keeps them
    """

    template_fields: Sequence[str] = ("sync", "labelbox_conn_id")
    ui_color = "#e8f0fe"

    def __init__(
        self,
        *,
        sync: str,
        labelbox_conn_id: str = LabelboxHook.default_conn_name,
        ledger: dict[str, str] | None = None,
        staging: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sync = sync
        self.labelbox_conn_id = labelbox_conn_id
        self.ledger = ledger
        self.staging = staging

    @cached_property
    def _hook(self) -> LabelboxHook:
        return LabelboxHook(self.labelbox_conn_id)

    @cached_property
    def _deployment(self) -> Deployment:
        return Deployment(self.ledger or {}, self.staging or {})
