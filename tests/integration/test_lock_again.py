"""`envbuild lock` of what was locked before: quicker, and in no byte otherwise than without a lockfile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.scenarios import load_scenario
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


@pytest.mark.parametrize("metadata_beside", [True, False])
def test_no_metadata_is_asked_that_is_locked(
    run_envbuild: CommandLine,
    index: IndexServer,
    project: Path,
    python_version: str,
    metadata_beside: bool,
) -> None:
    """A range that moves no pin costs the pages and nothing else, on a host that never locked before too."""
    load_scenario("diamond").fill(index)
    index.offer = replace(index.offer, metadata=metadata_beside)
    run_envbuild.declare(declare_drivers({"app": ["top"]}, python=python_version))
    run_envbuild("lock", check=True)
    first = (project / "locks/app.toml").read_text()
    run_envbuild.declare(declare_drivers({"app": ["top>=0.1"]}, python=python_version))
    before = len(index.asked())
    another_host = {"XDG_CACHE_HOME": str(project / "empty-cache")}
    run_envbuild("lock", env=another_host, check=True)
    asked = [asked.path for asked in index.asked()[before:]]
    assert asked
    assert all(path.startswith("/simple/") for path in asked), asked
    packages = first.partition("[[package]]")[2]
    assert (project / "locks/app.toml").read_text().partition("[[package]]")[2] == packages


def test_a_wheel_that_was_replaced_is_read_again(
    run_envbuild: CommandLine, index: IndexServer, project: Path, python_version: str
) -> None:
    """A replaced release that is accepted is taken at the index's word of now, not of the lockfile's."""
    index.add(Wheel(name="one", requires=("two",)), Wheel(name="two"), Wheel(name="three"))
    run_envbuild.declare(declare_drivers({"app": ["one"]}, python=python_version))
    run_envbuild("lock", check=True)
    index.add(Wheel(name="one", requires=("three",)))
    run_envbuild.declare(declare_drivers({"app": ["one>=0.1"]}, python=python_version))
    run_envbuild("lock", "--upgrade-package", "one", check=True)
    again = (project / "locks/app.toml").read_bytes()
    (project / "locks/app.toml").unlink()
    run_envbuild("lock", check=True)
    assert (project / "locks/app.toml").read_bytes() == again
    assert b'name = "three"' in again
    assert b'name = "two"' not in again


def test_a_requirement_with_an_address_is_refused_with_and_without_a_lockfile(
    run_envbuild: CommandLine, index: IndexServer, project: Path, python_version: str
) -> None:
    """A lockfile leaves the address out; the extra that needs it is refused all the same."""
    address = "https://packages.example.com/two-1.0-py3-none-any.whl"
    index.add(Wheel(name="one", requires=(f'two @ {address} ; extra == "x"',)), Wheel(name="two"))
    run_envbuild.declare(declare_drivers({"app": ["one"]}, python=python_version))
    run_envbuild("lock", check=True)
    run_envbuild.declare(declare_drivers({"app": ["one[x]"]}, python=python_version))
    again = run_envbuild("lock", "-q")
    (project / "locks/app.toml").unlink()
    plain = run_envbuild("lock", "-q")
    assert again.code != 0
    assert (again.code, again.stderr) == (plain.code, plain.stderr)


def test_what_moves_comes_out_as_without_knowledge(
    run_envbuild: CommandLine, index: IndexServer, project: Path, python_version: str
) -> None:
    """Pins that stay and pins that go are those that uv itself chooses with the same preferences."""
    index.add(
        Wheel(name="top", version="1.0", requires=("mid", "low<2")),
        Wheel(name="top", version="2.0", requires=("mid>=2", "low")),
        Wheel(name="mid", version="1.0", requires=("low",)),
        Wheel(name="low", version="1.0"),
    )
    run_envbuild.declare(declare_drivers({"app": ["top<2"]}, python=python_version))
    run_envbuild("lock", check=True)
    index.add(
        Wheel(name="mid", version="2.0", requires=("low>=1",)), Wheel(name="low", version="2.0")
    )
    run_envbuild.declare(declare_drivers({"app": ["top>=2"]}, python=python_version))
    moved = run_envbuild("lock", "--format", "json", check=True)
    after = {c["package"]: c["after"] for c in moved.json["drivers"]["app"]["changes"]}
    assert after == {"top": ["2.0"], "mid": ["2.0"]}


def test_only_its_own_configuration_reaches_uv(
    run_envbuild: CommandLine, index: IndexServer, project: Path, python_version: str
) -> None:
    """The file that carries what is known is the only one that is read: the user's steer nothing."""
    load_scenario("diamond").fill(index)
    run_envbuild.declare(declare_drivers({"app": ["top"]}, python=python_version))
    run_envbuild("lock", check=True)
    for folder in (project, project / "home/.config/uv"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "uv.toml").write_text("no-index = true\n")
    run_envbuild.declare(declare_drivers({"app": ["top>=0.1"]}, python=python_version))
    run_envbuild("lock", check=True)
