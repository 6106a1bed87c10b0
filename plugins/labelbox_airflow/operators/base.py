"""What the Labelbox operators share: the connection, and errors that a retry cannot mend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, wraps
from typing import Any, TypeVar

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
    AirflowTaskTimeout,
)

from labelbox_airflow.engine.errors import (
    ConfigurationError,
    CountMismatchError,
    GuardError,
    IncompleteRunError,
    LabelboxAuthenticationError,
    SourceError,
    SourceUnavailableError,
)
from labelbox_airflow.hooks.deployment import Deployment
from labelbox_airflow.hooks.labelbox import LabelboxHook
from labelbox_airflow.notifications.context import note_failure

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
    """Let a task fail at once, with the message alone, where a retry would meet the same error.

    However it fails, the error is left for the report of the run, which tells people of it.
    """

    @wraps(method)
    def guarded(operator: LabelboxOperator, context: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return method(operator, context, *args, **kwargs)
        except (AirflowSkipException, AirflowRescheduleException):
            raise
        except (Exception, AirflowTaskTimeout) as error:
            note_failure(context, error)
            if isinstance(error, FINAL) and not isinstance(error, PASSING):
                raise AirflowFailException(str(error)) from error
            raise

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
