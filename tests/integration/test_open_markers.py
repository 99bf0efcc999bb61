"""What a target leaves open is locked for every host that it is for; each host takes what it needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

from tests.support.command_line import declare_drivers
from tests.support.open_markers import OPEN, add_open, installed, uv_is_content
from tests.support.pythons import MINOR
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


def test_every_marker_that_a_target_leaves_open(
    run_envbuild: CommandLine, index: IndexServer
) -> None:
    """All that some host needs is locked, and this host gets just what it needs."""
    add_open(index)
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=MINOR))
    run_envbuild("lock", check=True)
    text = (run_envbuild.cwd / "locks/web.toml").read_text()
    locked = {name for name in OPEN if f'name = "{name}"' in text}
    assert locked == {name for name, (_, needed) in OPEN.items() if needed is not None}
    run_envbuild("check", check=True)
    run_envbuild("sync", check=True)
    assert installed(run_envbuild, "web") - {"web"} == {n for n, (_, here) in OPEN.items() if here}
    assert uv_is_content(run_envbuild, "web")
    assert run_envbuild("sync", "--format", "json", check=True).json["empty"] is True
    compared = run_envbuild("diff", "--installed", "--format", "json").json
    assert compared["drivers"]["web"]["kind"] == "same"
    examined = run_envbuild("doctor", "--format", "json").json
    assert "requirement" not in {finding["code"] for finding in examined["findings"]}


def test_locking_again_gives_the_same_bytes(run_envbuild: CommandLine, index: IndexServer) -> None:
    """What is locked under an open marker stays so, whether or not a lockfile is there already."""
    add_open(index)
    index.add(Wheel(name="other"))
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=MINOR))
    run_envbuild("lock", check=True)
    file = run_envbuild.cwd / "locks/web.toml"
    before = file.read_bytes()
    run_envbuild("lock", "--upgrade", check=True)
    assert file.read_bytes() == before
    run_envbuild.declare(declare_drivers({"web": ["web", "other"]}, python=MINOR))
    run_envbuild("lock", check=True)
    again = file.read_bytes()
    file.unlink()
    run_envbuild("lock", check=True)
    assert file.read_bytes() == again


def test_a_chain_of_open_markers(run_envbuild: CommandLine, index: IndexServer) -> None:
    """What comes in by an open marker brings its own, extras included."""
    first, later = f'python_full_version >= "{MINOR}.1"', f'python_full_version >= "{MINOR}.90"'
    index.add(
        command_wheel("web", "1.0", requires=(f"one[fast]; {first}",)),
        Wheel(name="one", requires=(f'two>=2; extra == "fast" and {first}', f"off; {later}")),
        Wheel(name="two"),
        Wheel(name="two", version="2.0", requires=('three; platform_release != "none"',)),
        Wheel(name="three"),
        Wheel(name="off", requires=("off-too",)),
        Wheel(name="off-too"),
    )
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=MINOR))
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    assert installed(run_envbuild, "web") == {"web", "one", "two", "three"}
    assert 'name = "off-too"' in (run_envbuild.cwd / "locks/web.toml").read_text()


def test_open_markers_of_the_declaration_itself(
    run_envbuild: CommandLine, index: IndexServer
) -> None:
    """The driver's own requirements, constraints and overrides are locked for every host as well."""
    first, later = f"python_full_version >= '{MINOR}.1'", f"python_full_version >= '{MINOR}.90'"
    lib = [Wheel(name="lib", version=version) for version in ("1.0", "2.0", "3.0")]
    index.add(command_wheel("web", "1.0", requires=("lib>=3",)), Wheel(name="here"), *lib)
    index.add(Wheel(name="off"))
    text = declare_drivers({"web": ["web", f"here; {first}", f"off; {later}"]}, python=MINOR)
    more = f'overrides = ["lib>=1; {first}"]\nconstraints = ["lib<3; {first}"]\nrequires ='
    run_envbuild.declare(text.replace("requires =", more))
    run_envbuild("lock", check=True)
    run_envbuild("check", check=True)
    assert 'name = "off"' in (run_envbuild.cwd / "locks/web.toml").read_text()
    run_envbuild("sync", check=True)
    assert installed(run_envbuild, "web") == {"web", "here", "lib"}


