"""What is proven of uv's choices is what uv chooses, in fleets with sources, variants, packages of the host and torch.

Whole fleets are locked twice: as always, and with uv asked for each target.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from envbuild.declaration.index import index_variable
from envbuild.declaration.torch_backend import backend_index_name
from tests.support.index_server import IndexServer
from tests.support.repository import git
from tests.support.sources import write_files
from tests.support.wheels import Sdist, Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine

WITHOUT_PROOFS = """
import sys
from envbuild.cli import entry
from envbuild.index.uv_indexes import UvIndexes
UvIndexes.proven = None
sys.argv = ["envbuild", *sys.argv[1:]]
entry()
"""
PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "arm64-macosx_14_0")
PURE = "py3-none-any"
TAGS = (
    *("cp312-cp312-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_17_aarch64"),
    *("py3-none-manylinux_2_17_x86_64", "py3-none-macosx_11_0_arm64"),
)
MARKERS = (
    *("",) * 4,
    "; platform_machine == 'x86_64'",
    "; sys_platform == 'darwin'",
    "; python_version >= '3.12'",
    "; python_version < '3.12'",
)
RANGES = ("", "", "<2", ">=1.1", "!=2", "<=1.1")
BACKEND = """
import os, sys
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    os.mkdir(os.path.join(folder, "dyn-0.3.dist-info"))
    minor = "%d.%d" % sys.version_info[:2]
    requires = eval(open("requires.txt").read()).get(minor, [])
    with open(os.path.join(folder, "dyn-0.3.dist-info", "METADATA"), "w") as stream:
        stream.write("Metadata-Version: 2.1\\nName: dyn\\nVersion: 0.3\\n")
        stream.writelines(f"Requires-Dist: {one}\\n" for one in requires)
    return "dyn-0.3.dist-info"
