"""Where every pin stands nothing is resolved, and the lockfile is in every byte what a resolution gives."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

_RESOLVING = """
import sys
from envbuild.index import revalidation
revalidation.revalidate = lambda *_: frozenset()
from envbuild.cli import entry
entry()
"""
"""envbuild as it is where no pin is believed to stand."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A declaration before and after, and what becomes of the index in between."""

    before: str
    after: str
    change: Callable[[IndexServer], None] = lambda index: None
    arguments: tuple[str, ...] = ()


def _yank(index: IndexServer) -> None:
    name = "low-1.5-py3-none-any.whl"
    index.files[name] = replace(index.files[name], yanked="broken")


def _add_newer(index: IndexServer) -> None:
    index.add(Wheel(name="low", version="1.9"), Wheel(name="beta", version="2.0"))


def _add_better(index: IndexServer) -> None:
    index.add(Wheel(name="low", version="1.5", build="2"))


def _drivers(*requires: str, more: str = "", python: str = "PYTHON") -> str:
    text = declare_drivers({"app": list(requires), "web": ["low"]}, python=python)
    head, first, rest = text.partition("[drivers.")
    return f"{head}{more}\n{first}{rest}"


PLAIN = _drivers("top>=1", "low<2")

STANDS = {
    "range narrowed": Case(before=PLAIN, after=_drivers("top>=1", "low>=1.2,<2")),
    "range widened": Case(before=PLAIN, after=_drivers("top", "low<3")),
    "newer versions came": Case(
        before=PLAIN, after=_drivers("top>=0.9", "low<2"), change=_add_newer
    ),
    "constraint moved": Case(
        before=_drivers("top", more='constraints = ["low<2"]'),
        after=_drivers("top", more='constraints = ["low<1.8"]'),
    ),
    "constraint dropped": Case(
        before=_drivers("top", more='constraints = ["low<2"]'), after=_drivers("top")
    ),
    "constraint of a stranger": Case(
        before=PLAIN, after=_drivers("top>=1", "low<2", more='constraints = ["stranger<1"]')
    ),
    "beside a pre-release": Case(
        before=_drivers("top", "beta>=1.0b1"),
        after=_drivers("top>=1", "beta>=1.0b1"),
        change=_add_newer,
    ),
    "order": Case(
        before=_drivers("top>=1", "low<2", "stranger"),
        after=_drivers("top>=1", "stranger", "low<2"),
    ),
}

MOVES = {
    "range excludes the pin": Case(before=PLAIN, after=_drivers("top>=1", "low<1.5")),
    "constraint excludes the pin": Case(
        before=PLAIN, after=_drivers("top>=1", "low<2", more='constraints = ["low<1.5"]')
    ),
    "another package": Case(before=PLAIN, after=_drivers("top>=1", "low<2", "stranger")),
    "one package less": Case(before=PLAIN, after=_drivers("low<2")),
    "an extra": Case(before=PLAIN, after=_drivers("top[more]>=1", "low<2")),
    "a marker": Case(before=PLAIN, after=_drivers("top>=1", "low<2; python_version >= '3'")),
    "an override": Case(
        before=PLAIN,
        after=PLAIN.replace("[drivers.web]", 'overrides = ["low==1.0"]\n[drivers.web]'),
    ),
    "a date": Case(
        before=PLAIN, after=_drivers("top", "low<2", more='exclude-newer = "2026-06-01"')
    ),
    "a pre-release's own range": Case(
        before=_drivers("top", "beta>=1.0b1"),
        after=_drivers("top", "beta>=0.5"),
        change=_add_newer,
    ),
    "yanked": Case(before=PLAIN, after=_drivers("top", "low<2"), change=_yank),
    "gone": Case(
        before=PLAIN,
        after=_drivers("top", "low<2"),
        change=lambda index: index.remove("low-1.5-py3-none-any.whl"),
    ),
    "a better wheel": Case(before=PLAIN, after=_drivers("top", "low<2"), change=_add_better),
    "upgrade": Case(
        before=PLAIN,
        after=_drivers("top", "low<2"),
        change=_add_newer,
        arguments=("--upgrade",),
    ),
    "upgrade of one": Case(
        before=PLAIN,
        after=_drivers("top", "low<2"),
        change=_add_newer,
        arguments=("--upgrade-package", "low"),
    ),
}