def test_the_newest_version_is_found_for_later_patch_releases(
    run_envbuild: CommandLine, index: IndexServer
) -> None:
    """`Requires-Python: >=3.X.1` holds nothing back, and a host that has it gets it."""
    index.add(
        command_wheel("web", "1.0", requires=("lib",)),
        Wheel(name="lib", version="1.0"),
        Wheel(name="lib", version="2.0", requires_python=f">={MINOR}.1,<4"),
    )
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=MINOR))
    run_envbuild("lock", check=True)
    text = (run_envbuild.cwd / "locks/web.toml").read_text()
    assert f'requires-python = ">={MINOR}.1,<4"' in text
    run_envbuild("sync", check=True)
    assert '"lib": "2.0"' in (run_envbuild.cwd.parent / "s/current/manifest.json").read_text()


@pytest.mark.parametrize("bound", [f">={MINOR}.90", f"!={sys.version.split()[0]}"])
def test_a_host_of_another_patch_release_is_refused_with_the_way_out(
    run_envbuild: CommandLine, index: IndexServer, store: Path, bound: str
) -> None:
    """A patch release that a locked package refuses gets no environment: exit 5, and what to do."""
    index.add(
        command_wheel("web", "1.0", requires=("lib",)),
        Wheel(name="lib", version="1.0"),
        Wheel(name="lib", version="2.0", requires_python=bound),
    )
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=MINOR))
    run_envbuild("lock", check=True)
    refused = run_envbuild("sync")
    assert refused.code == 5, refused
    assert f"lib 2.0 requires Python {bound}, and this host's is {MINOR}." in refused.stderr
    assert 'constraints = ["lib!=2.0"]' in refused.stderr
    assert not (store / "current").exists()
    text = declare_drivers({"web": ["web"]}, python=MINOR)
    run_envbuild.declare(text.replace("python =", 'constraints = ["lib!=2.0"]\npython ='))
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)


def test_what_excludes_itself_between_patch_releases_is_said(
    run_envbuild: CommandLine, index: IndexServer
) -> None:
    """Where no one set serves every host of a target the lock is refused, with the way out: exit 3."""
    requires = (
        f'lib<2; python_full_version < "{MINOR}.1"',
        f'lib>=2; python_full_version >= "{MINOR}.1"',
    )
    index.add(
        command_wheel("web", "1.0", requires=requires),
        Wheel(name="lib", version="1.0"),
        Wheel(name="lib", version="2.0"),
    )
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=MINOR))
    refused = run_envbuild("lock")
    assert refused.code == 3, refused
    assert "markers of web have different results on hosts of one target" in refused.stderr
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=sys.version.split()[0]))
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)


def test_drivers_that_are_locked_together(run_envbuild: CommandLine, index: IndexServer) -> None:
    """What a target leaves open is locked for each driver of a rule that needs it."""
    index.add(
        command_wheel("web", "1.0", requires=(f'lib; python_full_version >= "{MINOR}.1"',)),
        command_wheel("gate", "1.0", requires=('other; platform_release != "none"', "lib<2")),
        Wheel(name="lib"),
        Wheel(name="lib", version="2.0"),
        Wheel(name="other"),
    )
    rule = '[[coexist]]\ndrivers = ["web", "gate"]\n'
    run_envbuild.declare(
        declare_drivers({"web": ["web"], "gate": ["gate"]}, python=MINOR, more=rule)
    )
    run_envbuild("lock", check=True)
    run_envbuild("check", check=True)
    run_envbuild("sync", check=True)
    assert installed(run_envbuild, "web") == {"web", "lib"}
    assert installed(run_envbuild, "gate") == {"gate", "lib", "other"}


@pytest.mark.parametrize("format_", ["requirements", "pylock"])
def test_exports_carry_the_condition(
    run_envbuild: CommandLine, index: IndexServer, scratch: Path, python: Path, format_: str
) -> None:
    """What another tool installs from an export is what `sync` installs here, but for open kernels."""
    add_open(index)
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=MINOR))
    run_envbuild("lock", check=True)
    file = run_envbuild("export", format_, "web", "--out", str(scratch), check=True).stdout.strip()
    env = {"PATH": os.defpath, "HOME": str(scratch)}
    venv, options = str(scratch / "venv"), ("--no-config", "--no-cache")
    more = (
        ("--default-index", index.url)
        if format_ == "requirements"
        else ("--preview-features", "pylock")
    )
    for argv in (
        ("venv", "--python", str(python), venv),
        ("pip", "sync", "--python", f"{venv}/bin/python", *more, file),
    ):
        subprocess.run((find_uv_bin(), *argv, *options), env=env, capture_output=True, check=True)
    folders = Path(venv).glob("lib/python3.*/site-packages/*.dist-info")
    found = {path.name.partition("-")[0].replace("_", "-") for path in folders}
    kernels = {"release-none", "kernel-none"}
    assert found - {"web"} - kernels == {name for name, (_, here) in OPEN.items() if here}
