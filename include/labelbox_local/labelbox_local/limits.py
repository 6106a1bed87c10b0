"""The limits of the platform's plans, and the check of those that count what there is.

Source: docs.labelbox.com/docs/limits; metadata options: docs.labelbox.com/reference/metadata; projects of the free plan
are said by third parties only. 0 is no limit.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from labelbox_local.errors import MalformedRequestError

if TYPE_CHECKING:
    from labelbox_local.switches import Switches

PLANS = ("free", "starter", "enterprise")
# Switch: its value in each of the plans.
LIMITS: dict[str, tuple[int, int, int]] = {
    "requests_per_minute": (1_500, 5_000, 20_000),
    "total_data_rows": (10_000_000, 0, 0),
    "rows_per_task": (150_000, 150_000, 150_000),
    "global_key_length": (200, 200, 200),
    "metadata_fields": (5, 100, 500),
    "metadata_options": (64, 64, 128),
    "metadata_characters": (4_096, 4_096, 4_096),
    "custom_embeddings": (100, 100, 100),
    "embedding_dimensions": (2_048, 2_048, 2_048),
    "ontologies": (25, 0, 0),
    "features_per_ontology": (4_000, 4_000, 4_000),
    "projects": (50, 0, 0),
    "batch_rows": (100_000, 100_000, 100_000),
    "import_annotations": (10_000, 2_000_000, 10_000_000),
    "model_runs": (20, 20, 1_000),
    "model_run_rows": (150_000, 1_000_000, 1_000_000),
    "exports_at_once": (20, 20, 20),
    "exports_per_project": (10, 10, 10),
    "export_filter_ids": (2_000, 2_000, 2_000),
}
_COUNTS = {
    "projects": "SELECT count(*) AS count FROM project WHERE deleted IS NULL",
    "ontologies": "SELECT count(*) AS count FROM ontology",
    "model_runs": "SELECT count(*) AS count FROM model_run",
    "total_data_rows": "SELECT count(*) AS count FROM data_row",
}


def set_plan(switches: Switches, plan: str) -> None:
    """Set every limit as a plan has it.

    Raises:
        ValueError: there is no such plan.
    """
    if plan not in PLANS:
        raise ValueError(f"plan '{plan}' is not one of {', '.join(PLANS)}")
    for name, values in LIMITS.items():
        switches.set(name, str(values[PLANS.index(plan)]))


def check_room(read: sqlite3.Connection, switches: Switches, limit: str, more: int = 1) -> None:
    """Raises: MalformedRequestError: with `more` of what the switch `limit` counts there are too many."""
    most = getattr(switches, limit)
    if most and read.execute(_COUNTS[limit]).fetchone()["count"] + more > most:
        raise MalformedRequestError(f"At most {most} {limit.replace('_', ' ')} are allowed in this organization")


def limit_table() -> str:
    """The limits of the plans, as a table in Markdown."""
    rows = [
        f"| `{name}` | {' | '.join(f'{value:,}' if value else 'none' for value in values)} |"
        for name, values in LIMITS.items()
    ]
    return "\n".join(["| switch | free | starter | enterprise |", "|---|---|---|---|", *rows])
