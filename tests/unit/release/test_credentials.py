"""Credentials as docker's and podman's files have them."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import UsageError
from envbuild.posix.process import SystemRunner
from envbuild.release.credentials import RegistryCredentials

if TYPE_CHECKING:
    from pathlib import Path


def encoded(text: str) -> dict[str, str]:
    """An entry of `auths`."""
    return {"auth": base64.b64encode(text.encode()).decode()}


def credentials(home: Path, **environ: str) -> RegistryCredentials:
    """Those of a user with this home."""
    own = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run"), "PATH": str(home / "bin")}
    return RegistryCredentials(environ={**own, **environ}, runner=SystemRunner())


def write(path: Path, table: object) -> None:
    """Write a file of JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(table))


def test_the_most_exact_entry_counts(tmp_path: Path) -> None:
    """A repository's entry goes before that of the folder above, and this before the host's."""
    auths = {
        "r.example": encoded("host:1"),
        "r.example/a": encoded("folder:2:3"),
        "r.example/a/b": {"username": "exact", "password": "4"},
        "https://index.example/v1/": encoded("old:5"),
    }
    write(tmp_path / ".docker/config.json", {"auths": auths})
    found = credentials(tmp_path)
    assert found.find("r.example", "a/b") == ("exact", "4")
    assert found.find("r.example", "a/c") == ("folder", "2:3")
    assert found.find("r.example", "x") == ("host", "1")
    assert found.find("index.example", "x") == ("old", "5")
    assert found.find("other.example", "x") is None


def test_the_first_file_that_has_some_counts(tmp_path: Path) -> None:
    """podman's files go before docker's, and the one that a variable names before all."""
    named = tmp_path / "named.json"
    write(tmp_path / ".docker/config.json", {"auths": {"r": encoded("docker:1")}})
    assert credentials(tmp_path).find("r", "x") == ("docker", "1")
    write(tmp_path / ".config/containers/auth.json", {"auths": {"r": encoded("config:2")}})
    assert credentials(tmp_path).find("r", "x") == ("config", "2")
    write(tmp_path / "run/containers/auth.json", {"auths": {"r": encoded("run:3")}})
    assert credentials(tmp_path).find("r", "x") == ("run", "3")
    write(named, {"auths": {"other": encoded("no:0")}})
    assert credentials(tmp_path, REGISTRY_AUTH_FILE=str(named)).find("r", "x") == ("run", "3")
    write(named, {"auths": {"r": encoded("named:4")}})
    assert credentials(tmp_path, REGISTRY_AUTH_FILE=str(named)).find("r", "x") == ("named", "4")


def test_a_helper_is_asked(tmp_path: Path) -> None:
    """A program `docker-credential-NAME` gets the host on its stdin; one that knows nothing gives nothing."""
    helper = tmp_path / "bin/docker-credential-vault"
    helper.parent.mkdir()
    helper.write_text(
        "#!/bin/sh\nread -r host || true\n"
        'test "$1 $host" = "get r.example" || exit 1\n'
        'echo \'{"Username": "ops", "Secret": "s3cret"}\'\n'
    )
    helper.chmod(0o755)
    write(tmp_path / ".docker/config.json", {"credsStore": "vault", "auths": {"r.example": {}}})
    assert credentials(tmp_path).find("r.example", "x") == ("ops", "s3cret")
    assert credentials(tmp_path).find("other.example", "x") is None
    write(tmp_path / ".docker/config.json", {"credHelpers": {"r.example": "gone"}})
    with pytest.raises(UsageError, match="docker-credential-gone"):
        credentials(tmp_path).find("r.example", "x")
    write(tmp_path / ".docker/config.json", {"credHelpers": {"r.example": "../bin/sh"}})
    with pytest.raises(UsageError, match="not on PATH"):
        credentials(tmp_path).find("r.example", "x")


@pytest.mark.parametrize("text", ["", "[1]", "{", "[" * 100_000])
def test_a_damaged_file_is_named_and_no_secret_is_shown(tmp_path: Path, text: str) -> None:
    """What cannot be parsed is exit code 2 with the file; what is no table has no credentials."""
    path = tmp_path / ".docker/config.json"
    path.parent.mkdir()
    path.write_text(text)
    if text == "[1]":
        assert credentials(tmp_path).find("r", "x") is None
        return
    with pytest.raises(UsageError, match=r"config\.json"):
        credentials(tmp_path).find("r", "x")


@pytest.mark.parametrize(
    "entry", [{}, {"auth": "*"}, {"auth": 1}, {"auth": base64.b64encode(b"nobody").decode()}, []]
)
def test_an_entry_without_a_password_is_none(tmp_path: Path, entry: object) -> None:
    """`docker login` with a store leaves empty entries."""
    write(tmp_path / ".docker/config.json", {"auths": {"r": entry}})
    assert credentials(tmp_path).find("r", "x") is None
