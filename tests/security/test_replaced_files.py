"""A file that comes back under a locked name with other bytes.

The attacker controls an index, or an account that may upload to it:
he replaces a release's wheel and leaves its version as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.index_server import IndexServer
from tests.support.repository import commit, git
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine

GOOD = command_wheel("acme-tool")
EVIL = Wheel(name="acme-tool", commands=GOOD.commands, files={**GOOD.files, "evil.py": "1\n"})


@pytest.fixture(params=["default", "bound"])
def where(request: pytest.FixtureRequest, index: IndexServer) -> Iterator[tuple[IndexServer, str]]:
    """The index that has the package, and the lines that bind the package to it, if any."""
    if request.param == "default":
        yield index, ""
        return
    with IndexServer() as own:
        bound = f'[[index]]\nname = "own"\nurl = "{own.url}"\npackages = ["acme-*"]\n'
        yield own, bound


def test_a_locked_file_is_never_replaced_in_silence(
    where: tuple[IndexServer, str], run_envbuild: CommandLine, project: Path, python_version: str
) -> None:
    """What is installed is what was locked: other bytes under a locked name are exit 4 and leave the
    lockfile as it was, on every way that a lock can take, until the package is named as upgraded;
    then `lock`, `diff`, `check --against` and `diff --installed` say so.

    The attacker controls the index, and replaces the wheel after it was locked.
    """
    index, bound = where
    index.add(GOOD)

    def declare(*requires: str) -> None:
        drivers = {"acme-tool": list(requires)}
        run_envbuild.declare(declare_drivers(drivers, python=python_version, more=bound))

    declare("acme-tool")
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    git(project, "init", "--quiet", "--initial-branch=main")
    commit(project, "locked")
    before = (project / "locks/acme-tool.toml").read_bytes()
    index.add(EVIL)
    for again in (("acme-tool>=0.5",), ("acme-tool", "acme-tool<3")):
        declare(*again)
        refused = run_envbuild("lock")
        assert refused.code == 4, refused
        for word in ("acme_tool-1.0-py3-none-any.whl", GOOD.sha256, EVIL.sha256):
            assert word in refused.stderr
        assert f"index '{'own' if bound else 'default'}'" in refused.stderr
        assert "envbuild lock --upgrade-package acme-tool" in refused.stderr
    assert run_envbuild("lock", "--upgrade").code == 4
    assert (project / "locks/acme-tool.toml").read_bytes() == before
    _other_driver_is_refused(run_envbuild, python_version, bound)
    declare("acme-tool>=0.5")
    accepted = run_envbuild("lock", "--upgrade-package", "acme-tool", check=True)
    _assert_told(run_envbuild, accepted.stdout)


def _other_driver_is_refused(run_envbuild: CommandLine, python: str, bound: str) -> None:
    """A driver that is new does not get what another driver's lockfile knows otherwise."""
    drivers = {"acme-tool": ["acme-tool"], "new": ["acme-tool"]}
    run_envbuild.declare(declare_drivers(drivers, python=python, more=bound))
    assert run_envbuild("lock", "new").code == 4


def _assert_told(run_envbuild: CommandLine, locked: str) -> None:
    shown = (
        f"! acme-tool 1.0: another acme_tool-1.0-py3-none-any.whl, "
        f"sha256 {GOOD.sha256[:12]}… → {EVIL.sha256[:12]}…"
    )
    assert shown in locked
    assert shown in run_envbuild("diff", "HEAD", check=True).stdout
    assert shown in run_envbuild("diff", "--installed", check=True).stdout
    told = run_envbuild("diff", "HEAD", "--format", "json", check=True).json
    (change,) = told["drivers"]["acme-tool"]["changes"]
    assert (change["kind"], change["file"]["before"]) == ("replaced", GOOD.sha256)
    checked = run_envbuild("check", "--against", "HEAD", "--format", "json")
    assert checked.code == 1
    (finding,) = checked.json["findings"]
    assert (finding["code"], finding["level"]) == ("file-replaced", "error")
    assert GOOD.sha256 in finding["message"]
    assert EVIL.sha256 in finding["message"]
    page = run_envbuild("check", "--against", "HEAD", "--format", "markdown").stdout
    assert "`file-replaced`" in page
    assert f"another acme_tool-1.0-py3-none-any.whl, sha256 {GOOD.sha256[:12]}…" in page
    allowed = run_envbuild("check", "--against", "HEAD", "--allow-replaced-files")
    assert allowed.code == 0
    assert "warning" in allowed.stdout


def test_what_a_replaced_file_asks_for_is_not_looked_at(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A file that came back with other bytes is refused as such, and not for what nobody can meet in it.

    The attacker controls the index, and has the new file ask for what there is not.
    """
    index.add(Wheel(name="acme-tool"))
    run_envbuild.declare(declare_drivers({"a": ["acme-tool"]}, python=python_version))
    run_envbuild("lock", check=True)
    index.add(Wheel(name="acme-tool", requires=("nowhere",)))
    run_envbuild.declare(declare_drivers({"a": ["acme-tool>=0.5"]}, python=python_version))
    refused = run_envbuild("lock")
    assert refused.code == 4, refused
    assert (
        "has a file acme_tool-1.0-py3-none-any.whl that differs from the locked one"
        in refused.stderr
    )


def test_another_wheel_of_the_same_version_is_shown(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A build tag makes another file of the same version, which moves no version and is said all the same.

    The attacker controls the index, and adds a wheel that installers prefer.
    """
    index.add(Wheel(name="acme-tool"))
    run_envbuild.declare(declare_drivers({"a": ["acme-tool"]}, python=python_version))
    run_envbuild("lock", check=True)
    index.add(Wheel(name="acme-tool", build="2"))
    run_envbuild.declare(declare_drivers({"a": ["acme-tool>=0.5"]}, python=python_version))
    said = run_envbuild("lock", check=True).stdout
    assert "~ acme-tool 1.0: acme_tool-1.0-py3-none-any.whl → acme_tool-1.0-2-py3" in said
