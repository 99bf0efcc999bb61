"""A driver without `python`: any Python that its packages allow, the host's own first."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.target.target import KNOWN_PYTHONS
from tests.support.command_line import host_platform
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

DECLARED = f"""
[drivers.web]
requires = ["web"]
platforms = ["{host_platform()}"]
"""


def _pythons(run: CommandLine, driver: str = "web") -> list[str]:
    """The Pythons that a driver is locked for."""
    table = tomllib.loads((run.cwd / f"locks/{driver}.toml").read_text())
    return [target.partition("-")[0] for target in table["targets"]]


def _own_version() -> str | None:
    """The minor version of the host's own Python, if drivers can be locked for it."""
    for place in ("/usr/local/bin/python3", "/usr/bin/python3"):
        if Path(place).exists():
            ask = "import sys; print('%d.%d' % sys.version_info[:2])"
            done = subprocess.run((place, "-I", "-c", ask), capture_output=True, text=True)
            if done.stdout.strip() in KNOWN_PYTHONS:
                return done.stdout.strip()
    return None


def test_it_is_locked_for_all_and_built_on_the_hosts_own(
    run_envbuild: CommandLine, index: IndexServer, store: Path
) -> None:
    """3.14 among them; `sync` takes the distribution's Python, though others are newer or come first on PATH."""
    index.add(command_wheel("web", "1.0"))
    run_envbuild.declare(DECLARED)
    result = run_envbuild("lock", check=True)
    assert _pythons(run_envbuild) == ["3.14", "3.13", "3.12", "3.11"]
    assert "warning" not in result.stdout
    run_envbuild("lock", "--check", check=True)
    shown = run_envbuild("show", check=True).stdout
    assert "3.14" in shown
    run_envbuild("sync", check=True)
    manifest = json.loads((store / "current/manifest.json").read_text())
    version = manifest["drivers"]["web"]["python_version"]
    own = _own_version()
    if own is None:
        pytest.skip("NOT TESTED: this host has no Python of its own that drivers are locked for")
    assert version.rpartition(".")[0] == own
    python = os.path.realpath(store / "current/web/bin/python")
    assert python.startswith("/usr/")
    assert run_envbuild("sync", check=True).stdout.startswith("nothing to do")


@pytest.mark.parametrize(
    ("wheel", "locked", "left_out"),
    [
        ({"requires_python": ">=3.13"}, ["3.14", "3.13"], "3.12 and 3.11"),
        (
            {"tag": f"cp312-cp312-manylinux_2_28_{os.uname().machine}"},
            ["3.12"],
            "3.14 and 3.13 and 3.11",
        ),
        ({"requires": ('gone; python_version >= "3.14"',)}, ["3.13", "3.12", "3.11"], "3.14"),
    ],
)
def test_what_packages_do_not_allow_is_left_out(
    run_envbuild: CommandLine,
    index: IndexServer,
    wheel: dict[str, object],
    locked: list[str],
    left_out: str,
) -> None:
    """No error: it is locked for the others, and `lock` names those that it left out."""
    index.add(Wheel(name="web", version="1.0", **wheel))  # type: ignore[arg-type]  # of one field each
    index.add(Wheel(name="gone", version="1.0", tag="cp39-cp39-manylinux_2_28_x86_64"))
    run_envbuild.declare(DECLARED)
    result = run_envbuild("lock", check=True)
    assert _pythons(run_envbuild) == locked
    assert f"no versions satisfy it on Python {left_out}, so it is locked without" in result.stdout
    run_envbuild("lock", "--check", check=True)
    run_envbuild("check", check=True)
    again = run_envbuild("lock", "--upgrade", check=True)
    assert _pythons(run_envbuild) == locked, str(again)


def test_each_python_gets_its_own_wheel(run_envbuild: CommandLine, index: IndexServer) -> None:
    """The tags of 3.14 are known as those of the others are."""
    tags = [f"cp{minor.replace('.', '')}" for minor in KNOWN_PYTHONS]
    platform = f"manylinux_2_28_{os.uname().machine}"
    index.add(*(Wheel(name="web", version="1.0", tag=f"{tag}-{tag}-{platform}") for tag in tags))
    run_envbuild.declare(DECLARED)
    run_envbuild("lock", check=True)
    table = tomllib.loads((run_envbuild.cwd / "locks/web.toml").read_text())
    (package,) = table["package"]
    taken = {file["targets"][0][:4]: file["name"].split("-")[2] for file in package["files"]}
    assert taken == dict(zip(KNOWN_PYTHONS, tags, strict=True))


def test_where_no_python_fits_one_error_says_why(
    run_envbuild: CommandLine, index: IndexServer
) -> None:
    """Exit 3 with the words about one Python, not four times the same."""
    index.add(Wheel(name="web", version="1.0", requires=("base>=2",)), Wheel(name="base"))
    run_envbuild.declare(DECLARED)
    result = run_envbuild("lock")
    assert result.code == 3, str(result)
    assert result.stderr.count("no set of versions satisfies web for") == 1
    assert "for 3.12-" in result.stderr
    assert not (run_envbuild.cwd / "locks/web.toml").exists()


def test_a_named_python_is_kept_as_it_was(run_envbuild: CommandLine, index: IndexServer) -> None:
    """A lockfile of a driver with `python` covers these alone; without the key it is stale, and says so."""
    index.add(command_wheel("web", "1.0"))
    run_envbuild.declare(f'{DECLARED}python = "3.12"\n')
    run_envbuild("lock", check=True)
    assert _pythons(run_envbuild) == ["3.12"]
    run_envbuild.declare(DECLARED)
    result = run_envbuild("lock", "--check")
    assert result.code == 1
    assert "python: 3.12 became any of 3.11 to 3.14" in result.stdout
    run_envbuild("lock", check=True)
    assert _pythons(run_envbuild) == ["3.14", "3.13", "3.12", "3.11"]


def test_named_pythons_fail_as_before(run_envbuild: CommandLine, index: IndexServer) -> None:
    """A driver that names 3.13 is not locked without it."""
    index.add(Wheel(name="web", version="1.0", requires_python=">=3.14"))
    run_envbuild.declare(f'{DECLARED}python = ["3.14", "3.13"]\n')
    result = run_envbuild("lock")
    assert result.code == 3, str(result)
    assert "for 3.13-" in result.stderr


def test_it_coexists_with_a_driver_that_names_one(
    run_envbuild: CommandLine, index: IndexServer
) -> None:
    """Where they meet they are resolved together; elsewhere the driver has its other Pythons."""
    index.add(command_wheel("web", "1.0", requires=("base",)), command_wheel("asr", "1.0"))
    index.add(Wheel(name="base", version="1.0"), Wheel(name="base", version="2.0"))
    asr = DECLARED.replace("web", "asr").replace('["asr"]', '["asr", "base<2"]')
    rule = '\n[[coexist]]\ndrivers = ["web", "asr"]\n'
    run_envbuild.declare(f'{DECLARED}{asr}python = "3.12"\n{rule}')
    run_envbuild("lock", check=True)
    assert _pythons(run_envbuild) == ["3.14", "3.13", "3.12", "3.11"]
    assert _pythons(run_envbuild, "asr") == ["3.12"]
    run_envbuild("check", check=True)