"""
SYSTEM = '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n'
FLEET = """
[defaults]
python = [{pythons}]
platforms = [{platforms}]
[[index]]
name = "one"
url = "{one}"
packages = ["c"]
explicit = true
[[index]]
name = "two"
url = "{two}"
packages = ["c"]
explicit = true
[sources]
svc = {{ path = "svc" }}
dyn = {{ git = "file://{dyn}" }}
web = [
  {{ url = "{web}/web-1.0-py3-none-macosx_11_0_arm64.whl", platform = "arm64-macosx_14_0" }},
  {{ url = "{web}/web-1.0-py3-none-any.whl" }},
]
[drivers.sources]
requires = ["svc", "dyn", "web", "mix", "a"]
allow-sdist = ["mix"]
binary = "a"
[drivers.forced]
requires = ["mix", "b"]
force-sdist = ["mix"]
binary = "b"
[drivers.variants]
requires = ["svc", "c", "b"]
binary = "b"
[drivers.variants.variants.cuda]
accelerator = {{ cuda = ">=12" }}
indexes = ["one"]
[drivers.variants.variants.cpu]
indexes = ["two"]
requires = ["a"]
[drivers.torches]
requires = ["torch", "svc"]
binary = "torch"
torch-backend = "auto"
[drivers.torches.variants.cuda]
accelerator = {{ cuda = ">=12.8" }}
[drivers.torches.variants.cpu]
[drivers.inheriting]
requires = ["svc", "mix", "b"]
allow-sdist = ["mix"]
binary = "b"
inherit = {{ python = "/usr/bin/python3", packages = ["a==1.1"] }}
"""


def lock_by(
    run: CommandLine, program: tuple[str, ...], env: dict[str, str | None]
) -> tuple[int, set[str]]:
    """How often uv resolved, and which drivers nothing satisfies, of envbuild started in one way or another."""
    done = subprocess.run(
        (sys.executable, *program, "lock", "--keep-going", "-v", "--format", "json"),
        cwd=run.cwd,
        env=run.environment(env),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode in (0, 3), f"{done.stdout}\n{done.stderr}"
    assert "only a source distribution" not in done.stderr
    failed = {name for one in json.loads(done.stdout)["failed"] for name in one["drivers"]}
    return done.stderr.count(" pip compile "), failed


class MadeUp:
    """A fleet out of a random number."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def requires(self, names: str, most: int = 2) -> tuple[str, ...]:
        """Requirements on some of the packages."""
        draw = self._random
        return tuple(
            f"{draw.choice(names)}{draw.choice(RANGES)}{draw.choice(MARKERS)}"
            for _ in range(draw.randint(0, most))
        )

    def wheels(self, name: str, others: str) -> Iterator[Wheel]:
        """Versions of a package; the oldest is pure and requires nothing."""
        yield Wheel(name=name, version="0.9")
        for version in ("1.0", "1.1", "2.0"):
            requires = self.requires(others) if others else ()
            for tag in self._random.choice(((PURE,), (PURE,), TAGS[:2], TAGS)):
                yield Wheel(name=name, version=version, tag=tag, requires=requires)

    def mix(self, index: IndexServer) -> None:
        """A package with a source and, of some versions, wheels for some platforms."""
        for version in ("1.0", "1.1", "2.0"):
            requires = self.requires("ab")
            index.add(Sdist(wheel=Wheel(name="mix", version=version, requires=requires)))
            for tag in self._random.choice(((), TAGS[:1], TAGS[2:])):
                index.add(Wheel(name="mix", version=version, tag=tag, requires=requires))

    def projects(self, svc: Path, dyn: Path) -> None:
        """A folder that says everything itself, and a repository whose backend looks at its Python."""
        dependencies = ", ".join(f'"{one}"' for one in self.requires("ab", 3))
        project = f'[project]\nname = "svc"\nversion = "0.3"\ndependencies = [{dependencies}]\n'
        write_files(svc, {"pyproject.toml": f"{project}{SYSTEM}", "b.py": ""})
        requires = {f"3.{minor}": self.requires("ab") for minor in (11, 12, 13)}
        files = {"pyproject.toml": SYSTEM, "b.py": BACKEND, "requires.txt": repr(requires)}
        write_files(dyn, files)
        for words in (("init",), ("add", "-A"), ("commit", "-m", "one")):
            git(dyn, *words)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_fleets_with_sources_are_locked_as_without_proofs(
    seed: int,
    run_envbuild: CommandLine,
    index: IndexServer,
    project: Path,
    scratch: Path,
    pythons: dict[str, Path],
) -> None:
    """Every lockfile has the same bytes; and uv was asked less often, or the test would say nothing."""
    made = MadeUp(seed)
    index.add(*made.wheels("a", ""), *made.wheels("b", "a"))
    index.add(Wheel(name="web"), Wheel(name="web", tag=TAGS[3], requires=("a<2",)))
    made.mix(index)
    made.projects(project / "svc", scratch / "dyn")
    minors = [one for one in ("3.11", "3.12", "3.13") if one in pythons]
    with (
        IndexServer(made.wheels("c", "a")) as one,
        IndexServer(made.wheels("c", "ab")) as two,
        IndexServer([Wheel(name="torch", version="2.9+cpu", requires=("b",))]) as cpu,
        IndexServer([Wheel(name="torch", version="2.9+cu128", requires=("b<2",))]) as cuda,
    ):
        run_envbuild.declare(
            FLEET.format(
                pythons=", ".join(f'"{minor}"' for minor in minors),
                platforms=", ".join(f'"{platform}"' for platform in PLATFORMS),
                one=one.url,
                two=two.url,
                dyn=scratch / "dyn",
                web=f"{index.origin}/files",
            )
        )
        env: dict[str, str | None] = {
            index_variable(backend_index_name(name)): server.url
            for name, server in (("cpu", cpu), ("cu128", cuda))
        }
        asked: dict[str, int] = {}
        failed: dict[str, set[str]] = {}
        found: dict[str, dict[str, bytes]] = {}
        for name, program in (("proofs", ("-m", "envbuild")), ("none", ("-c", WITHOUT_PROOFS))):
            env |= {"XDG_CACHE_HOME": str(scratch / name), "ENVBUILD_STORE": str(scratch / name)}
            asked[name], failed[name] = lock_by(run_envbuild, program, env)
            locks = sorted((project / "locks").iterdir())
            found[name] = {path.name: path.read_bytes() for path in locks}
            for path in locks:
                path.unlink()
    assert len(found["none"]) + len(failed["none"]) == 5
    assert failed["proofs"] == failed["none"]
    assert found["proofs"] == found["none"]
    assert 0 < asked["proofs"] < asked["none"]
