"""Explicit indexes: one package from another place for each driver, and from nowhere else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.support.index_server import IndexServer
from tests.support.wheels import Sdist, Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine


@pytest.fixture
def builds() -> Iterator[dict[str, IndexServer]]:
    """Two indexes that have a torch of their own, whose builds have the same version and the same name."""
    with IndexServer() as cuda, IndexServer() as cpu:
        for name, server in (("cuda", cuda), ("cpu", cpu)):
            server.add(Wheel(name="torch", files={"torch/__init__.py": f"built_for = {name!r}\n"}))
        yield {"cuda": cuda, "cpu": cpu}


def declare(builds: dict[str, IndexServer], drivers: str, python: str) -> str:
    """A declaration with both indexes, bound to one package."""
    tables = "".join(
        f'[[index]]\nname = "torch-{name}"\nurl = "{server.url}"\n'
        'packages = ["torch"]\nexplicit = true\n'
        for name, server in builds.items()
    )
    platform = 'platforms = ["x86_64-manylinux_2_17", "aarch64-manylinux_2_17"]'
    return f'version = 1\n[defaults]\npython = "{python}"\n{platform}\n{tables}{drivers}'


BOTH = """
[drivers.gpu]
requires = ["torch", "helper"]
indexes = ["torch-cuda"]
[drivers.cpu]
requires = ["torch", "helper"]
indexes = ["torch-cpu"]
"""


def test_each_driver_gets_the_build_of_the_index_it_names(
    run_envbuild: CommandLine,
    index: IndexServer,
    builds: dict[str, IndexServer],
    project: Path,
    python_version: str,
) -> None:
    """Locked, built, repaired: two files of one name and version, and nobody asks another index for torch."""
    index.add(Wheel(name="helper"), Wheel(name="torch", version="9.0"))
    run_envbuild.declare(declare(builds, BOTH, python_version))
    run_envbuild("lock", check=True)
    locked = {name: (project / f"locks/{name}.toml").read_text() for name in ("gpu", "cpu")}
    assert '"torch-cuda"' in locked["gpu"]
    assert '"torch-cpu"' not in locked["gpu"]
    assert re.search(r"sha256 = \S+", locked["gpu"]) != re.search(r"sha256 = \S+", locked["cpu"])
    run_envbuild("sync", check=True)
    for driver, built_for in (("gpu", "cuda"), ("cpu", "cpu")):
        shown = run_envbuild("which", driver, "--python", check=True).stdout.strip()
        site = next((project.parent / "s/current" / driver).glob("lib/python*/site-packages"))
        assert (site / "torch/__init__.py").read_text() == f"built_for = {built_for!r}\n", shown
    assert not any("/torch/" in asked.path for asked in index.asked())
    run_envbuild("lock", "--check", check=True)
    target = re.findall(r'"(\S+)"', locked["cpu"].partition("targets")[2])[0]
    options = ("--image", "image:1", "--port", "1", "--target", target)
    workspace = run_envbuild("export", "llmhop", "cpu", *options, check=True).stdout
    assert f'url = "{builds["cpu"].url}"' in workspace
    assert builds["cuda"].url not in workspace


def test_a_driver_that_names_no_index_gets_the_default_one(
    run_envbuild: CommandLine,
    index: IndexServer,
    builds: dict[str, IndexServer],
    project: Path,
    python_version: str,
) -> None:
    """An explicit index serves nobody who does not name it."""
    index.add(Wheel(name="helper"), Wheel(name="torch", version="9.0"))
    plain = '[drivers.plain]\nrequires = ["torch"]\n'
    run_envbuild.declare(declare(builds, BOTH + plain, python_version))
    run_envbuild("lock", check=True)
    assert 'version = "9.0"' in (project / "locks/plain.toml").read_text()
    changed = BOTH + plain + 'indexes = ["torch-cpu"]\n'
    run_envbuild.declare(declare(builds, changed, python_version))
    stale = run_envbuild("lock", "--check")
    assert stale.code == 1
    assert "the packages that indexes are bound to changed" in stale.stdout
    run_envbuild("lock", check=True)
    assert 'index = "torch-cpu"' in (project / "locks/plain.toml").read_text()


def test_a_source_of_an_explicit_index(
    run_envbuild: CommandLine,
    index: IndexServer,
    builds: dict[str, IndexServer],
    project: Path,
    python_version: str,
) -> None:
    """A source distribution is read, built and installed from the index that its driver names."""
    index.add(Wheel(name="helper"))
    newer = Wheel(
        name="torch", version="2.0", files={"torch/__init__.py": "built_for = 'source'\n"}
    )
    builds["cpu"].add(Sdist(wheel=newer))
    allowed = 'binary = "torch"\nindexes = ["torch-cpu"]\nallow-sdist = ["torch"]\n'
    drivers = BOTH.replace('indexes = ["torch-cpu"]\n', allowed)
    run_envbuild.declare(declare(builds, drivers, python_version))
    run_envbuild("lock", check=True)
    assert "torch-2.0.tar.gz" in (project / "locks/cpu.toml").read_text()
    run_envbuild("sync", check=True)
    site = next((project.parent / "s/current/cpu").glob("lib/python*/site-packages"))
    assert (site / "torch/__init__.py").read_text() == "built_for = 'source'\n"


def test_drivers_that_must_coexist_take_a_package_from_one_index(
    run_envbuild: CommandLine,
    index: IndexServer,
    builds: dict[str, IndexServer],
    python_version: str,
) -> None:
    """No interpreter has two builds of torch: the message names both indexes."""
    index.add(Wheel(name="helper"))
    rule = '[[coexist]]\ndrivers = ["gpu", "cpu"]\n'
    run_envbuild.declare(declare(builds, BOTH + rule, python_version))
    refused = run_envbuild("lock")
    assert refused.code == 3, refused
    both = re.search(
        r"torch would come from two places: index '(.*)' and index '(.*)'", refused.stderr
    )
    assert both is not None, refused
    assert set(both.groups()) == {"torch-cuda", "torch-cpu"}
