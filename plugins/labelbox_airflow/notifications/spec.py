"""Who is told of a run that failed, as a sync file says it under ``alerts``.

Light on purpose: Airflow imports this while it parses DAG files.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from labelbox_airflow.engine.rows.spec import Spec

MAIL_ADDRESS = r"^[^@\s,;<>]+@[^@\s,;<>]+$"

Name = Annotated[str, Field(min_length=1)]
MailAddress = Annotated[str, Field(pattern=MAIL_ADDRESS)]


class SmtpAlertSpec(Spec):
    """A message by mail, through a mail server."""

    to: MailAddress | Annotated[list[MailAddress], Field(min_length=1)] = Field(
        description="An address, or a list of addresses."
    )
    connection: Name = Field("smtp_default", description="Airflow connection of type smtp.")
    from_: MailAddress | None = Field(
        None, alias="from", description="The sender; by default from_email of the connection."
    )

    @property
    def addresses(self) -> list[str]:
        """Whom the message goes to."""
        return [self.to] if isinstance(self.to, str) else list(self.to)


class SlackAlertSpec(Spec):
    """A message into the Slack channel of an incoming webhook."""

    connection: Name = Field("slack_default", description="Airflow connection of type slackwebhook.")


class AlertSpec(Spec):
    """One channel through which messages go: exactly one of the two."""

    smtp: SmtpAlertSpec | None = None
    slack: SlackAlertSpec | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> AlertSpec:
        if (self.smtp is None) == (self.slack is None):
            raise ValueError(f"give exactly one of smtp or slack (given: {'both' if self.smtp else 'none'})")
        return self
