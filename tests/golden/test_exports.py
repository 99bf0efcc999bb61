"""What `envbuild export` writes, byte for byte, for one small fleet: to be looked at by eye."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.launchers.cyclonedx import render_cyclonedx
from envbuild.launchers.env import render_env
from envbuild.launchers.fleet import Fleet, Start, Subject
from envbuild.launchers.flox import render_flox
from envbuild.launchers.gpumod import render_gpumod
from envbuild.launchers.kubernetes import render_kubernetes
from envbuild.launchers.llmhop import render_workspace
from envbuild.launchers.local_studio import render_local_studio
from envbuild.launchers.pylock import Source, render_pylock
from envbuild.launchers.quadlet import render_quadlet
from envbuild.launchers.requirements import render_requirements
from envbuild.launchers.systemd import render_systemd
from envbuild.launchers.xinference import render_xinference
from envbuild.target.accelerator import Accelerator
from envbuild.value import replace
from tests.support.golden import assert_golden
from tests.support.values import (
    ARM,
    LINUX,
    STORE,
    make_driver,
    make_entry,
    make_file,
    make_lockfile,
    make_package,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.launchers.fleet import ExportedFile

FOLDER = Path(__file__).parent / "export"
START = Start(
    arguments=("serve", "a model", "--x=100%"),
    image=f"docker.example/cuda@sha256:{'a' * 64}",
    port=8000,
)
VLLM = make_driver(
    "vllm",
    "vllm==0.11.0",
    "transformers>=4.55.2,<5.0",
    "huggingface-hub<1.0",
    platforms=("x86_64-manylinux_2_28", "aarch64-manylinux_2_28"),
    accelerator=Accelerator(cuda=">=12.8"),
)
WORKER = make_driver("worker", "xinference")
BOTH = (LINUX, ARM)
LOCKFILE = make_lockfile(
    VLLM,
    make_package("huggingface-hub", "0.36.0", targets=BOTH),
    make_package(
        "transformers", "4.57.6", targets=BOTH, requires=("huggingface-hub<1.0", "numpy>=1.17")
    ),
    make_package(
        "vllm",
        "0.11.0",
        targets=BOTH,
        requires=("transformers>=4.55.2", 'triton ; platform_machine == "x86_64"'),
        files=(
            make_file("vllm", "0.11.0", "cp38-abi3-manylinux1_x86_64", targets=(LINUX,)),
            make_file("vllm", "0.11.0", "cp38-abi3-manylinux2014_aarch64", targets=(ARM,)),
        ),
    ),
    make_package("triton", "3.4.0", targets=(LINUX,), index="internal"),
)


def fleet(*, stable: bool, python: str = "/usr/bin/python3.12") -> Fleet:
    """vllm and a worker of Xinference, as they would be built."""
    packages = tuple((package.name, package.version) for package in LOCKFILE.packages)
    vllm = make_entry("vllm", "0.11.0", packages=packages)
    worker = make_entry("worker", "4.1.0")
    offered = ("vllm", "xinference-worker")
    subjects = (
        Subject(entry=vllm, declared=VLLM, base_python=python, offered=("vllm",), shared=True),
        Subject(entry=worker, declared=WORKER, base_python=python, offered=offered, shared=True),
    )
    return Fleet(store=STORE, subjects=subjects, stable=stable)


def sources() -> dict[str, Source]:
    """Where an index of the tests would have the files."""
    index = "https://packages.example.com/simple"
    return {
        package.name: Source(
            index=index,
            files={file.name: f"https://files.example.com/{file.name}" for file in package.files},
        )
        for package in LOCKFILE.packages
    }


EXPORTS: dict[str, Callable[[], tuple[ExportedFile, ...]]] = {
    "env": lambda: render_env(fleet(stable=False)),
    "systemd": lambda: render_systemd(fleet(stable=True), arguments=None, unit=None),
    "systemd-closed": lambda: render_systemd(_closed(), arguments=START.arguments, unit=None),
    "gpumod": lambda: render_gpumod(fleet(stable=True), arguments=None, unit=None),
    "xinference": lambda: render_xinference(fleet(stable=False), wheels="/srv/wheels"),
    "local-studio": lambda: render_local_studio(
        fleet(stable=False), envbuild=("/usr/bin/envbuild", "--store", STORE), folder="/srv/studio"
    ),
    "quadlet": lambda: render_quadlet(fleet(stable=False), START),
    "quadlet-stable": lambda: render_quadlet(_managed(), START),
    "flox": lambda: render_flox(fleet(stable=False)),
    "kubernetes": lambda: render_kubernetes(fleet(stable=False), START),
    "requirements": lambda: (render_requirements(LOCKFILE),),
    "pylock": lambda: (render_pylock(LOCKFILE, sources()),),
    "llmhop": lambda: (
        render_workspace(LOCKFILE, {"internal": "https://packages.example.com/simple"}),
    ),
    "cyclonedx": lambda: (
        render_cyclonedx(
            LOCKFILE, digest="sha256:0", envbuild="0.1.0", licences={"vllm": "Apache-2.0"}
        ),
    ),
}


def _closed() -> Fleet:
    """A store below a home that only its owner can enter."""
    subjects = tuple(replace(subject, shared=False) for subject in fleet(stable=True).subjects)
    return replace(fleet(stable=True), store="/home/ai/envbuild", subjects=subjects)


def _managed() -> Fleet:
    """Environments on a Python that envbuild itself has fetched into the store."""
    return fleet(stable=True, python=f"{STORE}/pythons/cpython-3.12.12/bin/python3.12")


@pytest.mark.parametrize("name", EXPORTS)
def test_export(name: str) -> None:
    """Each format, with every file's name and mode."""
    files = EXPORTS[name]()
    text = "\n".join(f"==> {file.name} (mode {file.mode:o}) <==\n{file.text}" for file in files)
    assert_golden(FOLDER / f"{name}.txt", text)
