"""What one run of a sync is to do: its window and the answers of the trigger form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from labelbox_airflow.engine.errors import ConfigurationError
from labelbox_airflow.engine.window import Window

if TYPE_CHECKING:
    from labelbox_airflow.engine.ledger import RunState

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class RunPlan:
    """What a run reads and how it treats what it finds.

    :param window: None reads everything
    :param moves_watermark: whether success means that everything up to the window's end is done
    :param end: end of the window, or the moment the run was due
    """

    window: Window | None
    moves_watermark: bool
    end: datetime
    overwrite: Literal["newer", "always"] = "newer"
    dry_run: bool = False
    row_limit: int | None = None


def is_dry_run(context: Mapping[str, Any]) -> bool:
    """Tell whether the run only shows what it would do."""
    return bool((context.get("params") or {}).get("dry_run"))


def check_run_conf(context: Mapping[str, Any]) -> None:
    """Refuse a conf key that looks like a param of ours but is not: ``dryrun`` must not become a real run.

    :raises ConfigurationError: names the key and the param that was meant
    """
    params = set(context["dag"].params)
    for key in context["dag_run"].conf or {}:
        near = get_close_matches(key, params, n=1, cutoff=0.6)
        if key not in params and near:
            raise ConfigurationError(
                f"'{key}' is no param of this DAG", where="trigger form", remedy=f"Did you mean '{near[0]}'?"
            )


def plan_run(context: Mapping[str, Any], watermark: datetime | None, before: RunState | None) -> RunPlan:
    """Decide on a run's window.

    A run that was begun before (a retry, a cleared run) reads the window it had. ``since`` and ``until`` of the
    trigger form, and a backfill, read exactly theirs and leave the watermark alone. Any other run goes on where the
    last one ended, so that an outage loses nothing, up to the end of its data interval.

    :param watermark: up to where earlier runs have read
    :param before: what the ledger knows of this very run
    """
    params = context.get("params") or {}
    run = context["dag_run"]
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    asked = _asked_window(params, run)
    limit = params.get("row_limit")
    dry_run = bool(params.get("dry_run"))
    plan = partial(
        RunPlan,
        overwrite=params.get("overwrite") or "newer",
        dry_run=dry_run,
        row_limit=int(limit) if limit else None,
    )
    due = _utc(end or run.run_after)
    if asked is not None:
        return plan(asked, moves_watermark=False, end=asked.end)
    is_backfill = run.run_type == "backfill"  # str() of it differs between Airflow's server and its task SDK
    moves = not is_backfill and not limit and not dry_run
    if params.get("full_refresh"):
        return plan(None, moves_watermark=moves, end=due)
    if before is not None and before.window_start is not None and before.window_end is not None:
        window = Window(_utc(before.window_start), _utc(before.window_end))
    elif is_backfill:
        window = Window(_utc(start or EPOCH), due)
    elif watermark is not None and watermark < due:
        window = Window(_utc(watermark), due)
    else:
        window = Window(_own_start(start, due, watermark), due)
    return plan(window, moves_watermark=moves, end=window.end)


def _own_start(start: datetime | None, due: datetime, watermark: datetime | None) -> datetime:
    """Return where the run's own interval starts; by hand and after an asset, Airflow gives none or an empty one."""
    if start is not None and _utc(start) < due:
        return _utc(start)
    return EPOCH if watermark is None else due


def _asked_window(params: Mapping[str, Any], run: Any) -> Window | None:
    since, until = params.get("since"), params.get("until")
    if not since and not until:
        return None
    start = _moment("since", since) if since else EPOCH
    end = _moment("until", until) if until else _utc(run.run_after)
    if end <= start:
        raise ConfigurationError(
            f"the window from since={since} to until={until or end.isoformat()} is empty",
            where="trigger form",
            remedy="until is exclusive and has to be later than since.",
        )
    return Window(start, end)


def _moment(name: str, text: str) -> datetime:
    try:
        return _utc(datetime.fromisoformat(text))
    except ValueError:
        raise ConfigurationError(
            f"{name} = '{text}' is no date or time in ISO 8601",
            where="trigger form",
            remedy="Write it as 2026-01-31T00:00Z.",
        ) from None


def _utc(moment: datetime) -> datetime:
    """Return ``moment`` in UTC as a plain datetime: Airflow's are pendulum's, which subtract to something else."""
    utc = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    return datetime(utc.year, utc.month, utc.day, utc.hour, utc.minute, utc.second, utc.microsecond, UTC)
