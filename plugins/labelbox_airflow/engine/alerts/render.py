"""A message in the form of its channel: plain text, HTML for mail, blocks for Slack."""

from __future__ import annotations

from html import escape
from typing import Any

from labelbox_airflow.engine.alerts.message import Link, Message

SLACK_TEXT_CHARACTERS = 3000  # docs.slack.dev/reference/block-kit/blocks/section-block
SLACK_HEADER_CHARACTERS = 150
_OPENABLE = ("https://", "http://")


def as_text(message: Message) -> str:
    """Return the message as plain text."""
    lines = [*message.lead, ""]
    width = max(len(name) for name, _ in message.facts)
    lines += [f"{name:<{width}}  {value}" for name, value in message.facts]
    for section in message.sections:
        lines += ["", section.title]
        lines += [f"  {line}" + (f" ({url})" if url else "") for line, url in section.lines]
    lines += ["", *(f"{link.label}: {link.url}" for link in message.links)]
    if message.closing:
        lines += ["", message.closing]
    return "\n".join(lines)


def as_html(message: Message) -> str:
    """Return the message as the HTML of a mail."""
    parts = [f"<p>{'<br>'.join(escape(line) for line in message.lead)}</p>", "<table>"]
    parts += [
        f'<tr><th align="left" valign="top">{escape(name)}</th><td>{escape(value)}</td></tr>'
        for name, value in message.facts
    ]
    parts.append("</table>")
    for section in message.sections:
        items = "".join(
            f"<li>{escape(line)}{_html_link(Link('log', url)) if url else ''}</li>" for line, url in section.lines
        )
        parts.append(f"<p><b>{escape(section.title)}</b></p><ul>{items}</ul>")
    if message.links:
        parts.append(
            "<p>"
            + "<br>".join(f"{escape(link.label)}:{_html_link(link, shown=link.url)}" for link in message.links)
            + "</p>"
        )
    if message.closing:
        parts.append(f"<p>{escape(message.closing)}</p>")
    return "\n".join(parts)


def as_slack(message: Message) -> dict[str, Any]:
    """Return the ``text`` (for notifications of the device) and ``blocks`` of a Slack message."""
    facts = "\n".join(f"*{_mrkdwn(name)}*  {_mrkdwn(value)}" for name, value in message.facts)
    texts = ["\n".join(map(_mrkdwn, message.lead)), facts]
    for section in message.sections:
        lines = (f"• {_mrkdwn(line)}" + (f" (<{url}|log>)" if url else "") for line, url in section.lines)
        texts.append("\n".join([f"*{_mrkdwn(section.title)}*", *lines]))
    if message.links:
        texts.append("\n".join(map(_slack_link, message.links)))
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": message.subject[:SLACK_HEADER_CHARACTERS]}}
    ]
    blocks += [{"type": "section", "text": {"type": "mrkdwn", "text": _whole_lines(text)}} for text in texts]
    if message.closing:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": _mrkdwn(message.closing)}]})
    return {"text": _mrkdwn(message.subject), "blocks": blocks}


def _html_link(link: Link, shown: str | None = None) -> str:
    if not link.url.startswith(_OPENABLE):
        return f" {escape(link.url)}"
    return f' <a href="{escape(link.url)}">{escape(shown or link.label)}</a>'


def _slack_link(link: Link) -> str:
    if not link.url.startswith(_OPENABLE):
        return f"{_mrkdwn(link.label)}: `{_mrkdwn(link.url)}`"
    return f"<{link.url}|{_mrkdwn(link.label)}>"


def _mrkdwn(text: str) -> str:
    """Return text with the three characters escaped that mean something to Slack (mentions, links, entities)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _whole_lines(text: str) -> str:
    """Return as many lines as Slack takes in one block; a cut inside a line could cut an entity or a link."""
    kept: list[str] = []
    room = SLACK_TEXT_CHARACTERS - 2
    for line in text.split("\n"):
        room -= len(line) + 1
        if room < 0:
            return "\n".join([*kept, "…"])
        kept.append(line)
    return text
