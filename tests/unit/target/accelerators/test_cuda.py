"""The CUDA version of locked wheels against what a host's NVIDIA driver supports."""

from __future__ import annotations

from pathlib import Path

import pytest

from envbuild.lockfile.host_check import judge_on_host
from envbuild.lockfile.lockfile import Inputs, LockedFile, LockedPackage, Lockfile
from envbuild.lockfile.parse import parse_lockfile
from envbuild.target.accelerator import FoundAccelerator
from envbuild.target.accelerators.cuda import judge, needed_cuda, parse_smi
from envbuild.target.target import parse_target

TARGET = parse_target("3.12-x86_64-manylinux_2_28")
LOCKS = Path(__file__).parents[4] / "locks"


def lockfile(**packages: str) -> Lockfile:
    """A lockfile of these packages; underscores stand for hyphens."""
    inputs = Inputs(
        requires=("torch",),
        constraints=(),
        overrides=(),
        python=("3.12",),
        platforms=("x86_64-manylinux_2_28",),
        exclude_newer=None,
        exclude_newer_packages=(),
        allow_sdist=(),
        version_of="torch",
        indexes=(),
    )
    locked = tuple(
        LockedPackage(
            name=name.replace("_", "-"),
            version=version,
            index="default",
            targets=(TARGET,),
            requires=(),
            required_by=(),
            files=(LockedFile(name="x.whl", size=1, sha256="0" * 64, targets=(TARGET,)),),
        )
        for name, version in packages.items()
    )
    return Lockfile(driver="vllm", version="1", inputs=inputs, targets=(TARGET,), packages=locked)


@pytest.mark.parametrize(
    ("packages", "version"),
    [
        ({"torch": "2.8.0+cu128"}, "12.8"),
        ({"torch": "2.8.0", "nvidia_cuda_runtime_cu12": "12.8.90"}, "12.8"),
        ({"torch": "2.11.0", "nvidia_cuda_runtime": "13.0.48"}, "13.0"),
        ({"nvidia_nccl_cu12": "2.27.3"}, "12"),
        ({"nvidia_nccl_cu12": "2.27.3", "nvidia_cuda_runtime_cu12": "12.6.77"}, "12.6"),
    ],
)
def test_what_wheels_are_built_for(packages: dict[str, str], version: str) -> None:
    """torch's local version, NVIDIA's runtime, and else the names of its libraries tell."""
    assert str(needed_cuda(lockfile(**packages).packages)) == version


def test_wheels_without_cuda() -> None:
    """A lockfile that names no CUDA version asks nothing of a host."""
    assert needed_cuda(lockfile(torch="2.8.0+cpu", numpy="2.0").packages) is None
    assert judge(lockfile(torch="2.8.0+cpu").packages, "11.8") is None


@pytest.mark.parametrize("supported", ["12.8", "12.9", "13.0"])
def test_driver_that_is_new_enough(supported: str) -> None:
    """An NVIDIA driver of the same or a newer version runs it."""
    assert judge(lockfile(torch="2.8.0+cu128").packages, supported) is None


@pytest.mark.parametrize(("supported", "fatal"), [("12.4", False), ("11.8", True)])
def test_driver_that_is_too_old(supported: str, fatal: bool) -> None:
    """Within a major version it is a warning, beyond it nothing will run."""
    host = FoundAccelerator(kind="cuda", version=supported)
    finding = judge_on_host(lockfile(torch="2.8.0+cu128"), host)
    assert finding is not None
    assert finding.fatal is fatal
    assert finding.message == (
        "vllm is locked with torch 2.8.0+cu128, which is built for CUDA 12.8; "
        f"the NVIDIA driver goes up to CUDA {supported}"
    )


def test_host_that_is_no_version() -> None:
    """What cannot be compared is said."""
    with pytest.raises(ValueError, match="'new' is not a CUDA version"):
        judge(lockfile(torch="2.8.0").packages, "new")


@pytest.mark.parametrize(
    ("driver", "version"), [("vllm", "12.8"), ("sglang", "12.8"), ("asr", "12"), ("gateway", None)]
)
def test_real_lockfiles(driver: str, version: str | None) -> None:
    """The repository's own fleet: what its declaration says in comments is in its lockfiles."""
    file = LOCKS / f"{driver}.toml"
    locked = parse_lockfile(file.read_text(), file=str(file))
    found = {str(cuda) for t in locked.targets if (cuda := needed_cuda(locked.packages_for(t)))}
    assert found == ({version} if version else set())


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("| NVIDIA-SMI 550.54   Driver Version: 550.54   CUDA Version: 12.4     |", "12.4"),
        ("| KMD Version: 590.1   CUDA UMD Version: 13.1     |", "13.1"),
        ("CUDA Version        : 12.8\n", "12.8"),
        ("| Driver Version: 550.54   CUDA Version: N/A     |", None),
        ("No devices were found", None),
    ],
)
def test_nvidia_smi_names_the_cuda_version(text: str, version: str | None) -> None:
    """Every header that nvidia-smi has had is understood; none at all is 'no CUDA'."""
    assert parse_smi(text) == version
