"""`allow-sdist` and `force-sdist`: what is locked of packages that come as source, judged by which Python."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.judged_source import judged
from tests.support.wheels import Sdist, Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


def declare(python: str, more: str, requires: str = "both") -> str:
    """One driver with more keys."""
    text = declare_drivers({"app": [requires]}, python=python)
    return text.replace("[drivers.app]", f"[drivers.app]\n{more}")


@pytest.mark.parametrize(("key", "taken"), [("allow", "whl"), ("force", "tar.gz")])
def test_a_wheel_goes_before_the_source_unless_it_is_forced(
    run_envbuild: CommandLine,
    index: IndexServer,
    project: Path,
    python_version: str,
    key: str,
    taken: str,
) -> None:
    """`allow-sdist` means may: the wheel where there is one, the source of those that have none."""
    both = Wheel(name="both", requires=("raw",))
    index.add(both, Sdist(wheel=both), Sdist(wheel=Wheel(name="raw")))
    more = f'{key}-sdist = ["both"]\nbinary = "both"\n'
    more += 'allow-sdist = ["raw"]' if key == "force" else ""
    text = declare(python_version, more)
    if key == "allow":
        text = text.replace('allow-sdist = ["both"]', 'allow-sdist = ["both", "raw"]')
    run_envbuild.declare(text)
    run_envbuild("lock", check=True)
    locked = (project / "locks/app.toml").read_text()
    assert re.search(rf'name = "both-1.0[^"]*{re.escape(taken)}"', locked), locked
    assert 'name = "raw-1.0.tar.gz"' in locked
    assert "0source" not in locked
    assert ("force-sdist = [" in locked) == (key == "force")
    run_envbuild("lock", "--check", check=True)
    before = (project / "locks/app.toml").read_bytes()
    run_envbuild("lock", "--upgrade", check=True)
    assert (project / "locks/app.toml").read_bytes() == before


def test_where_a_target_has_no_wheel_the_source_is_locked_for_it(
    run_envbuild: CommandLine, index: IndexServer, project: Path, python_version: str
) -> None:
    """One version, a wheel for one platform and the source for the other, in one lockfile."""
    fast = Wheel(name="both", tag="py3-none-manylinux_2_17_x86_64")
    index.add(fast, Sdist(wheel=Wheel(name="both")))
    text = declare(python_version, 'allow-sdist = ["both"]')
    both = 'platforms = ["x86_64-manylinux_2_28", "aarch64-manylinux_2_28"]'
    run_envbuild.declare(re.sub(r"platforms = .*", both, text))
    run_envbuild("lock", check=True)
    locked = (project / "locks/app.toml").read_text()
    files = dict(re.findall(r'name = "(both-1.0[^"]*)".*targets = \["([^"]*)"\]', locked))
    assert files == {
        fast.filename: f"{python_version}-x86_64-manylinux_2_28",
        "both-1.0.tar.gz": f"{python_version}-aarch64-manylinux_2_28",
    }


def test_a_source_is_judged_by_the_python_of_the_target(
    run_envbuild: CommandLine,
    index: IndexServer,
    project: Path,
    pythons: dict[str, Path],
) -> None:
    """Two Pythons, two answers: neither is that of the Python that runs envbuild, and nothing is built."""
    if not {"3.11", "3.13"} <= pythons.keys():
        pytest.skip("NOT TESTED: it needs Python 3.11 and 3.13")
    judged(project / "wheels")
    index.add(Wheel(name="for-3-11"), Wheel(name="for-3-13"))
    more = 'allow-sdist = ["judged"]\npython = ["3.11", "3.13"]\nbinary = "for-3-11"\n'
    own = '[[index]]\nname = "own"\npath = "wheels"\npackages = ["judged"]\n'
    run_envbuild.declare(declare("3.12", more, "judged") + own)
    done = run_envbuild("lock")
    locked = (project / "locks/app.toml").read_text() if done.code == 0 else str(done)
    for python in ("3.11", "3.13"):
        name = f"for-{python.replace('.', '-')}"
        found = re.search(rf'name = "{name}"\n.*\n.*\ntargets = \["({python})-', locked)
        assert found is not None, locked


def test_a_python_that_is_missing_is_named(
    run_envbuild: CommandLine, project: Path, index: IndexServer
) -> None:
    """The lock says which Python must be there; a source that says all itself needs none."""
    judged(project / "wheels")
    Sdist(wheel=Wheel(name="plain")).write(project / "wheels")
    own = '[[index]]\nname = "own"\npath = "wheels"\npackages = ["judged", "plain"]\n'
    more = 'allow-sdist = ["judged", "plain"]\npython = "3.47"\n'
    run_envbuild.declare(declare("3.12", more, "judged") + own)
    failed = run_envbuild("lock")
    assert (failed.code, failed.stderr.count("error:")) == (5, 1), failed
    assert "judged-1.0.tar.gz" in failed.stderr
    assert "Python 3.47, which this host does not have" in failed.stderr, failed
    assert not (project / "locks").exists()
    run_envbuild.declare(declare("3.12", more, "plain") + own)
    run_envbuild("lock", check=True)
