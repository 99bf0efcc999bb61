"""`envbuild outdated` against an index of the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import Sdist, Wheel

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


@pytest.fixture
def fleet(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """One driver that is locked; then newer versions come."""
    index.add(
        Wheel(name="web", version="1.0", requires=("core<2", "glue")),
        Wheel(name="glue", version="1.0", requires=("core>=1",)),
        Wheel(name="core", version="1.0"),
        Wheel(name="tool", version="1.0"),
        Wheel(name="idle", version="1.0"),
    )
    drivers = {"app": ["web", "core", "tool<2", "idle"], "other": ["idle"]}
    run_envbuild.declare(declare_drivers(drivers, python=python_version))
    run_envbuild("lock", check=True)
    index.add(
        Wheel(name="web", version="1.1"),
        Wheel(name="core", version="1.5"),
        Wheel(name="core", version="2.0"),
        Wheel(name="core", version="3.0rc1"),
        Wheel(name="tool", version="1.4"),
        Wheel(name="tool", version="2.1"),
        Wheel(name="glue", version="1.0.1"),
    )
    return run_envbuild


def packages(envbuild: CommandLine, *words: str) -> dict[str, dict[str, object]]:
    """The packages of `app` in the JSON output."""
    drivers = envbuild("outdated", *words, "--format", "json", check=True).json["drivers"]
    return {one["name"]: one for one in drivers[0]["packages"]}


def test_what_is_newer_and_what_holds_it(fleet: CommandLine) -> None:
    """Locked, in range, newest, the chain that holds it back; pre-releases are not newest."""
    found = packages(fleet, "app")
    assert {name: (one["locked"], one["in_range"], one["newest"]) for name, one in found.items()} == {
        "core": ("1.0", "2.0", "2.0"),
        "tool": ("1.0", "1.4", "2.1"),
        "web": ("1.0", "1.1", "1.1"),
    }  # fmt: skip
    assert found["core"]["held_by"] == [
        {"chain": ["web 1.0"], "specifier": "<2", "kind": "requirement"}
    ]
    assert found["tool"]["held_by"] == [{"chain": [], "specifier": "<2", "kind": "requirement"}]
    assert [name for name, one in found.items() if one["major"]] == ["core", "tool"]
    assert "glue" in packages(fleet, "app", "--all")


def test_as_text(fleet: CommandLine) -> None:
    """A table for each driver, major moves apart, and what takes the rest."""
    assert (
        fleet("outdated", check=True).stdout
        == """\
app: 3 of 4 packages outdated
  newer
    package  locked  in range  newest
    web      1.0     1.1       1.1
  newer, another major version
    package  locked  in range  newest
    core     1.0     2.0       2.0     held by web 1.0: <2
    tool     1.0     1.4       2.1     held by app: <2
  `envbuild lock app --upgrade` takes what the ranges allow
other: 1 package, none outdated
"""
    )
    text = fleet("outdated", "--format", "markdown", check=True).stdout
    assert "| tool | 1.0 | 1.4 | 2.1 | held by app: \\<2 |" in text


def test_the_exit_code_is_asked_for(fleet: CommandLine) -> None:
    """0 in any case, with `--exit-code` 1 if a driver that was asked for is behind."""
    assert fleet("outdated").code == 0
    assert fleet("outdated", "--exit-code").code == 1
    assert fleet("outdated", "--exit-code", "other").code == 0


def test_withdrawn(fleet: CommandLine, index: IndexServer) -> None:
    """Yanked since it was locked, archived by its owner, removed from its index."""
    index.add(Wheel(name="idle", version="1.0"), yanked="leaks \x1b[31mmemory")
    index.statuses["tool"] = "archived"
    index.remove("web")
    found = packages(fleet)
    assert (found["idle"]["yanked"], found["tool"]["status"]) == ("leaks [31mmemory", "archived")
    assert (found["web"]["status"], found["web"]["newest"]) == ("removed", None)
    text = fleet("outdated", check=True).stdout
    assert "the locked version is yanked: leaks [31mmemory" in text
    assert "held by app: <2; the project is archived" in text
    assert "the project is removed" in text
    assert fleet("outdated", "--exit-code", "other").code == 1


def test_what_a_target_cannot_take(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A version without a wheel, or for newer Pythons alone, is named with the reason."""
    index.add(Wheel(name="tool", version="1.0"), Wheel(name="late", version="1.0"))
    run_envbuild.declare(declare_drivers({"app": ["tool", "late"]}, python=python_version))
    run_envbuild("lock", check=True)
    index.add(
        Sdist(wheel=Wheel(name="tool", version="1.2")),
        Wheel(name="late", version="1.1", requires_python=">=3.99"),
    )
    found = packages(run_envbuild)
    assert {name: (one["in_range"], one["newest"]) for name, one in found.items()} == {
        "late": ("1.0", "1.1"),
        "tool": ("1.0", "1.2"),
    }
    said = run_envbuild("outdated", check=True).stdout
    assert "tool has only source distributions" in said
    assert f"late has nothing for Python {python_version}" in said


def test_bad_input(fleet: CommandLine, index: IndexServer) -> None:
    """No such driver, no lockfile, no index: exit 2, 2 and 4, each in words."""
    assert "there is no driver 'ap'" in fleet("outdated", "ap").stderr
    assert fleet("outdated", "ap").code == 2
    index.stop()
    gone = fleet("outdated")
    assert (gone.code, "cannot be reached" in gone.stderr) == (4, True), gone
    (fleet.cwd / "locks/app.toml").unlink()
    missing = fleet("outdated")
    assert (missing.code, "app has no lockfile" in missing.stderr) == (2, True)
