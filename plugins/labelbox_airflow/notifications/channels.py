"""The channels that messages go through: a mail server, an incoming webhook of Slack; by Airflow's own hooks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.notifications.spec import AlertSpec, SlackAlertSpec, SmtpAlertSpec

if TYPE_CHECKING:
    from labelbox_airflow.engine.alerts import Message

# Keeps mail programs from answering that somebody is on holiday.
MAIL_HEADERS = {"Auto-Submitted": "auto-generated"}


class Channel(ABC):
    """One way to tell somebody.

    :param place: where the sync file names it, such as ``alerts.0.smtp``
    :param connection: the Airflow connection
    """

    connection_type: str
    extra: str  # of our package, which installs the provider
    hook_path: tuple[str, str]

    def __init__(self, place: str, connection: str) -> None:
        self.place = place
        self.connection = connection

    @property
    @abstractmethod
    def name(self) -> str:
        """What the ledger remembers it by: the same however the sync file is ordered."""

    @abstractmethod
    def send(self, message: Message) -> None:
        """Send a message."""

    @abstractmethod
    async def asend(self, message: Message) -> None:
        """Send a message from where nothing may block, such as the triggerer."""

    def check_provider(self) -> None:
        """Raise ConfigurationError when Airflow's provider for the channel is not installed."""
        self._hook_class()

    def check(self) -> None:
        """Raise ConfigurationError for what keeps a message from being sent, as far as this can be seen beforehand."""
        self.check_provider()
        try:
            connection = BaseHook.get_connection(self.connection)
        except AirflowNotFoundException:
            raise ConfigurationError(
                f"there is no Airflow connection '{self.connection}'", remedy="Create it, or name another."
            ) from None
        if connection.conn_type != self.connection_type:
            raise ConfigurationError(
                f"the connection '{self.connection}' is of type {connection.conn_type}",
                remedy=f"Name one of type {self.connection_type}.",
            )
        self._check_connection(connection)

    @abstractmethod
    def _check_connection(self, connection: Any) -> None: ...

    def _hook_class(self) -> Any:
        module, name = self.hook_path
        try:
            return getattr(import_module(module), name)
        except ImportError as error:
            raise ConfigurationError(
                f"Airflow's provider for {self.extra} is not installed ({error})",
                where=self.place,
                remedy=f"Install airflow-provider-labelbox[{self.extra}] where Airflow runs.",
            ) from error


class SmtpChannel(Channel):
    """Mail through the server of a connection of type smtp."""

    connection_type = "smtp"
    extra = "smtp"
    hook_path = ("airflow.providers.smtp.hooks.smtp", "SmtpHook")

    def __init__(self, place: str, spec: SmtpAlertSpec) -> None:
        super().__init__(place, spec.connection)
        self._spec = spec

    @property
    def name(self) -> str:
        """Connection and addresses."""
        return f"smtp {self.connection} {' '.join(sorted(self._spec.addresses))}"

    def send(self, message: Message) -> None:
        """Send a mail."""
        with self._hook_class()(smtp_conn_id=self.connection) as server:
            server.send_email_smtp(**self._mail(message))

    async def asend(self, message: Message) -> None:
        """Send a mail."""
        async with self._hook_class()(smtp_conn_id=self.connection) as server:
            await server.asend_email_smtp(**self._mail(message))

    def _mail(self, message: Message) -> dict[str, Any]:
        from labelbox_airflow.engine.alerts.render import as_html

        return {
            "to": self._spec.addresses,
            "from_email": self._spec.from_,
            "subject": message.subject,
            "html_content": as_html(message),
            "custom_headers": MAIL_HEADERS,
        }

    def _check_connection(self, connection: Any) -> None:
        if self._spec.from_ is None and not connection.extra_dejson.get("from_email"):
            raise ConfigurationError(
                f"nobody sends the mail: the connection '{self.connection}' has no from_email",
                remedy="Set it there, or set 'from' here.",
            )
        works, problem = self._hook_class()(smtp_conn_id=self.connection).test_connection()
        if not works:
            raise ConfigurationError(
                f"the mail server of connection '{self.connection}' cannot be used: {problem}",
                remedy="Check its host, port, login, disable_ssl and disable_tls.",
            )


class SlackChannel(Channel):
    """The Slack channel that an incoming webhook was made for."""

    connection_type = "slackwebhook"
    extra = "slack"
    hook_path = ("airflow.providers.slack.hooks.slack_webhook", "SlackWebhookHook")

    def __init__(self, place: str, spec: SlackAlertSpec) -> None:
        super().__init__(place, spec.connection)

    @property
    def name(self) -> str:
        """The connection."""
        return f"slack {self.connection}"

    def send(self, message: Message) -> None:
        """Post to the webhook."""
        self._hook().send(**self._post(message))

    async def asend(self, message: Message) -> None:
        """Post to the webhook."""
        await self._hook().async_send(**self._post(message))

    def _hook(self) -> Any:
        return self._hook_class()(slack_webhook_conn_id=self.connection)

    def _post(self, message: Message) -> dict[str, Any]:
        from labelbox_airflow.engine.alerts.render import as_slack

        return {**as_slack(message), "unfurl_links": False, "unfurl_media": False}

    def _check_connection(self, connection: Any) -> None:
        if not (connection.password or "").strip():
            raise ConfigurationError(
                f"the connection '{self.connection}' has no webhook token", remedy="It is kept as the password."
            )


def channels_of(alerts: Sequence[AlertSpec | Mapping[str, Any]]) -> list[Channel]:
    """Return the channels of what a sync file says under ``alerts``.

    :raises pydantic.ValidationError: it is not of that form
    """
    channels: list[Channel] = []
    for index, given in enumerate(alerts):
        alert = AlertSpec.model_validate(given)
        if alert.smtp is not None:
            channels.append(SmtpChannel(f"alerts.{index}.smtp", alert.smtp))
        if alert.slack is not None:
            channels.append(SlackChannel(f"alerts.{index}.slack", alert.slack))
    return channels