def _lock_both_ways(
    case: Case, run_envbuild: CommandLine, index: IndexServer, project: Path, python: str
) -> bool:
    """Lock before and after, once with a resolution; whether the app was resolved the other time too."""
    index.add(
        Wheel(name="top", requires=("low>=1", 'stranger; extra == "more"')),
        Wheel(name="low", version="1.0"),
        Wheel(name="low", version="1.5"),
        Wheel(name="stranger"),
        Wheel(name="beta", version="1.0b1"),
    )
    run_envbuild.declare(case.before.replace("PYTHON", python))
    run_envbuild("lock", check=True)
    case.change(index)
    run_envbuild.declare(case.after.replace("PYTHON", python))
    locks, copy = project / "locks", project / "locks-before"
    shutil.copytree(locks, copy)
    resolved = subprocess.run(
        (sys.executable, "-c", _RESOLVING, "lock", "-v", *case.arguments),
        cwd=project,
        env=run_envbuild.environment(None),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert resolved.returncode == 0, resolved.stderr
    assert "app: resolving for" in resolved.stderr
    expected = {path.name: path.read_bytes() for path in locks.iterdir()}
    shutil.rmtree(locks)
    shutil.copytree(copy, locks)
    done = run_envbuild("lock", "-v", *case.arguments, check=True)
    assert {path.name: path.read_bytes() for path in locks.iterdir()} == expected
    assert done.stdout == resolved.stdout
    return "app: resolving for" in done.stderr


@pytest.mark.parametrize("json", [True, False], ids=["json", "html"])
@pytest.mark.parametrize("name", STANDS)
def test_what_stands_is_not_resolved(
    name: str,
    json: bool,
    run_envbuild: CommandLine,
    index: IndexServer,
    project: Path,
    python_version: str,
) -> None:
    """A range that moves no pin costs a look at the pages, and gives what a resolution gives."""
    index.offer = replace(index.offer, json=json)
    assert not _lock_both_ways(STANDS[name], run_envbuild, index, project, python_version)


@pytest.mark.parametrize("name", MOVES)
def test_what_may_move_is_resolved(
    name: str,
    run_envbuild: CommandLine,
    index: IndexServer,
    project: Path,
    python_version: str,
) -> None:
    """Wherever there is something to choose, or the index is not as it was, uv has the word."""
    assert _lock_both_ways(MOVES[name], run_envbuild, index, project, python_version)


def test_a_page_is_asked_for_once_for_all_drivers(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """Drivers that share a package share the look at its page, and no file is asked for."""
    index.add(Wheel(name="top", requires=("low",)), Wheel(name="low"), Wheel(name="other"))
    before = {"app": ["top"], "web": ["top", "other"]}
    run_envbuild.declare(declare_drivers(before, python=python_version))
    run_envbuild("lock", check=True)
    after = {"app": ["top<9"], "web": ["top<9", "other"]}
    run_envbuild.declare(declare_drivers(after, python=python_version))
    count = len(index.asked())
    run_envbuild("lock", check=True)
    asked = sorted(asked.path for asked in index.asked()[count:])
    assert asked == ["/simple/low/", "/simple/other/", "/simple/top/"]


def test_an_index_that_fails_is_named_as_ever(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """Pins that cannot be looked after are not believed: the lock fails as a resolution does."""
    index.add(Wheel(name="top"))
    run_envbuild.declare(declare_drivers({"app": ["top"]}, python=python_version))
    run_envbuild("lock", check=True)
    run_envbuild.declare(declare_drivers({"app": ["top<9"]}, python=python_version))
    index.offer = replace(index.offer, login=("somebody", "secret"))
    assert run_envbuild("lock").code == 4
