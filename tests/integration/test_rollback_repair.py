"""Ways out: back to what has changed, a number that is never used twice, a store that is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.repository import commit, git
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


@pytest.fixture
def moved(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """A driver with two generations."""
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=python_version))
    for version in ("1.0", "2.0"):
        index.add(command_wheel("web", version))
        run_envbuild("lock", "--upgrade", check=True)
        run_envbuild("sync", check=True)
    return run_envbuild


def test_back_to_what_has_changed(moved: CommandLine, store: Path) -> None:
    """It is refused with the way out; `--repair` takes it."""
    (old,) = store.glob("envs/web-1.0-*")
    module = next(old.glob("lib/python*/site-packages/web/cli.py"))
    text = module.read_text()
    module.chmod(0o644)
    module.write_text(f"{text}# changed\n")
    refused = moved("rollback")
    assert refused.code == 1
    assert "`envbuild rollback 1 --repair` restores it first" in refused.stderr
    assert moved("list", "--format", "json").json["generation"] == 2
    moved("rollback", "1", "--repair", check=True)
    assert moved("list", "--format", "json").json["generation"] == 1
    assert module.read_text() == text
    moved("verify", check=True)


def test_a_number_never_comes_again(moved: CommandLine, index: IndexServer) -> None:
    """After a rollback, gc removes the newest generation; the next sync does not take its number."""
    moved("rollback", check=True)
    assert "removed generation 2" in moved("gc", "--keep", "1", "--wait", check=True).stdout
    index.add(command_wheel("web", "3.0"))
    moved("lock", "--upgrade", check=True)
    assert "generation 3 is current" in moved("sync", check=True).stdout
    moved("gc", "--keep", "1", "--wait", check=True)
    assert [
        one["generation"] for one in moved("history", "--format", "json").json["generations"]
    ] == [3]
    moved("verify", check=True)


@pytest.mark.parametrize("verb", ["list", "ps", "gc", "doctor"])
def test_an_empty_store_is_no_error(verb: str, run_envbuild: CommandLine, store: Path) -> None:
    """It answers, in text and JSON, and makes nothing; a folder of others is refused."""
    done = run_envbuild(verb, check=True)
    assert done.stdout == f"nothing has been synced into {store} yet: run `envbuild sync`\n"
    assert isinstance(run_envbuild(verb, "--format", "json", check=True).json, dict)
    assert not store.exists()
    store.mkdir()
    assert run_envbuild(verb).code == 0
    (store / "file").touch()
    assert run_envbuild(verb).code == 5


def test_a_driver_that_is_not_locked_yet(moved: CommandLine, python_version: str) -> None:
    """`diff` names it, and compares the others."""
    git(moved.cwd, "init", "--quiet")
    commit(moved.cwd, "x")
    moved.declare(declare_drivers({"web": ["web"], "new": ["web"]}, python=python_version))
    for argv in (("diff",), ("diff", "--installed")):
        done = moved(*argv, check=True)
        assert "new: no lockfile yet, run `envbuild lock new`" in done.stdout
        assert "web" in done.stdout
        assert moved(*argv, "--format", "json").json["not_locked"] == ["new"]
        assert "new has no lockfile yet" in moved(*argv, "--format", "markdown").stdout
