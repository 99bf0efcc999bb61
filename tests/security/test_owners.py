"""Stores, declarations, settings and memories that belong to another user: he says nothing of what is run."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.security.conftest import web
from tests.support.plain_user import NOBODY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine

__all__ = ["web"]

ACTING = (
    ("run", "web", "--version"),
    ("sync",),
    ("gc",),
    ("rollback",),
    ("doctor",),
    ("probe",),
    ("verify", "--repair"),
    ("export", "llmhop", "web", "--image", "python:3.12", "--port", "80", "--arguments", ""),
)


@pytest.mark.root
def test_nobody_acts_in_the_store_of_a_stranger(web: CommandLine, store: Path) -> None:
    """The attacker owns a store, with all that its manifest and receipts say, and root is led to it.

    What reads it prints what is there; what would run, build or delete is refused.
    """
    web("sync", check=True)
    os.chown(store, NOBODY, NOBODY)
    python = store / "current/web/bin/python"
    true = python.readlink()
    for argv in ACTING:
        if argv[0] == "export":  # uv would ask this one what it is
            python.unlink()
            python.write_text(f"#!/bin/sh\ntouch {store}/ran\n")
            python.chmod(0o755)
        result = web(*argv)
        assert not (store / "ran").exists()
        assert result.code == 5, (argv, result)
        assert f"the store {store} belongs to user nobody" in result.stderr
        assert "--trust-owner" in result.stderr
    python.unlink()
    python.symlink_to(true)
    for reading in ("list", "history", "ps", "verify"):
        web(reading, check=True)
    assert web("which", "web", check=True).stdout.startswith(f"{store}/envs/")
    assert web("--trust-owner", "run", "web", "--version", check=True).stdout
    web("gc", "--trust-owner", check=True)


@pytest.mark.root
def test_nobody_acts_on_the_declaration_of_a_stranger(
    web: CommandLine, project: Path, store: Path
) -> None:
    """The attacker owns the folder of a checkout, or a single lockfile in it, and root works there.

    Whoever writes the declaration says which indexes get root's credentials, and which commands are probes.
    A pull request is looked at all the same, as in CI a checkout may belong to another user.
    """
    acting = (
        ("lock", "--upgrade"),
        ("sync",),
        ("probe",),
        ("add", "web", "base"),
        ("check", "--solve"),
    )
    for place in (project / "locks/web.toml", project):
        os.chown(place, NOBODY, NOBODY)
        for argv in acting[:-1] if place != project else acting:
            result = web(*argv)
            assert result.code == 2, (argv, result)
            assert f"the declaration's folder {project} belongs to user nobody" in result.stderr
        for reading in (("lock", "--check"), ("check",), ("show",), ("why", "web", "web")):
            web(*reading, check=True)
        assert place != project or web("lock").code == 2
        os.chown(place, 0, 0)
    assert not store.exists()
    web("sync", check=True)


@pytest.mark.root
def test_whom_a_user_trusts_he_says_himself(web: CommandLine, store: Path, isolation: Path) -> None:
    """The attacker owns the store, and may own the settings too, where root was given his home by sudo."""
    web("sync", check=True)
    os.chown(store, NOBODY, NOBODY)
    settings = isolation / ".config" / "envbuild" / "settings.toml"
    settings.parent.mkdir(parents=True)
    for text, code in (
        (f'trust = ["{store}"]\n', 0),
        ('trust = ["*"]\n', 0),
        ('trust = ["/"]\n', 5),
    ):
        settings.write_text(text)
        assert web("gc").code == code, text
    settings.write_text('trust = ["*"]\n')
    os.chown(settings, NOBODY, NOBODY)
    assert web("gc").code == 5
    assert web("gc", env={"SUDO_UID": str(NOBODY)}).code == 0
    os.chown(settings, 0, 0)
    settings.write_text('trusted = ["*"]\n')
    result = web("gc")
    assert result.code == 2
    assert "did you mean trust?" in result.stderr


def _program(path: Path, told: Path) -> Path:
    path.write_text(f"#!/bin/sh\ntouch {told}\n")
    path.chmod(0o755)
    return path


def test_a_doctor_starts_what_was_recorded(web: CommandLine, store: Path, scratch: Path) -> None:
    """The attacker may write receipts, as after a restore with open modes, and names a program of his."""
    web("sync", check=True)
    told = scratch / "told"
    (receipt,) = (store / "receipts").glob("*.json")
    head, rest = receipt.read_text().split("\n", 1)
    fields = json.loads(head.rstrip().removesuffix(",") + "}")
    fields["python"] = str(_program(scratch / "python3.12", told))
    receipt.write_text(json.dumps(fields).removesuffix("}") + ",\n" + rest)
    result = web("doctor")
    assert result.code == 1
    assert "its receipt is not the recorded one, so no interpreter was started" in result.stdout
    assert not told.exists()


@pytest.mark.root
def test_a_sync_starts_no_python_that_another_user_remembered(
    web: CommandLine, store: Path, scratch: Path
) -> None:
    """The attacker has written down which Pythons there are, in the store that root was told to trust."""
    web("sync", check=True)
    told, first = scratch / "told", scratch / "python3.11"
    first.write_text("")
    second = _program(scratch / "python3.12", told)
    memory = store / "cache" / "interpreters.json"
    fields = json.loads(memory.read_text())
    ((known, *_)) = fields["pythons"].values()
    answer = {**known["answer"], "base": str(second)}
    status = first.stat()
    planted = {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "answer": answer}
    fields["pythons"][str(first)] = planted
    memory.write_text(json.dumps(fields))
    os.chown(memory, NOBODY, NOBODY)
    shutil.rmtree(store / "envs")
    web("sync", check=True)
    assert not told.exists()
