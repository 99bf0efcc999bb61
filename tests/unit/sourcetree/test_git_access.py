"""What git is told: by whom it is trusted, and that ssh never asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.sourcetree.git_access import GitLogin, access_to

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SSH = "ssh://git@git.example.com/svc.git"
HTTPS = "https://git.example.com:8443/svc.git"


@pytest.mark.parametrize(
    ("environment", "own"),
    [
        ({"GIT_SSH_COMMAND": "ssh -i key"}, frozenset()),
        ({"GIT_SSH": "/opt/ssh"}, frozenset()),
        ({}, frozenset({"core.sshcommand"})),
    ],
)
def test_a_command_of_the_users_own_counts(
    environment: Mapping[str, str], own: frozenset[str], tmp_path: Path
) -> None:
    """It gets no questions through either."""
    found = access_to(SSH, None, environment, own, tmp_path).variables
    assert found == {"SSH_ASKPASS": "false", "SSH_ASKPASS_REQUIRE": "force"}


@pytest.mark.parametrize("url", [SSH, "git@git.example.com:svc.git"])
def test_ssh_asks_nobody_and_waits_for_nobody(url: str, tmp_path: Path) -> None:
    """No question, a limit to connect, and a limit to a server that is gone."""
    command = access_to(url, None, {"HOME": "/"}, frozenset(), tmp_path).variables[
        "GIT_SSH_COMMAND"
    ]
    assert "-oBatchMode=yes" in command
    assert "-oConnectTimeout=" in command
    assert "-oServerAliveInterval=" in command


@pytest.mark.parametrize("alone", [False, True])
def test_a_password_is_in_no_word_of_a_command(alone: bool, tmp_path: Path) -> None:
    """And it is for that server alone; what the host's variable says goes before the user's helpers."""
    login = GitLogin(user="me", password="s3cret", alone=alone)
    found = access_to(HTTPS, login, {}, frozenset(), tmp_path)
    assert "s3cret" not in f"{found.settings}{login!r}"
    assert "s3cret" in found.variables.values()
    helpers = [one.partition("=")[0] for one in found.settings if "credential." in one]
    place = "credential.https://git.example.com:8443.helper"
    assert helpers == (["credential.helper", place, place] if alone else [place])


def test_a_user_without_a_password_is_named(tmp_path: Path) -> None:
    """Helpers are asked for it."""
    found = access_to(HTTPS, GitLogin(user="me", password=None), {}, frozenset(), tmp_path)
    assert "credential.https://git.example.com:8443.username=me" in found.settings


def test_files_need_no_access(tmp_path: Path) -> None:
    """A repository on this host is read as it is."""
    given = {"SSL_CERT_FILE": str(tmp_path / "none")}
    assert access_to("file:///srv/svc.git", None, given, frozenset(), tmp_path) == ((), {})
