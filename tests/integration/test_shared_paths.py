"""Packages that bring one path: who has it is settled, said, and the same after every repair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

SAYS = "alpha and beta have it with different content; alpha's is installed"


def _clashing(name: str) -> Wheel:
    return Wheel(
        name=name,
        files={"shared/__init__.py": f"owner = {name!r}\n", "shared/same.py": "same = 1\n"},
        scripts={"serve": f"#!python\nprint({name!r})\n"},
    )


@pytest.fixture
def locked(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """A driver of whose packages two bring `bin/serve` and `shared/__init__.py`, each its own."""
    index.add(command_wheel("web", requires=("alpha", "beta")), *map(_clashing, ("beta", "alpha")))
    run_envbuild.declare(declare_drivers({"web": ["web", "beta"]}, python=python_version))
    run_envbuild("lock", check=True)
    return run_envbuild


def test_it_is_said_and_costs_no_exit_code(locked: CommandLine) -> None:
    """`sync` and `verify` name both packages and whose file is there; what is alike is no clash."""
    synced = locked("sync", check=True)
    assert synced.stderr.count("[shared-path]") == 2
    verified = locked("verify", "--format", "json", check=True).json
    assert verified["clean"] is True
    assert [(one["code"], one["message"]) for one in verified["warnings"]] == [
        ("shared-path", SAYS)
    ] * 2
    assert [one["path"].rpartition("/")[2] for one in verified["warnings"]] == [
        "serve",
        "__init__.py",
    ]
    assert f"serve: {SAYS}" in locked("verify", check=True).stdout
    checked = locked("check", check=True)
    assert checked.stdout.count(f"{SAYS} [shared-path]") == 2
    assert "[shared-path]" not in locked("check", env={"ENVBUILD_STORE": "/nowhere"}).stdout


def test_a_repair_of_one_file_changes_nobody_elses(locked: CommandLine, store: Path) -> None:
    """A damaged script is its owner's again, and the module that both bring stays what it was."""
    locked("sync", check=True)
    environment = (store / "current" / "web").resolve()
    (module,) = environment.glob("lib/python3.*/site-packages/shared/__init__.py")
    script = environment / "bin" / "serve"
    before = module.read_bytes(), script.read_bytes()
    script.chmod(0o755)
    script.write_text("#!/bin/sh\n")
    assert locked("verify").code == 1
    locked("verify", "--repair", check=True)
    assert (module.read_bytes(), script.read_bytes()) == before
    assert b"alpha" in before[0]


def test_who_wants_none_of_it_refuses(locked: CommandLine, store: Path) -> None:
    """With `overlap = "refuse"` nothing is switched to, and each path is named, exit 1."""
    text = (locked.cwd / "drivers.toml").read_text()
    (locked.cwd / "drivers.toml").write_text(f'{text}overlap = "refuse"\n')
    result = locked("sync")
    assert result.code == 1, result
    assert result.stderr.count(f"{SAYS} [shared-path]") == 2
    assert "drivers.web.overlap" in result.stderr
    assert not (store / "current").exists()
    (locked.cwd / "drivers.toml").write_text(f'{text}overlap = "fight"\n')
    wrong = locked("sync")
    assert wrong.code == 2
    assert "drivers.web.overlap: 'fight' is neither 'warn' nor 'refuse'" in wrong.stderr
