"""Exported files with exact paths: gc keeps what they name, and they can be written anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


@pytest.fixture
def exported(
    run_envbuild: CommandLine, index: IndexServer, scratch: Path, python_version: str
) -> Path:
    """A file that names the first of two generations' environment."""
    index.add(command_wheel("web", "1.0"))
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=python_version))
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    run_envbuild("export", "env", "--out", str(scratch / "etc"), check=True)
    index.add(command_wheel("web", "2.0"))
    run_envbuild("lock", "--upgrade", check=True)
    run_envbuild("sync", check=True)
    return scratch / "etc/envbuild.env"


def test_what_is_exported_is_kept(run_envbuild: CommandLine, exported: Path, store: Path) -> None:
    """gc says why; doctor says that it is out of date; the binary that the file names still starts."""
    done = run_envbuild("gc", "--keep", "1", "--wait", check=True)
    assert f"exported in {exported}" in done.stdout
    (old,) = store.glob("envs/web-1.0-*")
    assert str(old) in exported.read_text()
    said = run_envbuild("doctor")
    assert f"{exported}: it names {old.name}, which is no longer current" in said.stdout
    assert "`envbuild export --refresh` renews it" in said.stdout


def test_written_anew(run_envbuild: CommandLine, exported: Path, store: Path) -> None:
    """Then it names what is current, and gc removes the old one."""
    done = run_envbuild("export", "--refresh", check=True)
    assert done.stdout == f"{exported}: written again\n"
    assert "/envs/web-2.0-" in exported.read_text()
    assert run_envbuild("export", "--refresh", check=True).stdout == f"{exported}: unchanged\n"
    assert "old-export" not in run_envbuild("doctor", "--format", "json").stdout
    run_envbuild("gc", "--keep", "1", "--wait", check=True)
    assert not list(store.glob("envs/web-1.0-*"))


def test_sync_writes_them_anew(
    run_envbuild: CommandLine, exported: Path, index: IndexServer
) -> None:
    """`sync` writes the roots anew after the switch."""
    index.add(command_wheel("web", "3.0"))
    run_envbuild("lock", "--upgrade", check=True)
    run_envbuild("sync", "--refresh-exports", check=True)
    assert "/envs/web-3.0-" in exported.read_text()


def test_a_root_lives_as_long_as_its_file(
    run_envbuild: CommandLine, exported: Path, store: Path
) -> None:
    """A file that is gone, or says something else, keeps nothing."""
    assert len(list(store.glob("roots/*.json"))) == 1
    exported.write_text("WEB_BIN=/usr/bin/web\n")
    run_envbuild("gc", "--keep", "1", "--wait", check=True)
    assert not list(store.glob("envs/web-1.0-*"))
    assert not list(store.glob("roots/*.json"))
    refreshed = run_envbuild("export", "--refresh", check=True)
    assert refreshed.stdout == "no file was exported with exact paths\n"


def test_stable_paths_are_no_roots(
    run_envbuild: CommandLine, exported: Path, scratch: Path, store: Path
) -> None:
    """They follow every switch by themselves."""
    exported.unlink()
    run_envbuild("export", "env", "--stable", "--out", str(scratch / "other"), check=True)
    run_envbuild("gc", "--keep", "1", "--wait", check=True)
    assert not list(store.glob("envs/web-1.0-*"))


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ((), "name the format to export"),
        (("env", "--refresh"), "--refresh takes no format"),
    ],
)
def test_command_lines_that_say_too_little_or_too_much(
    run_envbuild: CommandLine, argv: tuple[str, ...], said: str
) -> None:
    """Exit 2 with one message."""
    refused = run_envbuild("export", *argv)
    assert refused.code == 2
    assert said in refused.stderr
