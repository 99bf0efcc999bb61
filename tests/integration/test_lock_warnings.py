"""What `lock` says of withdrawn releases and of extras that nobody provides."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.index_server import IndexServer
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine

REASON = "it is bad\n\x1b[31m see https://packages.example.com/why " + "x" * 300


@pytest.mark.parametrize("bound", [False, True], ids=["default", "bound"])
def test_a_yanked_release_that_is_pinned_is_said(
    run_envbuild: CommandLine, index: IndexServer, python_version: str, project: Path, bound: bool
) -> None:
    """Whoever pins what was withdrawn is told by `lock`, and by `check` from the lockfile, until it is no
    more: by an exact requirement from the first lock on, by an own pin at the next resolution.
    The reason, which anybody who uploads writes, is one short line without control characters.
    """
    with IndexServer() as own:
        server = own if bound else index
        server.add(Wheel(name="acme-tool"), Wheel(name="acme-tool", version="2.0"))
        server.add(Wheel(name="acme-tool"), yanked=REASON)
        server.add(Wheel(name="acme-base"))
        more = (
            f'[[index]]\nname = "own"\nurl = "{own.url}"\npackages = ["acme-*"]\n' if bound else ""
        )

        def lock(*requires: str, check: bool = True) -> str:
            drivers = {"app": list(requires)}
            run_envbuild.declare(declare_drivers(drivers, python=python_version, more=more))
            return run_envbuild("lock", check=check).stdout

        name = "own" if bound else "default"
        said = f"acme-tool 1.0 is yanked from index '{name}': it is bad [31m see … xxx"
        locked = lock("acme-tool==1.0")
        assert f"warning: {said}" in locked
        assert len(max(locked.splitlines(), key=len)) < 300
        assert f"warning: {said}" in lock("acme-tool==1.0")
        checked = run_envbuild("check")
        assert checked.code == 0
        assert "[yanked]" in checked.stdout
        assert said in checked.stdout
        assert said in lock("acme-tool==1.0", "acme-base")
        server.add(Wheel(name="acme-tool"))
        assert "yanked" not in lock("acme-tool==1.0")
        assert "yanked" not in run_envbuild("check").stdout
        lock("acme-tool<2")
        held = server.files["acme_tool-1.0-py3-none-any.whl"]
        server.files[held.filename] = replace(held, yanked="")
        assert "acme-tool 1.0 is yanked" in lock("acme-tool<2", "acme-base")
        assert ", and no reason is given" in run_envbuild("check").stdout


def test_an_extra_that_a_package_does_not_have_is_said(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """As every peer, `lock` warns of a misspelt extra, whoever asks for it, and of no extra that brings nothing."""
    index.add(
        Wheel(name="top", requires=("low[absent]",)),
        Wheel(name="low", requires=("stranger; extra == 'Some_Extra'",), extras=("empty",)),
        Wheel(name="stranger"),
    )
    drivers = {"app": ["top", "low[some-extra,empty,nope]"]}
    run_envbuild.declare(declare_drivers(drivers, python=python_version))
    said = run_envbuild("lock", "--format", "json", check=True).json
    assert said["drivers"]["app"]["warnings"] == [
        "low 1.0 has no extra 'nope', which app requests",
        "low 1.0 has no extra 'absent', which top requests",
    ]
    changed = {"app": ["top", "low[some-extra,empty,nope]<2"]}
    run_envbuild.declare(declare_drivers(changed, python=python_version))
    again = run_envbuild("lock", check=True).stdout
    assert "warning: low 1.0 has no extra 'nope', which app requests" in again
    assert run_envbuild("lock", "--check").code == 0
