"""Flat indexes and trees of pages, through every command that asks an index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

TOP = command_wheel("top", "1.0", requires=("base",))
BASE = Wheel(name="base", version="1.0+local.1")
OTHERS = [Wheel(name=f"other-{number}") for number in range(20)]


def page_on_the_web(index: IndexServer, _: Path) -> str:
    """A flat page, which leads elsewhere first."""
    return f"{index.origin}/wheels"


def folder(_: IndexServer, scratch: Path) -> str:
    """Wheels in folders within a folder."""
    TOP.write(scratch / "our wheels" / "top")
    BASE.write(scratch / "our wheels" / "more" / "base")
    return str(scratch / "our wheels")


def tree(_: IndexServer, scratch: Path) -> str:
    """Pages on disk as PEP 503 has them."""
    for wheel in (TOP, BASE):
        page = scratch / "simple" / wheel.name / "index.html"
        wheel.write(page.parent)
        name = wheel.filename.replace("+", "%2B")
        page.write_text(f'<!DOCTYPE html><a href="{name}#sha256={wheel.sha256}">{name}</a>')
    return (scratch / "simple").as_uri()


@pytest.mark.parametrize("side", ["default", "bound"])
@pytest.mark.parametrize("place", [page_on_the_web, folder, tree])
def test_every_command_works_over_it(
    place: Callable[[IndexServer, Path], str],
    side: str,
    index: IndexServer,
    scratch: Path,
    run_envbuild: CommandLine,
    python_version: str,
    store: Path,
) -> None:
    """Locked, locked again, checked, built, repaired, and built without network, on either side."""
    index.add(TOP, BASE, *OTHERS)
    url = place(index, scratch)
    env: dict[str, str | None] = {"ENVBUILD_INDEX_DEFAULT_URL": "http://127.0.0.1:9/simple"}
    more = ""
    form = "flat" if place is page_on_the_web else ""
    if side == "bound":
        key = "url" if "://" in url else "path"
        more = f'[[index]]\nname = "own"\n{key} = "{url}"\npackages = ["top", "base"]\n'
        more += f'format = "{form}"\n' if form else ""
    else:
        env = {"ENVBUILD_INDEX_DEFAULT_URL": url, "ENVBUILD_INDEX_DEFAULT_FORMAT": form}
    run_envbuild.declare(declare_drivers({"top": ["top"]}, python=python_version, more=more))

    def run(*arguments: str) -> str:
        result = run_envbuild(*arguments, env=env)
        assert result.code == 0, result
        return result.stdout + result.stderr

    run("lock")
    lockfile = run_envbuild.cwd / "locks/top.toml"
    locked = lockfile.read_text()
    assert f'"{BASE.filename}"' in locked
    assert len(index.asked("^/wheels/all")) == (1 if form else 0)
    assert "fresh" in run("lock", "--check")
    run("lock")
    run("lock", "--upgrade")
    assert lockfile.read_text() == locked
    run("check")
    exported = run("export", "pylock")
    there = {
        page_on_the_web: f'url = "{index.origin}/files/base%2D',
        folder: 'path = "/',
        tree: 'path = "/',
    }[place]
    assert there in exported
    run("sync")
    (module,) = store.glob("envs/*/lib/python3.*/site-packages/base/__init__.py")
    content = module.read_text()
    module.chmod(0o644)
    module.write_text("changed = True\n")  # and with it every hardlink of it
    assert run_envbuild("verify", env=env).code == 1
    run("verify", "--repair")
    assert module.read_text() == content
    run("sync", "--offline")


def test_a_flat_page_is_asked_once_for_all_targets(
    index: IndexServer, run_envbuild: CommandLine, python_version: str
) -> None:
    """Neither packages nor targets nor resolutions multiply the requests."""
    index.add(TOP, BASE, *OTHERS)
    names = [wheel.name for wheel in OTHERS]
    more = f'[[index]]\nname = "own"\nurl = "{index.origin}/wheels/all/"\nformat = "flat"\n'
    more += 'packages = ["*"]\n'
    drivers = {"top": ["top", *names[:10]], "other-1": ["other-1", *names[10:]]}
    run_envbuild.declare(declare_drivers(drivers, python=python_version, more=more))
    assert run_envbuild("lock").code == 0
    assert len(index.asked("^/wheels")) == 1
