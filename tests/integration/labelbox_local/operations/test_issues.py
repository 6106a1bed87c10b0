"""Operations on issues, their comments and their categories."""

from __future__ import annotations

from typing import Any

import httpx
from labelbox import Client, Dataset, Project
from labelbox.schema.issue import Issue, IssueStatus
from tests.integration.labelbox_local.conftest import add_label
from tests.integration.labelbox_local.operations.conftest import Line


def said(issue: Issue) -> tuple[Any, ...]:
    """What an issue says, and of what."""
    return issue.content, issue.status, issue.data_row_id, issue.label_id, issue.category_id


def listed(project: Project, **asked: Any) -> list[str]:
    return [issue.id for issue in project.get_issues(**asked)]


def test_issues(client: Client, fresh: Client, line: Line, project: Project, keys: list[str]) -> None:
    project.create_batch("labeled", global_keys=keys)
    add_label(project, keys[0])
    [label] = project.labels()
    row = client.get_data_row_by_global_key(keys[0]).uid
    made = project.create_issue("Not a car", row, label_id=label)
    kept = fresh.get_project(project.uid)
    assert said(made) == said(kept.get_issue(made.id)) == ("Not a car", IssueStatus.OPEN, row, label.uid, None)
    assert listed(kept) == listed(kept, status=IssueStatus.OPEN) == [made.id]
    changed = made.update(content="Not a bus")
    assert said(changed) == said(kept.get_issue(made.id)) == ("Not a bus", IssueStatus.OPEN, row, label.uid, None)
    resolved = changed.resolve()
    assert (resolved.status, resolved.resolved_by.uid) == (IssueStatus.RESOLVED, fresh.get_user().uid)
    assert (listed(kept, status=IssueStatus.OPEN), listed(kept, status=IssueStatus.RESOLVED)) == ([], [made.id])
    assert [each["content"] for each in httpx.get(project.export_issues("Resolved")).json()] == ["Not a bus"]
    opened = resolved.reopen()
    assert (opened.status, kept.get_issue(made.id).status) == (IssueStatus.OPEN, IssueStatus.OPEN)
    assert httpx.get(project.export_issues("Resolved")).json() == []
    assert opened.delete() is True
    assert (listed(kept), httpx.get(kept.export_issues()).json()) == ([], [])
    assert [each.uid for each in kept.labels()] == [label.uid]
    line.check(
        "CreateIssuePyApi", "GetIssuePyApi", "GetProjectIssuesPyApi", "UpdateIssuePyApi", "ResolveIssuePyApi",
        "OpenIssuePyApi", "DeleteIssuePyApi", "GetProjectIssuesExportPyApi",
    )  # fmt: skip


def test_comments(client: Client, fresh: Client, line: Line, project: Project, dataset: Dataset) -> None:
    issue = project.create_issue("Dark", dataset.create_data_row(row_data="https://example.com/dark.jpg"))
    first, second = issue.create_comment("Sure?"), issue.create_comment("Yes")
    kept = fresh.get_project(project.uid).get_issue(issue.id)
    assert [(each.id, each.content) for each in kept.comments()] == [(first.id, "Sure?"), (second.id, "Yes")]
    changed = first.update("Are you sure?")
    assert (changed.id, changed.content) == (first.id, "Are you sure?")
    assert [each.content for each in issue.comments()] == ["Are you sure?", "Yes"]
    assert second.delete() is True
    assert [each.content for each in kept.comments()] == ["Are you sure?"]
    line.check("CreateCommentPyApi", "GetIssueCommentsPyApi", "UpdateCommentPyApi", "DeleteCommentPyApi")


def test_issue_categories(client: Client, fresh: Client, line: Line, project: Project, dataset: Dataset) -> None:
    made = project.create_issue_category("Class", "Wrong class")
    assert (made.name, made.description) == ("Class", "Wrong class")
    row = dataset.create_data_row(row_data="https://example.com/class.jpg")
    issue = project.create_issue("Not a car", row, category_id=made.id)
    changed = made.update("Kind", "Wrong kind")
    assert (changed.id, changed.name, changed.description) == (made.id, "Kind", "Wrong kind")
    kept = fresh.get_project(project.uid)
    assert [(each.id, each.name) for each in kept.get_issue_categories()] == [(made.id, "Kind")]
    assert issue.category().description == "Wrong kind"
    assert made.delete() is True
    assert (project.get_issue_categories(), kept.get_issue(issue.id).category_id) == ([], None)
    line.check(
        "CreateIssueCategoryPyApi", "GetIssueCategoriesPyApi", "EditIssueCategoryPyApi", "DeleteIssueCategoryPyApi",
    )  # fmt: skip
