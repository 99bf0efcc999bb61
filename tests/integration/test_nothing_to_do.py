"""A sync or lock with nothing to do is recognised at once, and everything that moves is noticed."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


@pytest.fixture
def synced(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """One driver, locked and synced."""
    index.add(command_wheel("web", "1.0", requires=("base",)), Wheel(name="base"))
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=python_version))
    run_envbuild("lock", check=True)
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    return run_envbuild


def _is_quick(run: CommandLine, *argv: str) -> bool:
    """Whether the command was answered without the declaration's parser."""
    result = run(*argv, env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert result.code == 0, result
    return "tomllib" not in result.stderr


def test_nothing_to_do_parses_nothing(synced: CommandLine) -> None:
    """Neither the declaration nor a lockfile is parsed when nothing has changed."""
    for argv in (("sync",), ("lock",), ("lock", "--check")):
        assert _is_quick(synced, *argv), argv
    assert "nothing to do: generation 1 has 1 driver as declared" in synced("sync").stdout
    assert synced("lock").stdout == "web 1.0: fresh, 2 packages\n"


def _touch_declaration(project: Path, _store: Path) -> None:
    with (project / "drivers.toml").open("a") as stream:
        stream.write("# another comment\n")


def _remove_receipt(_project: Path, store: Path) -> None:
    next((store / "receipts").glob("*.json")).unlink()


def _remove_environment(_project: Path, store: Path) -> None:
    environment = next((store / "envs").iterdir())
    for path in (environment, *environment.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(environment)


def _remove_current(_project: Path, store: Path) -> None:
    (store / "current").unlink()


@pytest.mark.parametrize(
    "disturb", [_touch_declaration, _remove_receipt, _remove_environment, _remove_current]
)
def test_whatever_moves_is_noticed(
    synced: CommandLine, project: Path, store: Path, disturb: Callable[[Path, Path], None]
) -> None:
    """The stamp is believed only while all it rests on is the same; then sync puts it right."""
    disturb(project, store)
    assert not _is_quick(synced, "sync")
    assert os.access(store / "current/bin/web", os.X_OK)
    assert _is_quick(synced, "sync")


def test_a_changed_lockfile_is_noticed(synced: CommandLine, project: Path) -> None:
    """A byte more in a lockfile is no fresh lockfile, for `lock --check` and for `sync`."""
    with (project / "locks/web.toml").open("a") as stream:
        stream.write("\n")
    assert synced("lock", "--check").code == 1
    assert synced("sync").code == 1


def test_a_lockfile_of_nobody_is_noticed(synced: CommandLine, project: Path) -> None:
    """A lockfile that appears beside fresh ones is said."""
    shutil.copy(project / "locks/web.toml", project / "locks/old.toml")
    assert "locks/old.toml belongs to no declared driver" in synced("lock").stdout
