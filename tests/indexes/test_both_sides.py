"""What networks do, met on the default index and on a bound one.

A case is right when both sides write the same lockfile and build it, or end with the same exit code and the same words.
"""

from __future__ import annotations

import base64
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.indexes.sides.certificates import CERTIFICATES
from tests.indexes.sides.files import FILES
from tests.indexes.sides.identity import IDENTITY
from tests.indexes.sides.mirrors import MIRRORS
from tests.indexes.sides.places import PLACES
from tests.indexes.sides.proxies import PROXIES
from tests.indexes.sides.retries import RETRIES
from tests.indexes.sides.world import Case, World
from tests.support.command_line import declare_drivers
from tests.support.indexes import BASE, FAILED, LOGIN, TOP

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine, Result
    from tests.support.fault_proxy import FaultProxy
    from tests.support.index_server import IndexServer


CASES = (*PLACES, *MIRRORS, *RETRIES, *IDENTITY, *CERTIFICATES, *PROXIES, *FILES)


@pytest.fixture
def world(
    isolation: Path, index: IndexServer, faults: FaultProxy, scratch: Path
) -> Iterator[World]:
    """The two wheels on an index, behind a proxy that plays faults."""
    index.add(TOP, BASE)
    folder = scratch / "w"
    folder.mkdir()
    made = World(index=index, faults=faults, home=isolation, folder=folder, url=faults.url)
    with made.stack:
        yield made


def run_side(side: str, run: CommandLine, world: World, python: str) -> tuple[Result, str, bool]:
    """The first result that failed, or the last; the lockfile's text; whether the environment was built."""
    env = dict(world.env)
    if extra := env.pop("PATH+", None):
        env["PATH"] = f"{extra}:{run.env['PATH']}"
    env.setdefault("ENVBUILD_HTTP_RETRIES", "3")
    env.setdefault("ENVBUILD_HTTP_TIMEOUT", "2")
    more = ""
    if side == "default":
        env["ENVBUILD_INDEX_DEFAULT_URL"] = world.url
        env["ENVBUILD_INDEX_DEFAULT_FORMAT"] = world.form
    else:
        env |= {"ENVBUILD_INDEX_DEFAULT_URL": "http://127.0.0.1:9/simple"}
        env |= {"ENVBUILD_INDEX_OWN_URL": world.url}
        address = "https://packages.example.com/simple"
        more = f'[[index]]\nname = "own"\nurl = "{address}"\npackages = ["top", "base"]\n'
        more += f'format = "{world.form}"\n' if world.form else ""
    run.declare(declare_drivers({"top": ["top"]}, python=python, more=more))
    shutil.rmtree(run.cwd / "locks", ignore_errors=True)
    result = run("lock", env=env)
    if result.code:
        return result, "", False
    text = (run.cwd / "locks/top.toml").read_text()
    built = run("sync", env=env)
    return built, re.sub(r'"(own|default)"', '"index"', text), built.code == 0


@pytest.mark.parametrize(
    ("case", "side"),
    [pytest.param(case, side, id=f"{case.name}, {side}") for case in CASES for side in case.sides],
)
def test_a_case(
    case: Case, side: str, world: World, run_envbuild: CommandLine, python_version: str
) -> None:
    """Both sides write the same lockfile, or say the same with exit 4."""
    case.prepare(world)
    result, text, built = run_side(side, run_envbuild, world, python_version)
    assert LOGIN[1] not in result.stderr, result
    assert base64.b64encode(LOGIN[1].encode()).decode() not in result.stderr, result
    assert "Traceback" not in result.stderr, result
    if world.stranger is not None:
        assert world.stranger.requests
        assert not [one for one in world.stranger.requests if "authorization" in one.headers]
    if case.words is None:
        assert result.code == 0, result
        assert built
        assert f'"{BASE.filename}"' in text
    else:
        assert result.code == FAILED, result
        assert re.search(case.words, result.stderr), result
