"""Users, roles and invites through the unmodified SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from labelbox import ProjectRole
from lbox.exceptions import LabelboxError, MalformedQueryException

if TYPE_CHECKING:
    from labelbox import Client, Project
    from tests.integration.labelbox_local.conftest import Server


def test_invites_to_projects(client: Client, server: Server, project: Project) -> None:
    organization, roles = client.get_organization(), client.get_roles()
    before = organization.invite_limit()
    email = f"{uuid4()}@example.com"
    invite = organization.invite_user(email, roles["NONE"], [ProjectRole(project, roles["LABELER"])])
    assert (invite.email, invite.organization_role_name) == (email, "None")
    assert organization.invite_limit().remaining == before.remaining - 1
    [shown] = organization.get_project_invites(project.uid)
    [role] = shown.project_roles
    assert (shown.uid, role.project.uid, role.role.name) == (invite.uid, project.uid, "LABELER")
    assert invite.uid in {each.uid for each in organization.get_invites()}
    server.admin("POST", "users", email=email)
    assert list(organization.get_project_invites(project.uid)) == []
    [member] = [each for each in project.members() if each.user().email == email]
    assert (member.role().name, member.access_from) == ("Labeler", "PROJECT_MEMBERSHIP")
    organization.remove_user(member.user())
    assert email not in {each.user().email for each in project.members()}


def test_invites_to_the_organization(client: Client, server: Server, project: Project) -> None:
    organization, roles = client.get_organization(), client.get_roles()
    email = f"{uuid4()}@example.com"
    own = client.get_user().email
    results = organization.invite_users([email, own, "no address", email.upper()], roles["LABELER"])
    assert [each.status for each in results] == ["INVITED", "ALREADY_MEMBER", "INVALID_EMAIL", "DUPLICATE"]
    assert organization.invite_users([email], roles["LABELER"])[0].status == "ALREADY_INVITED"
    [invite] = [each for each in organization.get_invites() if each.email == email]
    assert (invite.uid, invite.organization_role_name) == (results[0].invite_id, "Labeler")
    assert invite.cancel() is True
    assert invite.cancel() is False
    [again] = organization.invite_users([email], roles["REVIEWER"], projects=[project])
    assert again.status == "INVITED"
    with pytest.raises(LabelboxError):
        organization.invite_user(own, roles["LABELER"])


def test_seats_are_limited(client: Client, server: Server) -> None:
    organization, labeler = client.get_organization(), client.get_roles()["LABELER"]
    used = organization.invite_limit().used
    server.admin("POST", "switches", invites=used)
    try:
        assert organization.invite_limit().remaining == 0
        [result] = organization.invite_users([f"{uuid4()}@example.com"], labeler)
        assert result.status == "SEAT_LIMIT"
        with pytest.raises(MalformedQueryException):
            organization.invite_user(f"{uuid4()}@example.com", labeler)
    finally:
        server.admin("POST", "switches", invites=100)


def test_who_was_removed_can_come_back(client: Client, server: Server) -> None:
    email = f"{uuid4()}@example.com"
    made = server.admin("POST", "users", email=email, name="Somebody", role="Reviewer")
    [user] = [each for each in client.get_users() if each.uid == made["id"]]
    assert (user.email, user.name, user.org_role().name) == (email, "Somebody", "Reviewer")
    client.get_organization().remove_user(user)
    assert server.admin("POST", "users", email=email)["id"] == user.uid
    client.get_organization().remove_user(user)
    with pytest.raises(MalformedQueryException):
        client.get_organization().remove_user(client.get_user())
