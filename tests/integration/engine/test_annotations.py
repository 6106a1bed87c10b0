"""Annotations of a source in a project: what arrives, what is replaced, what is left alone, and what is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.engine.conftest import ROWS, World

from labelbox_airflow.engine.annotations.imports.upload import ImportFailedError
from labelbox_airflow.engine.annotations.model import Annotation, BoundingBox, DataRow, Feature, Origin
from labelbox_airflow.engine.errors import TooManyRejectedError
from labelbox_airflow.engine.guard import GuardSpec
from labelbox_airflow.engine.ontology.document import read_document
from labelbox_airflow.engine.ontology.tree import Ontology
from labelbox_airflow.engine.project.ensure import ensure_project
from labelbox_airflow.engine.project.spec import ProjectSpec, SelectSpec
from labelbox_airflow.engine.transport import Transport
from labelbox_local.stack import LocalLabelbox

if TYPE_CHECKING:
    from labelbox import Client

ONTOLOGY = read_document("tools: [{name: Total, kind: bounding_box}, {name: Date, kind: polygon}]", where="x.yaml")
ROWS_OF_IMAGES = {name: ROWS[name] for name in ("row_data", "global_key", "media_type", "version")}


class Project:
    """A project with four data rows in it."""

    def __init__(self, world: World, sdk: Client) -> None:
        world.rows, world.select = ROWS_OF_IMAGES, SelectSpec()
        self.world, self.sdk = world, sdk
        spec = ProjectSpec(name=f"project {world.prefix}")
        project = ensure_project(world.transport, spec, ONTOLOGY, media_type="IMAGE", write=True).project
        assert project is not None
        self.id = project.id
        world.load("rows", [world.record(number) for number in range(4)])
        world.to_project("rows", spec, project.id)

    def key(self, number: int) -> str:
        return f"{self.world.prefix}{number:04d}"

    def box(self, number: int, left: float, name: str = "Total", **more: Any) -> Annotation:
        origin = Origin("boxes.csv", int(left) + 1)
        row = DataRow(self.key(number))
        return Annotation(row, Feature(name), BoundingBox(left, 10, 20, 30), origin=origin, **more)

    def annotate(self, run_id: str, items: Iterable[Any], **options: Any) -> dict[str, int]:
        ontology: Ontology = options.pop("ontology", ONTOLOGY)
        return self.world.annotate(run_id, self.id, items, ontology, **options)

    def prelabels(self) -> dict[int, list[float]]:
        """Return data row → left edges of its pre-labels."""
        found: dict[int, list[float]] = {}
        for each in self.sdk.get_project(self.id).get_mal_prediction_imports():
            if each.state.value == "FAILED":
                continue
            failed = {status["uuid"] for status in each.statuses if status["status"] != "SUCCESS"}
            for line in each.inputs:
                if line["uuid"] not in failed:
                    number = int(line["dataRow"]["globalKey"].removeprefix(self.world.prefix))
                    found.setdefault(number, []).append(line["bbox"]["left"])
        return {number: sorted(lefts) for number, lefts in found.items()}

    def labels(self) -> dict[int, list[list[float]]]:
        """Return data row → left edges of the boxes of each of its labels."""
        task = self.sdk.get_project(self.id).export(params={"label_details": True})
        task.wait_till_done()
        found: dict[int, list[list[float]]] = {}
        for row in task.get_buffered_stream():
            number = int(row.json["data_row"]["global_key"].removeprefix(self.world.prefix))
            for label in row.json["projects"][self.id]["labels"]:
                boxes = label["annotations"]["objects"]
                found.setdefault(number, []).append(sorted(box["bounding_box"]["left"] for box in boxes))
        return found


@pytest.fixture
def project(world: World, sdk: Client) -> Project:
    return Project(world, sdk)


def test_prelabels_arrive_once_and_only_changed_rows_are_sent_again(project: Project) -> None:
    boxes = [project.box(0, 1), project.box(0, 2), project.box(1, 3), project.box(2, 4)]
    assert project.annotate("first", boxes) == {"sent": 4}
    assert project.prelabels() == {0: [1, 2], 1: [3], 2: [4]}
    again = [project.box(0, 1), project.box(0, 2), project.box(1, 3), project.box(2, 4)]
    assert project.annotate("second", again) == {"unchanged": 4}

    changed = [project.box(0, 5), project.box(0, 2), project.box(1, 3)]
    assert project.annotate("third", changed) == {"sent": 2, "unchanged": 1}
    # Row 2 is not in the source any more, and row 1 has not changed: both went with the import that was replaced.
    assert project.prelabels() == {0: [2, 5], 1: [3], 2: [4]}
    assert project.annotate("fourth", [project.box(1, 3), project.box(2, 4)]) == {"unchanged": 2}


def test_a_further_box_shifts_none_of_the_others(project: Project, sdk: Client) -> None:
    def uuids() -> dict[float, str]:
        imports = sdk.get_project(project.id).get_mal_prediction_imports()
        return {line["bbox"]["left"]: line["uuid"] for each in imports for line in each.inputs}

    project.annotate("first", [project.box(0, 2), project.box(0, 3), project.box(0, 3)])
    before = uuids()
    project.annotate("second", [project.box(0, 1), project.box(0, 3), project.box(0, 2), project.box(0, 3)])
    after = uuids()
    assert {left: after[left] for left in before} == before
    assert after[1] not in before.values()


@pytest.mark.parametrize("policy", ["append", "leave"])
def test_changed_rows_may_be_left_or_added_to(project: Project, policy: str) -> None:
    project.annotate("first", [project.box(0, 1, source_id="a"), project.box(1, 1)], changed=policy)
    changed = [project.box(0, 1, source_id="a"), project.box(0, 7, source_id="b"), project.box(1, 1)]
    expected = {"append": {"sent": 1, "unchanged": 2}, "leave": {"left": 2, "unchanged": 1}}
    assert project.annotate("second", changed, changed=policy) == expected[policy]
    assert project.prelabels() == {0: [1, 7] if policy == "append" else [1], 1: [1]}
    assert project.annotate("third", changed, changed=policy) == (
        {"unchanged": 3} if policy == "append" else expected["leave"]
    )


def test_wrong_annotations_are_rejected_alone_with_their_line_class_and_reason(project: Project) -> None:
    boxes = [
        project.box(0, 1), project.box(0, 2, "Totl"), project.box(0, 3, "Date"), project.box(9, 4),
        project.box(0, 5),
    ]  # fmt: skip
    assert project.annotate("run", boxes) == {"sent": 2, "rejected": 3}
    letters = {letter.origin: letter for letter in project.world.dead_letters("run")}
    assert letters["boxes.csv line 3"].code == "unknown_class"
    assert "Did you mean 'Total'?" in letters["boxes.csv line 3"].reason
    assert letters["boxes.csv line 4"].code == "wrong_kind"
    assert letters["boxes.csv line 5"].code == "no_data_row"
    assert letters["boxes.csv line 3"].global_key == project.key(0)
    assert letters["boxes.csv line 3"].row["bbox"]["left"] == 2


def test_a_wrong_annotation_takes_its_row_with_it_where_that_is_wanted(project: Project) -> None:
    boxes = [project.box(0, 1), project.box(0, 2, "Totl"), project.box(1, 3)]
    assert project.annotate("run", boxes, whole_row="reject") == {"sent": 1, "rejected": 2}
    assert project.world.codes("run")
    assert project.prelabels() == {1: [3]}


def test_too_many_rejected_stop_it_before_anything_is_sent(project: Project) -> None:
    boxes = [project.box(0, 1), project.box(0, 2, "Totl")]
    with pytest.raises(TooManyRejectedError, match="1 of 2 annotations were rejected"):
        project.annotate("run", boxes, guard=GuardSpec(max_rejected="10%"))
    assert project.prelabels() == {}


def test_labels_are_submitted_and_replaced_while_nobody_has_edited_them(project: Project) -> None:
    def submit(run_id: str, *boxes: Annotation) -> dict[str, int]:
        return project.annotate(run_id, boxes, **{"as": "labels"})

    assert submit("first", project.box(0, 1), project.box(1, 2)) == {"sent": 2}
    assert project.labels() == {0: [[1]], 1: [[2]]}
    assert submit("second", project.box(0, 5), project.box(1, 2)) == {"sent": 1, "unchanged": 1}
    assert project.labels() == {0: [[5]], 1: [[2]]}


def test_rows_that_a_person_has_labeled_are_left_alone_unless_told(project: Project, sdk: Client) -> None:
    from labelbox import LabelImport

    line = {"name": "Total", "dataRow": {"globalKey": project.key(0)}, "uuid": "11111111-1111-4111-8111-111111111111"}
    by_hand = {**line, "bbox": {"left": 50, "top": 1, "width": 2, "height": 3}}
    LabelImport.create_from_objects(sdk, project.id, "by hand", [by_hand]).wait_till_done()
    boxes = [project.box(0, 1), project.box(1, 2)]
    assert project.annotate("first", boxes) == {"labeled": 1, "sent": 1}
    assert project.annotate("second", boxes, **{"as": "labels"}) == {"labeled": 1, "unchanged": 1}
    assert project.labels() == {0: [[50]]}
    assert project.annotate("third", boxes, if_labeled="send") == {"sent": 1, "unchanged": 1}


class Reasoned:
    """A transport whose failed imports say why."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def download(self, url: str) -> Iterable[bytes]:
        return [b"the disk is full"] if "/errors" in url else self._transport.download(url)


