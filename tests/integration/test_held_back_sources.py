"""Packages that only a source distribution asks for are named with the others."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.index_server import Offer
from tests.support.wheels import Sdist, Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


def _fill(index: IndexServer, project: Path) -> None:
    open_to_builds = project / "ran"
    open_to_builds.mkdir()
    open_to_builds.chmod(0o777)
    asking = Wheel(name="old-one", requires=("middle", "nothing; extra == 'no'"))
    index.add(
        Wheel(name="tool", version="2.0", requires=("old-one",)),
        Sdist(wheel=asking, tells=open_to_builds / "it"),
        Wheel(name="middle", requires=("old-two", "low<2")),
        Wheel(name="middle", version="2.0", requires=("old-two", "low>=2")),
        Wheel(name="low"),
        Sdist(wheel=Wheel(name="old-two")),
    )


def test_what_a_source_distribution_needs_is_named_at_once(
    run_envbuild: CommandLine, index: IndexServer, python_version: str, project: Path
) -> None:
    """The line to write is complete: what stands in source distributions is read, and nothing of them is run.

    What the newest of the packages further down would contradict is no reason to be silent.
    """
    _fill(index, project)
    index.add(Wheel(name="tool", version="0.1"))
    run_envbuild.declare(declare_drivers({"app": ["tool"]}, python=python_version))
    said = run_envbuild("lock", check=True).stdout
    assert (
        "tool 2.0 was passed over for 0.1: old-one, old-two have only source distributions" in said
    )
    assert not (project / "ran" / "it").exists()


def test_a_lock_that_fails_names_them_too(
    run_envbuild: CommandLine, index: IndexServer, python_version: str, project: Path
) -> None:
    """One round is enough: with the line of the first failure the lock succeeds."""
    _fill(index, project)
    run_envbuild.declare(declare_drivers({"app": ["tool"]}, python=python_version))
    failed = run_envbuild("lock")
    assert failed.code == 3
    line = 'allow-sdist = ["old-one", "old-two"]'
    assert line in failed.stderr
    assert not (project / "ran" / "it").exists()
    text = declare_drivers({"app": ["tool"]}, python=python_version)
    run_envbuild.declare(text.replace("[drivers.app]", f"[drivers.app]\n{line}"))
    run_envbuild("lock", check=True)


@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
def test_no_large_wheel_is_downloaded_to_say_more(
    run_envbuild: CommandLine, index: IndexServer, python_version: str, large: bool
) -> None:
    """Where an index gives whole files only, what is large and not locked is not read to find out what it asks for."""
    content = random.Random(0).randbytes(5 << 20) if large else b""
    index.offer = Offer(metadata=False, ranges=False)
    index.add(
        Wheel(name="tool", version="0.1"),
        Wheel(name="tool", version="2.0", requires=("old-one",), files={"tool/data": content}),
        Sdist(wheel=Wheel(name="old-one")),
    )
    run_envbuild.declare(declare_drivers({"app": ["tool"]}, python=python_version))
    said = run_envbuild("lock", check=True).stdout
    assert ("passed over" not in said) == large
