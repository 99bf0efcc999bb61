"""What the host says about itself, with real and with made-up NVIDIA drivers."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from envbuild.posix.process import Command, Completed, SystemRunner
from envbuild.target import host
from envbuild.target.accelerators import cuda

ROOT = Path("/")
LIBRARY = """
#include <signal.h>
int nvmlInit_v2(void) { return INIT; }
int nvmlSystemGetCudaDriverVersion_v2(int *version) { CRASH; *version = 12040; return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    *device = (void *)(long)(index + 1); return 0;
}
int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) {
    *major = 7 + 3 * (device == (void *)1L); *minor = 5; return 0;
}
const char *nvmlErrorString(int code) { return code == 9 ? "Driver Not Loaded" : "Other"; }
"""


class Silent:
    """A runner on a host where no program says a thing, except that the library is absent."""

    def __init__(self) -> None:
        self.ran: list[Command] = []

    def run(self, command: Command) -> Completed:
        """Record the command."""
        self.ran.append(command)
        return Completed(code=0, stdout="absent\n", stderr="")


def nvml(folder: Path, *, init: str = "0", crash: str = "") -> dict[str, str]:
    """Compile a libnvidia-ml that answers so; the value is the environment that loads it."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("NOT TESTED: this machine has no C compiler")
    source = folder / "nvml.c"
    source.write_text(LIBRARY)
    output = folder / "libnvidia-ml.so.1"
    flags = (f"-DINIT={init}", f"-DCRASH={crash}", "-shared", "-fPIC", "-o", str(output))
    subprocess.run((compiler, *flags, str(source)), check=True)
    return {**os.environ, "LD_LIBRARY_PATH": str(folder)}


def nvidia_smi(folder: Path, script: str) -> str:
    """A made-up nvidia-smi; the value is a `PATH` that finds it first."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return os.pathsep.join((str(folder), os.environ["PATH"]))


def test_the_host_names_its_processor_and_c_library() -> None:
    """What lockfile platforms are matched against is what the host runs on."""
    found = host.probe_host(SystemRunner(), os.environ, kinds=())
    assert found.arch == platform.machine()
    if platform.libc_ver()[0] == "glibc":
        major, minor = map(int, platform.libc_ver()[1].split(".")[:2])
        assert (found.system, found.system_version) == ("manylinux", (major, minor))


def test_another_c_library_is_found_by_its_wheel_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without glibc the first musl or macOS tag tells; with none, no platform matches."""
    monkeypatch.setattr(host, "glibc_version", lambda: None)
    tags = ["linux_x86_64", "musllinux_1_2_x86_64", "musllinux_1_1_x86_64"]
    monkeypatch.setattr("packaging.tags.platform_tags", lambda: iter(tags))
    assert host.probe_system() == ("musllinux", (1, 2))
    monkeypatch.setattr("packaging.tags.platform_tags", lambda: iter(["macosx_14_0_arm64"]))
    assert host.probe_system() == ("macosx", (14, 0))
    monkeypatch.setattr("packaging.tags.platform_tags", lambda: iter(["linux_x86_64"]))
    assert host.probe_system() == (os.uname().sysname.lower(), (0, 0))


def test_nothing_is_started_where_no_driver_asks_for_cuda() -> None:
    """A fleet of CPU drivers never wakes a GPU."""
    runner = Silent()
    found = host.probe_host(runner, os.environ, kinds=())
    assert {kind.version for kind in found.accelerators} == {None}
    assert runner.ran == []


def test_the_nvidia_library_says_the_cuda_version(scratch: Path) -> None:
    """The library's number 12040 is CUDA 12.4; of its GPUs the best one's capability counts, 10.5 above 7.5."""
    found = cuda.probe(SystemRunner(), nvml(scratch), ROOT)
    assert (found.version, found.absent, found.compute) == ("12.4", None, "10.5")


def test_a_driver_that_does_not_answer_is_quoted(scratch: Path) -> None:
    """The library's own words reach the user."""
    found = cuda.probe(SystemRunner(), nvml(scratch, init="9"), ROOT)
    assert found.version is None
    assert found.absent == "the NVIDIA driver does not answer: Driver Not Loaded"


def test_a_library_that_crashes_takes_nobody_along(scratch: Path) -> None:
    """A broken library ends only the process that asked it; nvidia-smi is asked next."""
    environment = nvml(scratch, crash="raise(SIGSEGV)")
    environment["PATH"] = nvidia_smi(scratch, 'echo "| CUDA Version: 12.8 |"')
    assert cuda.probe(SystemRunner(), environment, ROOT).version == "12.8"


def test_nvidia_smi_says_the_compute_capability(scratch: Path) -> None:
    """Where the library fails, the program is asked for both."""
    environment = nvml(scratch, crash="raise(SIGSEGV)")
    script = 'case "$1" in --query-gpu=compute_cap) echo 8.6; echo 9.0;; *) echo CUDA Version: 12.8;; esac'
    environment["PATH"] = nvidia_smi(scratch, script)
    found = cuda.probe(SystemRunner(), environment, ROOT)
    assert (found.version, found.compute) == ("12.8", "9.0")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'has failed because it could not talk to the driver' >&2; exit 9", "has failed"),
        ("echo 'No devices were found'", "No devices were found"),
        ("true", "it names no CUDA version"),
    ],
)
def test_an_nvidia_smi_that_fails_is_quoted(scratch: Path, script: str, words: str) -> None:
    """Why a driver was skipped is told in the words of the program that knows."""
    environment = nvml(scratch, crash="raise(SIGSEGV)")
    environment["PATH"] = nvidia_smi(scratch, script)
    found = cuda.probe(SystemRunner(), environment, ROOT)
    assert found.version is None
    assert found.absent is not None
    assert words in found.absent


def test_a_host_without_either_says_so() -> None:
    """The reason names what was looked for."""
    found = cuda.probe(Silent(), {"PATH": "/nowhere"}, Path("/nowhere"))
    assert found.version is None
    assert found.absent == (
        "no NVIDIA driver: libnvidia-ml.so.1 is not there, and there is no nvidia-smi"
    )


def test_free_space_is_known_before_the_folder_is_there(scratch: Path) -> None:
    """A store that is yet to be made is judged by the disk it would be on."""
    assert host.disk_free(scratch / "not" / "yet") > 0
