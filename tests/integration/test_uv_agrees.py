"""Our pure reading of wheel tags and overrides against what uv does with the same files."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from envbuild.requirement.graph import active_edges
from envbuild.target.target import parse_target
from envbuild.target.wheel_choice import best_wheel
from envbuild.uv.executable import base_arguments, uv_executable
from tests.support.wheels import Wheel
from tests.unit.requirement.test_graph import OVERRIDDEN
from tests.unit.target.test_wheel_choice import OFFERED

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.target.target import Target

TARGETS = (
    "3.12-x86_64-manylinux_2_28",
    "3.12-x86_64-manylinux_2_17",
    "3.11-aarch64-manylinux_2_28",
    "3.13-x86_64-manylinux_2_34",
    "3.12.4-x86_64-musllinux_1_2",
    "3.12-arm64-macosx_14_0",
    "3.12-x86_64-macosx_13_0",
)
SYSTEMS = {"musllinux": "unknown-linux-musl", "macosx": "apple-darwin"}


def uv(folder: Path, target: Target, command: str, *arguments: str) -> str:
    """What a `uv pip` command for the target prints, with the folder's wheels as the only index."""
    platform = target.platform
    named = str(platform)
    if platform.system in SYSTEMS:
        arch = "aarch64" if platform.arch == "arm64" else platform.arch
        named = f"{arch}-{SYSTEMS[platform.system]}"
    argv = [
        uv_executable(),
        "pip",
        command,
        *base_arguments(),
        "--quiet",
        "--offline",
        "--no-index",
    ]
    argv += ["--find-links", str(folder), "--cache-dir", str(folder / "cache")]
    argv += ["--python", sys.executable, "--python-version", target.python]
    argv += ["--python-platform", named, *arguments]
    env = {"MACOSX_DEPLOYMENT_TARGET": f"{platform.major}.{platform.minor}"}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("text", TARGETS)
def test_the_wheel_is_the_one_that_uv_takes(scratch: Path, text: str) -> None:
    """What is locked for a target is what an installer on such a host would have taken."""
    target = parse_target(text)
    chosen: dict[str, str] = {}
    for name, offered in OFFERED.items():
        for file in offered:
            write_wheel(scratch, file)
        best = best_wheel(offered, target)
        if best is not None:
            chosen[name] = best
    installed = scratch / "installed"
    uv(scratch, target, "install", "--target", str(installed), *chosen)
    taken = {name: (installed / name / "file").read_text(encoding="utf-8") for name in chosen}
    assert taken == chosen


def test_uv_takes_none_where_none_is_chosen(scratch: Path) -> None:
    """A package without a wheel for a target is unsatisfiable there, and not locked by mistake."""
    target = parse_target("3.12-x86_64-manylinux_2_17")
    for file in OFFERED["numpy"]:
        write_wheel(scratch, file)
    assert best_wheel(OFFERED["numpy"], target) is None
    with pytest.raises(AssertionError, match="numpy"):
        uv(scratch, target, "install", "--target", str(scratch / "installed"), "numpy")


def write_wheel(folder: Path, file: str) -> None:
    """Write a wheel of that name that tells its own name once it is installed."""
    match = re.fullmatch(r"([^-]+)-([^-]+)(?:-(\d[^-]*))?-([^-]+-[^-]+-[^-]+)\.whl", file)
    assert match is not None
    name, version, build, tag = match.groups()
    wheel = Wheel(name=name, version=version, tag=tag, build=build, files={f"{name}/file": file})
    (folder / file).write_bytes(wheel.to_bytes())


@pytest.mark.parametrize("extra", ["", "x", "y"])
def test_overrides_hold_where_uv_lets_them(scratch: Path, extra: str) -> None:
    """The chains that are shown, and who is said to ask for a package, follow the resolver's own rule."""
    requires = tuple(
        text.replace("b;", f"b{number};") for number, (text, _) in enumerate(OVERRIDDEN)
    )
    Wheel(name="a", requires=requires, extras=("x", "y")).write(scratch)
    overrides = tuple(f"b{number}==1.0" for number in range(len(OVERRIDDEN)))
    for override in overrides:
        Wheel(name=override.partition("=")[0]).write(scratch)
    wanted = f"a[{extra}]" if extra else "a"
    target = parse_target(TARGETS[0])
    (scratch / "overrides.txt").write_text("\n".join(overrides), encoding="utf-8")
    (scratch / "requirements.in").write_text(wanted, encoding="utf-8")
    output = uv(
        scratch,
        target,
        "compile",
        "--no-header",
        "--no-annotate",
        "--overrides",
        str(scratch / "overrides.txt"),
        str(scratch / "requirements.in"),
    )
    found = {line.partition("=")[0] for line in output.split()}
    edges = active_edges((wanted,), {"a": requires}, target, overrides)
    assert found == {edge.package for edge in edges}
