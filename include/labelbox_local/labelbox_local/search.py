"""Conditions on data rows, as exports, slices and counts are given them (SDK schema/export_filters.py)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from labelbox_local.errors import MalformedRequestError
from labelbox_local.identifiers import now, to_microseconds
from labelbox_local.store import as_list

if TYPE_CHECKING:
    from labelbox_local.platform import Platform

_OPERATORS = {"GREATER_THAN_OR_EQUAL": ">=", "LESS_THAN_OR_EQUAL": "<="}
_STATUS_QUEUES = {"InReview": "MANUAL_REVIEW_QUEUE", "InRework": "MANUAL_REWORK_QUEUE"}
# After every moment, in microseconds.
ALWAYS = 2**62
# A condition and its parameters; it speaks of the row of data_row at hand.
Condition = tuple[str, list[Any]]


def conditions(platform: Platform, filters: list[dict[str, Any]], project: str | None = None) -> Condition:
    """The filters as one SQL condition on `data_row`. All of them must hold.

    :param project: the project whose batches and workflow a filter means; any without it

    Raises:
        MalformedRequestError: a filter this server does not know, or with too many ids.
    """
    parts: list[str] = []
    parameters: list[Any] = []
    for each in filters:
        read = _READERS.get(each.get("type", ""))
        if read is None:
            raise MalformedRequestError(f"Unknown filter '{each.get('type', '')}'")
        text, values = read(platform, each, project)
        if each.get("operator") == "is_not":
            text = f"NOT ({text})"
        parts.append(text)
        parameters += values
    return " AND ".join(parts) or "1", parameters


def ids_of(platform: Platform, each: dict[str, Any]) -> str:
    """The ids of a filter as JSON. Raises: MalformedRequestError when there are too many."""
    ids = each.get("ids") or []
    if len(ids) > platform.switches.export_filter_ids:
        raise MalformedRequestError(
            f"{len(ids)} ids in filter {each['type']}; the most is {platform.switches.export_filter_ids}"
        )
    return as_list(ids)


def known_until(platform: Platform) -> int:
    """Until when exports know what happened: always, or `export_index_seconds` ago."""
    seconds = platform.switches.export_index_seconds
    return now() - int(seconds * 1_000_000) if seconds > 0 else ALWAYS


def times_of(platform: Platform, each: dict[str, Any]) -> list[tuple[str, int]]:
    """The comparisons of a filter over a time: SQL operator and microseconds. Raises: MalformedRequestError."""
    return [*_times_asked(each), ("<=", known_until(platform))]


def _times_asked(each: dict[str, Any]) -> list[tuple[str, int]]:
    value = each.get("value") or {}
    try:
        zone = ZoneInfo(value.get("timezone") or "UTC")
        if value["operator"] == "BETWEEN":
            return [(">=", _moment(value["value"]["min"], zone)), ("<=", _moment(value["value"]["max"], zone))]
        return [(_OPERATORS[value["operator"]], _moment(value["value"], zone))]
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedRequestError(f"Invalid filter {each['type']}: {error}") from None


def _moment(text: str, zone: ZoneInfo) -> int:
    """Filter times are a date, a date and time in the zone given, or ISO 8601."""
    moment = datetime.fromisoformat(text)
    return to_microseconds((moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC))


def _one_of(column: str) -> Callable[[Platform, dict[str, Any], str | None], Condition]:
    def read(platform: Platform, each: dict[str, Any], _: str | None) -> Condition:
        return f"{column} IN (SELECT value FROM json_each(?))", [ids_of(platform, each)]  # noqa: S608 - constants only

    return read


def _in_project(condition: str, parameters: list[Any], project: str | None) -> Condition:
    """That the row is in a project (the one given, or any) and its row there meets a condition."""
    where = f"project_row.data_row = data_row.seq AND {condition}"
    if project is not None:
        where, parameters = f"{where} AND project_row.project = ?", [*parameters, project]
    return f"EXISTS (SELECT 1 FROM project_row WHERE {where})", parameters  # noqa: S608 - conditions are ours


def _read_batch(platform: Platform, each: dict[str, Any], project: str | None) -> Condition:
    return _in_project("batch IN (SELECT value FROM json_each(?))", [ids_of(platform, each)], project)


def _read_project(platform: Platform, each: dict[str, Any], project: str | None) -> Condition:
    return _in_project("project_row.project IN (SELECT value FROM json_each(?))", [ids_of(platform, each)], project)


def _read_model_run(platform: Platform, each: dict[str, Any], _: str | None) -> Condition:
    text = (
        "EXISTS (SELECT 1 FROM model_run_row WHERE model_run_row.data_row = data_row.seq"
        " AND model_run IN (SELECT value FROM json_each(?)))"
    )
    return text, [ids_of(platform, each)]


def _read_status(_: Platform, each: dict[str, Any], project: str | None) -> Condition:
    status = each.get("status")
    if status == "Done":
        return _in_project("queue IS NULL", [], project)
    if status not in _STATUS_QUEUES:
        raise MalformedRequestError(f"Unknown workflow status '{status}'")
    return _in_project("queue IN (SELECT id FROM task_queue WHERE type = ?)", [_STATUS_QUEUES[status]], project)


def _read_to_label(_: Platform, __: dict[str, Any], project: str | None) -> Condition:
    """The SDK writes the workflow status "to label" as `task_queue_not_exist`."""
    if project is None:
        return "1", []
    return _in_project("queue IN (SELECT id FROM task_queue WHERE type = 'MANUAL_LABELING_QUEUE')", [], project)


def _read_last_activity(platform: Platform, each: dict[str, Any], __: str | None) -> Condition:
    times = times_of(platform, each)
    return " AND ".join(f"last_activity_at {operator} ?" for operator, _ in times), [moment for _, moment in times]


def _read_labeled_at(platform: Platform, each: dict[str, Any], project: str | None) -> Condition:
    times = times_of(platform, each)
    compared = [f"label.created_at {operator} ?" for operator, _ in times]
    where = " AND ".join(["label.data_row = data_row.seq", "label.deleted = 0", *compared])
    parameters: list[Any] = [moment for _, moment in times]
    if project is not None:
        where, parameters = f"{where} AND label.project = ?", [*parameters, project]
    return f"EXISTS (SELECT 1 FROM label WHERE {where})", parameters  # noqa: S608 - conditions are ours


def _read_asset_type(_: Platform, each: dict[str, Any], __: str | None) -> Condition:
    """By the media type a row was declared with, else by that of its asset."""
    wanted = [str(each).lower() for each in (each.get("assetType") or {}).get("assetTypes") or []]
    mime_type = "json_extract(media_attributes, '$.mimeType')"
    asset_type = f"coalesce(lower(media_type), substr({mime_type}, 1, instr({mime_type}, '/') - 1))"
    return f"{asset_type} IN (SELECT value FROM json_each(?))", [as_list(wanted)]  # noqa: S608 - constants only


_READERS: dict[str, Callable[[Platform, dict[str, Any], str | None], Condition]] = {
    "dataset": _one_of("data_row.dataset"),
    "global_key": _one_of("data_row.global_key"),
    "data_row_id": _one_of("data_row.id"),
    "batch": _read_batch,
    "project": _read_project,
    "model_run": _read_model_run,
    "task_queue_status": _read_status,
    "task_queue_not_exist": _read_to_label,
    "data_row_last_activity_at": _read_last_activity,
    "labeled_at": _read_labeled_at,
    "media_attribute_asset_type": _read_asset_type,
}
