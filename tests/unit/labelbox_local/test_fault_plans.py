"""Plans of faults: what a file says, what is refused, and whom a seeded rate strikes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labelbox_local.fault_plans import parse_fault, read_fault_plan
from labelbox_local.faults import Fault, Faults, Operation
from labelbox_local.request_rate import RequestRate

UPSERT = Operation("mutation", "UpsertDataRowsPyApi", "upsertDataRows")
USER = Operation("query", "GetUserPyApi", "user")


def struck(faults: Faults, calls: list[Operation]) -> list[bool]:
    return [faults.take(call) is not None for call in calls]


def planned(**plan: Any) -> Faults:
    faults = Faults()
    faults.plan(parse_fault(plan))
    return faults


def test_the_nth_call_of_an_operation_meets_the_same_fate_for_the_same_seed() -> None:
    alone = struck(planned(operation="*", rate=0.3, seed=7, status=503), [UPSERT] * 200)
    assert alone == struck(planned(operation="*", rate=0.3, seed=7, status=503), [UPSERT] * 200)
    mixed = struck(planned(operation="*", rate=0.3, seed=7, status=503), [UPSERT, USER] * 200)
    assert mixed[::2] == alone
    assert struck(planned(operation="*", rate=0.3, seed=8, status=503), [UPSERT] * 200) != alone
    assert 40 <= sum(alone) <= 80


def test_a_rate_may_be_limited_in_times() -> None:
    assert sum(struck(planned(operation="user", rate=0.5, times=3, status=500), [USER] * 100)) == 3


@pytest.mark.parametrize("write", [json.dumps, lambda plan: f"seed: {plan['seed']}\nfaults: {plan['faults']}"])
def test_a_file_is_yaml_or_json_and_its_seed_is_for_those_that_name_none(tmp_path: Path, write: Any) -> None:
    plan = {"seed": 3, "faults": [{"operation": "user", "rate": 0.5}, {"operation": "uploadFile", "seed": 9}]}
    file = tmp_path / "faults.yaml"
    file.write_text(write(plan))
    assert [(fault.operation, fault.seed, fault.cuts) for fault in read_fault_plan(file)] == [
        ("user", 3, True), ("uploadFile", 9, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ("[{operation: user, status: 418}]", r"faults\[0\]: status: 418: .*429"),
        ("[{operation: user}, {operation: usr}]", r"faults\[1\]: operation: 'usr' is no operation"),
        ("[{operation: user, rate: 1.5}]", r"faults\[0\]: rate: 1.5"),
        ("[{operation: user, stats: 503}]", r"faults\[0\]: stats: "),
        ("[{status: 503}]", r"faults\[0\]: operation: Field required"),
        ("[{operation: user, delay_seconds: -1}]", r"delay_seconds must be 0 or more"),
        ("[{operation: user, expired: true}]", r"expired .* downloadExport"),
        ("[{operation: user, cut: true, status: 503}]", r"cut and status exclude"),
        ("[user]", r"faults\[0\]: "),
        ("{faults: {}}", r"faults: must be a list"),
        ("{faults: [], sed: 1}", r"sed: not known here"),
        ("{faults: [], seed: one}", r"seed: 'one' is not a whole number"),
        ("{", r"neither YAML nor JSON"),
    ],
)
def test_a_wrong_plan_names_the_file_and_the_field(tmp_path: Path, plan: str, message: str) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(plan)
    with pytest.raises(ValueError, match=message) as caught:
        read_fault_plan(file)
    assert str(file) in str(caught.value)


def test_a_plan_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nothing\.yaml: No such file"):
        read_fault_plan(tmp_path / "nothing.yaml")


@pytest.mark.parametrize("name", ["createBatchV2", "deleteOntology", "importVectors", "GetProjectsPyApi", "*"])
def test_operations_are_known_by_every_name(name: str) -> None:
    assert parse_fault({"operation": name}) == Fault(operation=name)


def test_requests_are_counted_by_the_minute() -> None:
    moment = 100.0
    rate = RequestRate(lambda: moment)
    assert [rate.wait_of_one_more(2) for _ in range(3)] == [None, None, 60]
    moment = 159.5
    assert rate.wait_of_one_more(2) == 1
    moment = 160.0
    assert rate.wait_of_one_more(2) is None
    assert [rate.wait_of_one_more(0) for _ in range(9)] == [None] * 9