@pytest.mark.usefixtures("no_faults")
@pytest.mark.parametrize("reasoned", [True, False])
def test_an_import_that_fails_names_itself_and_a_retry_sends_it_once(
    project: Project, local_labelbox: LocalLabelbox, reasoned: bool
) -> None:
    project.annotate("before", [project.box(0, 1), project.box(1, 2)])
    boxes = [project.box(0, 5), project.box(1, 2), project.box(2, 3)]
    operation = "createMALPredictionImportByFilePyApi"
    local_labelbox.admin("POST", "faults", {"operation": operation, "task": "failed"})
    if reasoned:
        project.world.open_transport = Reasoned
    reason = ": the disk is full" if reasoned else " and gave no reason"
    with pytest.raises(ImportFailedError, match=f"the import 'engine .*' of 3 annotations ended as FAILED{reason}"):
        project.annotate("run", boxes)
    assert project.world.dead_letters("run") == []
    assert project.prelabels() == {}
    project.world.open_transport = lambda transport: transport
    project.world.send_annotations("run", "annotations-0000")
    project.world.reads["run"] = 0
    project.world.finish("run")
    assert project.world.annotation_outcomes("run") == {"sent": 2, "unchanged": 1}
    assert project.prelabels() == {0: [5], 1: [2], 2: [3]}
    again = [project.box(0, 5), project.box(1, 2), project.box(2, 3)]
    assert project.annotate("next", again) == {"unchanged": 3}
