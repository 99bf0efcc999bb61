"""Accelerators on made-up hosts: their files below a folder, and a runner that answers for their programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.errors import HostError, Problem, UsageError
from envbuild.posix.process import Completed
from envbuild.target.accelerator import (
    Accelerator,
    FoundAccelerator,
    accelerator_missing,
    find_kind,
)
from envbuild.target.accelerators import cpu, rocm, xpu
from envbuild.target.host import probe_host
from envbuild.target.host_facts import parse_host_facts

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.posix.process import Command


class Answers:
    """A runner whose every program says the same."""

    def __init__(self, stdout: str = "", code: int = 0) -> None:
        self.stdout, self.code = stdout, code
        self.ran: list[Command] = []

    def run(self, command: Command) -> Completed:
        """Record the command."""
        self.ran.append(command)
        return Completed(code=self.code, stdout=self.stdout, stderr="")


def made_up(root: Path, **files: str) -> Path:
    """A host's files; in names `__` stands for `/`."""
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


CPUINFO = "processor\t: 0\nflags\t\t: fpu avx2 avx512f\n\nprocessor\t: 1\nflags\t\t: fpu\n"


def test_a_processor_says_its_features(tmp_path: Path) -> None:
    """Of x86_64 and of aarch64; nothing is started; a host that does not say is not refused."""
    root = made_up(tmp_path, proc__cpuinfo=CPUINFO)
    runner = Answers()
    assert cpu.probe(runner, {}, root).features == ("fpu", "avx2", "avx512f")
    made_up(tmp_path, proc__cpuinfo="processor: 0\nFeatures\t: fp asimd sve\n")
    assert cpu.probe(runner, {}, root).features == ("fp", "asimd", "sve")
    assert cpu.probe(runner, {}, tmp_path / "none").features is None
    assert runner.ran == []


def test_missing_features_are_named() -> None:
    """The reason says what is asked for and what of it is not there."""
    wanted = Accelerator(kind="cpu", features=("amx_tile", "avx2"))
    here = FoundAccelerator(kind="cpu", features=("avx2",))
    assert accelerator_missing(wanted, (here,)) == (
        "it needs a processor with amx_tile, avx2; this host's has no amx_tile"
    )
    assert accelerator_missing(wanted, (FoundAccelerator(kind="cpu"),)) is None


@pytest.mark.parametrize(
    ("files", "version"),
    [
        (
            {"sys__module__amdgpu__initstate": "live", "opt__rocm__.info__version": "7.1.0-42\n"},
            "7.1",
        ),
        ({"sys__module__amdgpu__version": "6.12.12\n"}, "6.4"),
        ({"sys__module__amdgpu__version": "6.17.1\n"}, "7.1"),
        ({"sys__module__amdgpu__version": "5.18.2\n"}, None),
        ({"sys__module__amdgpu__version": "garbage\n"}, None),
        ({"opt__rocm__.info__version": "7.1.0\n"}, None),
        ({}, None),
    ],
)
def test_rocm_by_files(tmp_path: Path, files: dict[str, str], version: str | None) -> None:
    """What is installed counts first, then what the kernel module came with; without the module there is nothing."""
    found = rocm.probe(Answers(), {"PATH": "/nowhere"}, made_up(tmp_path, **files))
    assert (found.version, found.absent is None) == (version, version is not None)


def test_rocminfo_is_asked_last_and_from_an_absolute_folder(tmp_path: Path) -> None:
    """A kernel without the module's version file: rocminfo tells it; what lies in the working folder is not run."""
    root = made_up(tmp_path, sys__module__amdgpu__initstate="live")
    runner = Answers("ROCk module version 6.14.14 is loaded\n=====\n")
    assert rocm.probe(runner, {"PATH": ".:bin"}, root).version is None
    assert runner.ran == []
    made_up(tmp_path, opt__rocm__bin__rocminfo="#!/bin/sh\n")
    (tmp_path / "opt/rocm/bin/rocminfo").chmod(0o755)
    assert rocm.probe(runner, {"PATH": ""}, root).version == "7.0"
    assert runner.ran[0].argv == (str(tmp_path / "opt/rocm/bin/rocminfo"),)
    assert runner.ran[0].timeout is not None


def test_a_rocminfo_that_cannot_start_is_absence(tmp_path: Path) -> None:
    """A host's broken program is an answer, not an error."""

    class Broken:
        def run(self, command: Command) -> Completed:
            raise HostError(Problem(message=f"cannot start {command.argv[0]}"))

    made_up(tmp_path, sys__module__amdgpu__initstate="live", opt__rocm__bin__rocminfo="")
    (tmp_path / "opt/rocm/bin/rocminfo").chmod(0o755)
    found = rocm.probe(Broken(), {"PATH": "/nowhere"}, tmp_path)
    assert found.absent == (
        "no ROCm: /opt/rocm/.info/version is not there, and amdgpu says no version"
    )


