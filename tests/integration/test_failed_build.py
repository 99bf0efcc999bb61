"""A source distribution that cannot be built while a driver is locked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.judged_source import judged
from tests.support.wheels import PROJECT, Wheel, source_archive

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


def broken_source() -> bytes:
    """The archive of a source distribution whose build ends with words of its own."""
    members = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: src\nVersion: 1.0\n",
        "pyproject.toml": PROJECT,
        "backend.py": "raise SystemExit('cannot find the compiler')\n",
    }
    return source_archive("src-1.0", members)


@pytest.mark.parametrize("requires", [("src",), ("top",)])
def test_a_failed_build_is_told_as_one(
    run_envbuild: CommandLine,
    index: IndexServer,
    project: Path,
    python_version: str,
    requires: tuple[str, ...],
) -> None:
    """Its own words and exit 5, whoever asks for the package; never that no versions satisfy."""
    folder = project / "wheels"
    folder.mkdir()
    (folder / "src-1.0.tar.gz").write_bytes(broken_source())
    index.add(Wheel(name="top", requires=("src",)))
    more = '[[index]]\nname = "own"\npath = "wheels"\npackages = ["src"]\n'
    text = declare_drivers({"app": requires}, python=python_version)
    run_envbuild.declare(f'{text}allow-sdist = ["src"]\n{more}')
    result = run_envbuild("lock")
    assert result.code == 5, result
    assert "app: src-1.0.tar.gz cannot be built" in result.stderr
    assert "cannot find the compiler" in result.stderr, result
    assert "satisfies" not in result.stderr
    assert not (project / "locks").exists()


@pytest.mark.parametrize("requires", [["other", "judged"], ["top", "other"]])
def test_a_build_that_fails_at_sync_names_the_line_that_asks_for_it(
    run_envbuild: CommandLine,
    index: IndexServer,
    project: Path,
    store: Path,
    python_version: str,
    requires: list[str],
) -> None:
    """The requirement of the driver, or its first one where another package asks; nothing is left of it."""
    judged(project / "wheels")
    index.add(Wheel(name=f"for-{python_version.replace('.', '-')}"), Wheel(name="other"))
    index.add(Wheel(name="top", requires=("judged",)))
    own = '[[index]]\nname = "own"\npath = "wheels"\npackages = ["judged"]\n'
    text = declare_drivers({"app": requires}, python=python_version)
    run_envbuild.declare(f'{text}binary = "other"\nallow-sdist = ["judged"]\n{own}')
    run_envbuild("lock", check=True)
    result = run_envbuild("sync")
    lines = (project / "drivers.toml").read_text().splitlines()
    number = next(n for n, line in enumerate(lines, 1) if line.startswith("requires"))
    key = "drivers.app.requires[1]" if "judged" in requires else "drivers.app.requires"
    assert (result.code, result.stderr.count("error:")) == (5, 1), result
    assert f"error: drivers.toml:{number}: {key}: judged-1.0.tar.gz cannot be built" in (
        result.stderr
    ), result
    assert list((store / "envs").iterdir()) == []
