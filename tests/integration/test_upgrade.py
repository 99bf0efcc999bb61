"""`envbuild lock --dry-run` and `envbuild upgrade` against an index of the tests: nothing is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


@pytest.fixture
def fleet(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """Three drivers that are locked; then newer versions come, and `app` then conflicts with another driver."""
    index.add(
        Wheel(name="web", version="1.0", requires=("core<2",)),
        Wheel(name="old", version="1.0", requires=("core<2",)),
        Wheel(name="new", version="1.0", requires=("core>=2",)),
        Wheel(name="core", version="1.0"),
        Wheel(name="core", version="2.0"),
    )
    drivers = {"app": ["web"], "first": ["old==1.0"], "second": ["new"]}
    run_envbuild.declare(declare_drivers(drivers, python=python_version))
    run_envbuild("lock", check=True)
    index.add(Wheel(name="web", version="2.0", requires=("core>=2",)))
    return run_envbuild


def locks(envbuild: CommandLine) -> dict[str, bytes]:
    """Every file beside the declaration, with its content."""
    return {str(file): file.read_bytes() for file in envbuild.cwd.rglob("*.toml") if file.is_file()}


def test_an_upgrade_is_shown_and_not_written(fleet: CommandLine) -> None:
    """Moves as `diff` shows them, the conflict that would come with its chains, the one that would go."""
    before = locks(fleet)
    done = fleet("upgrade", check=True)
    assert (
        re.sub(r", \d+ B \w+ to download", "", done.stdout)
        == """\
app 1.0 → 2.0: 2 changes
  major versions
    ~ core 1.0 → 2.0
    ~ web 1.0 → 2.0
the same as in what is locked: first, second
conflicts
  app × first now conflict
    core
      app (drivers.toml:8) → web 2.0 → core >=2
      first (drivers.toml:11) → old 1.0 → core <2
  app × second no longer conflict
nothing was written; `envbuild lock --upgrade` writes it
"""
    )
    assert fleet("lock", "--dry-run", "--upgrade", check=True).stdout == done.stdout
    assert locks(fleet) == before
    fleet("lock", "--upgrade", check=True)
    assert fleet("upgrade", check=True).stdout.startswith("the same as in what is locked: app,")


def test_as_json_and_markdown(fleet: CommandLine) -> None:
    """The same facts in both."""
    table = fleet("upgrade", "app", "--format", "json", check=True).json
    assert table["drivers"]["app"]["after"] == "2.0"
    assert [(one["first"], one["second"]) for one in table["appeared"]] == [("app", "first")]
    assert table["vanished"] == [["app", "second"]]
    assert table["command"] == "envbuild lock app --upgrade"
    text = fleet("upgrade", "--format", "markdown", check=True).stdout
    assert "2 drivers changed" not in text
    assert "1 driver changed, 1 new conflict, 1 conflict gone" in text
    assert "**app × first now conflict**" in text


def test_one_package(fleet: CommandLine, index: IndexServer) -> None:
    """Only the named package moves."""
    index.add(Wheel(name="core", version="2.5"))
    words = ("--upgrade-package", "core")
    drivers = fleet("upgrade", *words, "--format", "json", check=True).json["drivers"]
    moved = {name: [one["package"] for one in diff["changes"]] for name, diff in drivers.items()}
    assert moved == {"app": [], "first": [], "second": ["core"]}


def test_a_lock_without_an_upgrade(fleet: CommandLine) -> None:
    """What a changed declaration would do, for a driver without a lockfile too."""
    assert fleet("lock", "--dry-run", check=True).stdout == (
        "the same as in what is locked: app, first, second\n"
    )
    declaration = fleet.cwd / "drivers.toml"
    declaration.write_text(declaration.read_text() + '\n[drivers.third]\nrequires = ["core<2"]\n')
    text = fleet("lock", "--dry-run", check=True).stdout
    assert "third 1.0: new" in text
    assert "second × third now conflict" in text
    assert not (fleet.cwd / "locks" / "third.toml").exists()


def test_what_cannot_be_locked(fleet: CommandLine) -> None:
    """The same errors and exit codes as those of the lock."""
    assert fleet("upgrade", "nobody").code == 2
    assert fleet("lock", "--dry-run", "--check").code == 2
    assert fleet("lock", "--dry-run", "--cross-check").code == 2
    assert fleet("lock", "--format", "markdown").code == 2
    declaration = fleet.cwd / "drivers.toml"
    declaration.write_text(declaration.read_text().replace('"old==1.0"', '"old==9"'))
    assert fleet("upgrade").code == 3
    done = fleet("upgrade", "--keep-going")
    assert done.code == 3
    assert "first: failed, its lockfile would stay" in done.stdout
    assert "app 1.0 → 2.0" in done.stdout
