"""A Python that the distribution takes away or replaces is noticed before a service does not start."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.interpreters import answer, script
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


def copied_python(source: Path, folder: Path) -> Path:
    """A Python with an executable of its own; its library is that of `source`."""
    executable = folder / "bin" / source.name
    executable.parent.mkdir(parents=True)
    shutil.copy2(source, executable)
    (folder / "lib").symlink_to(source.parent.parent / "lib")
    return executable


@pytest.fixture(autouse=True)
def _pyenv(isolation: Path, monkeypatch: pytest.MonkeyPatch, scratch: Path) -> None:
    """A folder of Pythons that envbuild searches."""
    monkeypatch.setenv("PYENV_ROOT", str(scratch / "a"))


@pytest.fixture
def elsewhere(
    run_envbuild: CommandLine,
    index: IndexServer,
    scratch: Path,
    pythons: dict[str, Path],
    python_version: str,
) -> Path:
    """Generation 1 is built on a Python that can be taken away, generation 2 on another one; the first's path."""
    other = next((minor for minor in pythons if minor != python_version), None)
    if other is None:
        pytest.skip("NOT TESTED: this machine has only one Python")
    python = copied_python(pythons[other].resolve(), scratch / "a" / "versions" / "1")
    index.add(command_wheel("web", "1.0"))
    for minor in (other, python_version):
        run_envbuild.declare(declare_drivers({"web": ["web"]}, python=minor))
        run_envbuild("lock", check=True)
        run_envbuild("sync", check=True)
    found = {path.resolve() for path in (scratch / "s" / "envs").glob("web-*/bin/python")}
    assert python in found
    assert len(found) == 2
    return python


def _codes(run: CommandLine, *options: str) -> list[str]:
    table = run("verify", *options, "--format", "json").json
    return [finding["code"] for finding in table["findings"]]


@pytest.mark.parametrize("option", [(), ("--quick",)])
def test_a_python_that_is_gone_is_found(
    elsewhere: Path, run_envbuild: CommandLine, option: tuple[str, ...]
) -> None:
    """Nothing in the environment changed, and it cannot start any more: exit 1, with path and version."""
    assert _codes(run_envbuild, *option) == []
    elsewhere.unlink()
    assert _codes(run_envbuild, *option) == ["interpreter"]
    result = run_envbuild("verify", *option)
    assert result.code == 1
    assert f"its Python {elsewhere} (" in result.stdout
    assert "all as built" not in result.stdout


def test_rollback_to_a_python_that_is_gone_is_refused(
    elsewhere: Path, run_envbuild: CommandLine, store: Path
) -> None:
    """`current` stays, and the way out is said: put it back, or sync."""
    elsewhere.rename(elsewhere.with_name("away"))
    result = run_envbuild("rollback")
    assert result.code == 1, str(result)
    assert f"its Python {elsewhere} (" in result.stderr
    assert "is missing or does not start" in result.stderr
    assert "`envbuild sync web`" in result.stderr
    assert (store / "current").readlink().name == "2"
    elsewhere.with_name("away").rename(elsewhere)
    assert run_envbuild("rollback").code == 0


def test_another_build_is_told_and_repair_accepts_it(
    elsewhere: Path, run_envbuild: CommandLine
) -> None:
    """A security update of the distribution: verify finds it, a rollback is still possible, repair records it."""
    with elsewhere.open("ab") as stream:
        stream.write(b"\0")
    assert _codes(run_envbuild) == _codes(run_envbuild, "--quick") == ["interpreter"]
    result = run_envbuild("rollback", check=True)
    assert f"its Python {elsewhere} is another build of" in result.stdout
    repaired = run_envbuild("verify", "--repair", check=True)
    assert "all as built" in repaired.stdout
    assert _codes(run_envbuild) == _codes(run_envbuild, "--quick") == []


@pytest.mark.parametrize(("version", "starts"), [("3.99.1", False), (None, True)])
def test_another_version_is_refused_only_where_it_cannot_run(
    elsewhere: Path, run_envbuild: CommandLine, version: str | None, starts: bool
) -> None:
    """Another minor version has no such site-packages; another patch release has, and is told. Neither is repaired."""
    minor = elsewhere.name.removeprefix("python")
    elsewhere.unlink()
    now = version or f"{minor}.98"
    script(elsewhere, f"echo '{answer(elsewhere, version=now)}'")
    assert _codes(run_envbuild, "--quick") == ["interpreter"]
    result = run_envbuild("rollback")
    assert result.code == (0 if starts else 1), str(result)
    assert f"{now} now" in (result.stdout if starts else result.stderr)
    refused = run_envbuild("verify", "--repair")
    assert refused.code == 1
    assert f"and is {now} now" in refused.stdout
