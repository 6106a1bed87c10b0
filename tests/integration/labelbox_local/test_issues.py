"""Issues, their comments and categories, through the unmodified SDK."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from labelbox.schema.issue import IssueStatus
from labelbox.schema.issue_position import (
    ImageIssuePosition,
    PdfIssuePosition,
    TextIssuePosition,
    VideoFrameRange,
    VideoIssuePosition,
)
from lbox.exceptions import MalformedQueryException, ResourceNotFoundError

from .labeling import Labeling, make_image_labeling

NOBODY = "c" * 25
ISSUE = "query GetIssuePyApi($where: WhereUniqueIdInput!) {issue(where: $where) {id}}"
CREATE = "mutation CreateIssuePyApi($data: CreateIssueInput!) {createIssue(data: $data) {id}}"
COMMENT = """mutation UpdateCommentPyApi($where: WhereUniqueIdInput!, $data: UpdateCommentInput!) {
    updateComment(where: $where, data: $data) {id}}"""


@dataclass
class Place:
    """A project whose first row has a label."""

    labeling: Labeling
    label: Any

    @property
    def project(self) -> Any:
        return self.labeling.project

    def issue(self, content: str = "The box is too wide", row: int = 0, **more: Any) -> Any:
        return self.project.create_issue(content, self.labeling.row_id(row), **more)


@pytest.fixture
def place(client: Any) -> Place:
    labeling = make_image_labeling(client, rows=2)
    labeling.import_labels([labeling.box(0)])
    [label] = labeling.project.labels()
    return Place(labeling, label)


def activity(place: Place, row: int = 0) -> str:
    """When something last happened to a row, as an export says."""
    [found] = place.labeling.export(
        filters={"global_keys": [place.labeling.keys[row]]}, params={"data_row_details": True}
    )
    return str(found["data_row"]["details"]["last_activity_at"])


def execute(client: Any, query: str, **variables: Any) -> Any:
    """Ask as the SDK does, but let it raise what is not found: it fails over the empty answer else."""
    return client.execute(query, variables, experimental=True, raise_return_resource_not_found=True)


def is_there(client: Any, issue: str) -> bool:
    try:
        execute(client, ISSUE, where={"id": issue})
    except ResourceNotFoundError:
        return False
    return True


def test_an_issue_is_raised_and_found(client: Any, place: Place) -> None:
    category = place.project.create_issue_category("Geometry", "Boxes that do not fit")
    made = place.issue(label_id=place.label, category_id=category.id, position=ImageIssuePosition(x=10, y=20))
    found = place.project.get_issue(made.id)
    assert (found.content, found.status) == ("The box is too wide", IssueStatus.OPEN)
    assert (found.data_row_id, found.label_id) == (place.labeling.row_id(0), place.label.uid)
    assert found.position == ImageIssuePosition(x=10, y=20)
    assert found.created_by.uid == client.get_user().uid
    assert found.created_at == found.updated_at
    assert (found.resolved_by, found.resolved_at, found.content_updated_at, found.latest_reply_at) == (None,) * 4
    assert (found.category().name, found.category().description) == ("Geometry", "Boxes that do not fit")
    assert found.data_row().global_key == place.labeling.keys[0]
    assert found.label().uid == place.label.uid
    assert [place.issue().friendly_id, place.issue().friendly_id] == ["2", "3"]


def test_an_issue_is_changed_field_by_field(place: Place) -> None:
    made = place.issue(position=ImageIssuePosition(x=1, y=2))
    changed = made.update(content="It is too high")
    assert (changed.content, changed.position) == ("It is too high", ImageIssuePosition(x=1, y=2))
    assert changed.content_updated_at == changed.updated_at > made.updated_at
    moved = changed.update(position=ImageIssuePosition(x=3, y=4), label_id=place.label.uid)
    assert (moved.content, moved.position.x, moved.label_id) == ("It is too high", 3, place.label.uid)
    assert moved.content_updated_at == changed.content_updated_at
    assert moved.update() is moved


def test_an_issue_is_resolved_and_opened_again(client: Any, place: Place) -> None:
    made = place.issue()
    resolved = made.resolve()
    assert (resolved.status, resolved.resolved_by.uid) == (IssueStatus.RESOLVED, client.get_user().uid)
    assert resolved.resolved_at >= made.created_at
    assert resolved.resolve().resolved_at == resolved.resolved_at
    opened = resolved.reopen()
    assert (opened.status, opened.resolved_by, opened.resolved_at) == (IssueStatus.OPEN, None, None)
    assert place.project.get_issue(made.id).status is IssueStatus.OPEN


def test_issues_of_labels_are_listed_by_what_is_asked(client: Any, place: Place) -> None:
    category = place.project.create_issue_category("Class", "Wrong class")
    wide = place.issue("Too WIDE", label_id=place.label)
    wrong = place.issue("No car", row=1, label_id=place.label, category_id=category.id)
    wrong.resolve()
    unlabeled = place.issue("Dark", row=1)

    def listed(**asked: Any) -> list[str]:
        return [issue.id for issue in place.project.get_issues(**asked)]

    assert listed() == [wide.id, wrong.id]
    assert listed(status=IssueStatus.OPEN) == [wide.id]
    assert listed(status=IssueStatus.RESOLVED) == [wrong.id]
    assert listed(data_row_id=place.labeling.row_id(1)) == [wrong.id]
    assert listed(category_id=category.id) == [wrong.id]
    assert listed(content="wide") == [wide.id]
    assert listed(created_by_ids=[client.get_user().uid]) == [wide.id, wrong.id]
    assert listed(created_by_ids=[NOBODY]) == []
    assert place.project.get_issue(unlabeled.id).content == "Dark"


def test_a_long_list_of_issues_comes_in_pages(place: Place) -> None:
    made = [place.issue(f"Issue {number}", label_id=place.label.uid).id for number in range(101)]
    assert [issue.id for issue in place.project.get_issues()] == made
    assert place.project.get_overview().issues == 1


def test_the_overview_counts_data_rows_with_issues(place: Place) -> None:
    assert place.project.get_overview().issues == 0
    for row in (0, 0, 1):
        place.issue(row=row, label_id=place.label)
    assert place.project.get_overview().issues == 2


def test_comments_are_a_thread(client: Any, place: Place) -> None:
    made = place.issue()
    first, second = made.create_comment("Why?"), made.create_comment("See the edge")
    assert [comment.content for comment in made.comments()] == ["Why?", "See the edge"]
    assert first.created_by.uid == client.get_user().uid
    assert place.project.get_issue(made.id).latest_reply_at == second.created_at
    changed = first.update("Where?")
    assert (changed.content, changed.created_at) == ("Where?", first.created_at)
    assert changed.updated_at > first.updated_at
    assert second.delete() is True
    assert [comment.content for comment in made.comments()] == ["Where?"]
    assert place.project.get_issue(made.id).latest_reply_at == first.created_at


def test_categories_are_of_a_project(place: Place) -> None:
    first, second = (place.project.create_issue_category(name, "") for name in ("A", "B"))
    assert [each.id for each in place.project.get_issue_categories()] == [first.id, second.id]
    changed = first.update("C", "Changed")
    assert (changed.id, changed.name, changed.description) == (first.id, "C", "Changed")
    made = place.issue(category_id=changed.id)
    assert changed.delete() is True
    assert [each.name for each in place.project.get_issue_categories()] == ["B"]
    assert place.project.get_issue(made.id).category_id is None


def test_issues_are_deleted_with_their_comments(client: Any, place: Place) -> None:
    first, second, third = (place.issue(str(number)) for number in range(3))
    comment = second.create_comment("Gone soon")
    assert first.delete() is True
    assert place.project.delete_issues([second.id, NOBODY]) is True
    assert [is_there(client, issue.id) for issue in (first, second, third)] == [False, False, True]
    with pytest.raises(ResourceNotFoundError, match=f"Comment {comment.id} not found"):
        execute(client, COMMENT, where={"id": comment.id}, data={"content": "Too late"})


def test_issues_go_with_their_data_row_and_their_project(client: Any, place: Place) -> None:
    of_row, of_project = place.issue(), place.issue(row=1)
    client.get_data_row(place.labeling.row_id(0)).delete()
    assert [is_there(client, issue.id) for issue in (of_row, of_project)] == [False, True]
    place.project.delete()
    assert not is_there(client, of_project.id)


def test_every_step_is_activity_of_the_row(place: Place) -> None:
    seen = [activity(place)]

    def note(_: Any) -> None:
        seen.append(activity(place))

    made = place.issue()
    note(made)
    note(made.update(content="Other"))
    comment = made.create_comment("Why?")
    note(comment)
    note(comment.delete())
    note(made.resolve())
    assert sorted(seen) == seen
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    "position",
    [
        PdfIssuePosition(x=0.25, y=0.5, page=3),
        TextIssuePosition(text_block_id="b", start_char_index=2, end_char_index=9),
        VideoIssuePosition(frames=[VideoFrameRange(start=1, end=9, x=5, y=6, end_x=7, end_y=8)]),
    ],
)
def test_positions_of_every_media_type_come_back(place: Place, position: Any) -> None:
    made = place.issue()
    assert made.update(position=position).position == position
    assert place.project.get_issue(made.id).position == position


def test_issues_are_exported_with_their_comments(place: Place) -> None:
    first, second = place.issue("First", label_id=place.label), place.issue("Second", row=1)
    first.create_comment("Why?")
    second.resolve()

    def exported(status: str | None = None) -> list[dict[str, Any]]:
        return list(httpx.get(place.project.export_issues(status)).raise_for_status().json())

    [one, two] = exported()
    assert (one["id"], one["content"], one["labelId"]) == (first.id, "First", place.label.uid)
    assert [comment["content"] for comment in one["comments"]] == ["Why?"]
    assert (two["dataRowId"], two["labelId"], two["comments"]) == (place.labeling.row_id(1), None, [])
    assert two["resolvedBy"] == two["createdBy"] == one["createdBy"]
    assert [each["id"] for each in exported("Open")] == [first.id]
    assert [each["id"] for each in exported("Resolved")] == [second.id]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda place: place.issue(" "), "need content"),
        (lambda place: place.issue().create_comment(""), "need content"),
        (lambda place: place.issue().update(content=" "), "need content"),
        (lambda place: place.project.create_issue_category("", ""), "needs a name"),
    ],
)
def test_nothing_said_is_refused(place: Place, act: Callable[[Place], Any], message: str) -> None:
    with pytest.raises(MalformedQueryException, match=message):
        act(place)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"labelId": NOBODY}, "There is no label c+ in project"),
        ({"categoryId": NOBODY}, "There is no category c+ in project"),
        ({"dataRowId": NOBODY}, "Data row c+ not found"),
        ({"projectId": NOBODY}, "Project c+ not found"),
    ],
)
def test_an_issue_speaks_of_what_is_there(client: Any, place: Place, wrong: dict[str, str], message: str) -> None:
    data = {"content": "x", "projectId": place.project.uid, "dataRowId": place.labeling.row_id(0), "type": "Issue"}
    with pytest.raises(ResourceNotFoundError, match=message):
        execute(client, CREATE, data=data | wrong)
    assert place.project.get_overview().issues == 0
    other = place.labeling.client.create_project("other", media_type=place.project.media_type)
    with pytest.raises(ResourceNotFoundError, match="There is no label"):
        execute(client, CREATE, data=data | {"projectId": other.uid, "labelId": place.label.uid})
    other.delete()