def test_an_intel_gpu_says_level_zeros_version(tmp_path: Path) -> None:
    """The vendor's number of any card counts; without such a card nothing is started."""
    runner = Answers("version 1.6\n")
    root = made_up(tmp_path, sys__class__drm__card0__device__vendor="0x10de\n")
    assert xpu.probe(runner, {}, root).absent is not None
    assert runner.ran == []
    made_up(tmp_path, sys__class__drm__card1__device__vendor="0x8086\n")
    assert xpu.probe(runner, {}, root).version == "1.6"
    assert xpu.probe(Answers("absent\n"), {}, root).absent == (
        "no Level Zero: libze_loader.so.1 is not there"
    )
    assert "0x78000001" in (xpu.probe(Answers("error 0x78000001\n"), {}, root).absent or "")
    assert "crashed" in (xpu.probe(Answers("", -11), {}, root).absent or "")


def test_a_device_in_place_of_a_file_is_not_read(tmp_path: Path) -> None:
    """A pipe without a writer does not hang the probe."""
    import os

    (tmp_path / "proc").mkdir()
    os.mkfifo(tmp_path / "proc/cpuinfo")
    assert cpu.probe(Answers(), {}, tmp_path).features is None


@pytest.mark.parametrize(
    ("supported", "fatal"), [("6.4", None), ("7.0", None), ("6.2", False), ("5.7", True)]
)
def test_rocm_wheels_on_an_older_driver(supported: str, fatal: bool | None) -> None:
    """Within a major version it may work; beyond it nothing will."""

    class Torch:
        name, version = "torch", "2.9.0+rocm6.4"

    found = find_kind("rocm").judge([Torch()], supported)
    assert (None if found is None else found.fatal) is fatal


def test_too_little_compute_capability_is_a_reason() -> None:
    """The version suffices, the GPU does not; where nobody says it, the version alone counts."""
    wanted = Accelerator(kind="cuda", versions=">=12.4", compute=">=8.0")
    old = FoundAccelerator(kind="cuda", version="13.0", compute="7.5")
    assert accelerator_missing(wanted, (old,)) == (
        "it needs compute capability >=8.0; the GPUs here have at most 7.5"
    )
    for compute in ("8.0", "10.0", None):
        new = FoundAccelerator(kind="cuda", version="13.0", compute=compute)
        assert accelerator_missing(wanted, (new,)) is None


def test_facts_of_a_host_are_read_from_a_file(tmp_path: Path) -> None:
    """An image that is built where no GPU is says what its hosts will have, and nothing is started."""
    facts = tmp_path / "facts.toml"
    facts.write_text('cuda = "13.0"\ncompute = "9.0"\ncpu = { features = ["avx2"] }\n')
    runner = Answers()
    host = probe_host(runner, {"ENVBUILD_HOST_FACTS": str(facts)})
    assert {found.kind: found.version for found in host.accelerators} == {
        "cpu": None,
        "cuda": "13.0",
        "rocm": None,
        "xpu": None,
    }
    assert host.accelerators[0].features == ("avx2",)
    assert host.accelerators[1].compute == "9.0"
    assert host.accelerators[2].absent == "$ENVBUILD_HOST_FACTS names none"
    assert runner.ran == []


@pytest.mark.parametrize(
    "text",
    [
        "cuda = 12.4",
        'boat = "1.0"',
        "cpu = true",
        "cpu = { features = [1] }",
        'cpu = { features = ["A b"] }',
        'compute = "8.6"',
        "cuda = ",
        "a = " + "[" * 5000,
    ],
)
def test_facts_that_are_wrong_are_refused(tmp_path: Path, text: str) -> None:
    """The file and the variable are named, whatever stands in the file."""
    with pytest.raises(ValueError, match=r".+"):
        parse_host_facts(text)
    facts = tmp_path / "facts.toml"
    facts.write_text(text)
    with pytest.raises(UsageError, match=r"\$ENVBUILD_HOST_FACTS") as caught:
        probe_host(Answers(), {"ENVBUILD_HOST_FACTS": str(facts)})
    assert caught.value.problems[0].file == str(facts)


def test_facts_that_are_not_there_are_refused(tmp_path: Path) -> None:
    """A variable that names nothing is a mistake, not a host without accelerators."""
    with pytest.raises(UsageError, match="No such file"):
        probe_host(Answers(), {"ENVBUILD_HOST_FACTS": str(tmp_path / "none")})
