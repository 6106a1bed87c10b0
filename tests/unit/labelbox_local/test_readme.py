"""The tables of the README are those of the code."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from labelbox_local.limits import LIMITS, PLANS, limit_table, set_plan
from labelbox_local.switches import DOUBTS, Switches, doubt_table, switch_table

README = Path(__file__).parents[3] / "include" / "labelbox_local" / "README.md"


@pytest.mark.parametrize("table", [switch_table(), limit_table(), doubt_table()])
def test_a_table_is_in_the_readme_as_the_code_has_it(table: str) -> None:
    assert f"\n\n{table}\n\n" in README.read_text()


def test_every_limit_and_doubt_is_a_switch() -> None:
    assert (LIMITS.keys() | DOUBTS.keys()) <= {item.name for item in fields(Switches)}


def test_without_a_plan_the_limits_are_those_of_enterprise_but_for_requests() -> None:
    planned, default = Switches(), Switches()
    set_plan(planned, "enterprise")
    default.requests_per_minute = planned.requests_per_minute
    assert planned == default


def test_a_plan_sets_every_limit() -> None:
    for plan in PLANS:
        switches = Switches()
        set_plan(switches, plan)
        assert [getattr(switches, name) for name in LIMITS] == [values[PLANS.index(plan)] for values in LIMITS.values()]
    with pytest.raises(ValueError, match="'gold' is not one of free, starter, enterprise"):
        set_plan(Switches(), "gold")
