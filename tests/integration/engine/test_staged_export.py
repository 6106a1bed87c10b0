"""An export goes to staging once, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from tests.integration.engine.conftest import ROWS, World

from labelbox_airflow.engine.errors import LabelboxError, LabelboxUnavailableError
from labelbox_airflow.engine.exports.request import ExportRequest
from labelbox_airflow.engine.exports.spec import FilterSpec
from labelbox_airflow.engine.exports.staged import StagedExport, collected_lines
from labelbox_airflow.engine.exports.stream import SpoiledExportError
from labelbox_local.stack import LocalLabelbox

PLAIN = {name: ROWS[name] for name in ("row_data", "global_key", "version")}
STARTS = "exportDataRowsInCatalogPyApi"


class Exports:
    """Exports of a dataset of a world, each step in a new process."""

    def __init__(self, world: World, labelbox: LocalLabelbox) -> None:
        world.rows = PLAIN
        world.load("rows", [world.record(number) for number in range(3)])
        self.world, self._labelbox = world, labelbox
        labelbox.admin("DELETE", "calls")

    def begin(self, run_id: str) -> None:
        with self.world.ledger as ledger:
            ledger.begin_run(self.world.run(run_id), window_start=None, window_end=None, spec_hash="")

    def do(self, run_id: str, step: Callable[[StagedExport], Any], **filters: Any) -> Any:
        request = ExportRequest("dataset", self.world.dataset_id, FilterSpec.model_validate(filters))
        with self.world.ledger as ledger:
            staging = self.world.staging(run_id)
            return step(
                StagedExport(self.world.transport, ledger, staging, run=self.world.run(run_id), request=request)
            )

    def export(self, run_id: str, **filters: Any) -> list[str]:
        assert self.do(run_id, lambda export: export.wait(60), **filters) is None
        collected = self.do(run_id, StagedExport.collect, **filters)
        lines = list(collected_lines(self.world.staging(run_id)))
        assert collected.lines == len(lines)
        keys = [orjson.loads(line)["data_row"]["global_key"] for line in lines]
        return sorted(key.removeprefix(self.world.prefix) for key in keys)

    def started(self) -> int:
        return int(self._labelbox.admin("GET", "calls")["operations"].get(STARTS, 0))


@pytest.fixture
def exports(world: World, local_labelbox: LocalLabelbox) -> Exports:
    return Exports(world, local_labelbox)


ALL = ["0000", "0001", "0002"]


def test_a_retry_takes_up_the_export_that_was_started(exports: Exports) -> None:
    exports.begin("run")
    exports.do("run", lambda export: export.wait(60))
    assert exports.export("run") == ALL
    assert exports.started() == 1
    # A task that is cleared once it has ended exports anew.
    assert exports.export("run") == ALL
    assert exports.started() == 2


def test_many_keys_are_several_exports_and_none_is_lost(exports: Exports) -> None:
    exports.begin("run")
    others = [f"none-{number}" for number in range(4000)]
    wanted = [exports.world.prefix + key for key in ALL]
    assert exports.export("run", global_keys=[wanted[0], *others, *wanted[1:]]) == ALL
    assert exports.started() == 3


def test_an_export_without_rows_is_a_success(exports: Exports) -> None:
    exports.begin("run")
    assert exports.export("run", global_keys=["nothing of this key"]) == []
    exports.begin("none")
    assert exports.export("none", global_keys=[]) == []


def test_an_export_that_failed_is_started_anew(exports: Exports, local_labelbox: LocalLabelbox) -> None:
    exports.begin("run")
    local_labelbox.admin("POST", "faults", {"operation": STARTS, "task": "failed", "times": 1})
    with pytest.raises(LabelboxUnavailableError, match="FAILED"):
        exports.do("run", lambda export: export.wait(60))
    assert exports.export("run") == ALL


def test_lines_that_are_not_there_are_an_error(exports: Exports) -> None:
    with pytest.raises(LabelboxError, match=r"Clear the task that exports"):
        list(collected_lines(exports.world.staging("never")))


def test_a_spoiled_export_leaves_nothing_that_could_be_read(exports: Exports, monkeypatch: pytest.MonkeyPatch) -> None:
    from labelbox_airflow.engine.exports import staged

    exports.begin("run")

    def spoiled(*_: Any) -> Any:
        yield b"{}"
        raise SpoiledExportError("the export delivered 1 line and announced 3")

    with monkeypatch.context() as patched:
        patched.setattr(staged, "lines", spoiled)
        exports.do("run", lambda export: export.wait(60))
        with pytest.raises(SpoiledExportError):
            exports.do("run", StagedExport.collect)
        with pytest.raises(LabelboxError, match="no export on staging"):
            list(collected_lines(exports.world.staging("run")))
    assert exports.export("run") == ALL
    assert exports.started() == 2
