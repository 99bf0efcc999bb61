"""Wheels that do not belong together, by what their versions and names say."""

from __future__ import annotations

from pathlib import Path

import pytest

from envbuild.lockfile.parse import parse_lockfile
from envbuild.lockfile.torch_builds import check_torch_builds
from tests.support.values import make_driver, make_lockfile, make_package

LOCKS = Path(__file__).parents[3] / "locks"


def findings(**packages: str) -> list[tuple[str, str]]:
    """Level and message of what is found; underscores in names stand for hyphens."""
    locked = (make_package(name.replace("_", "-"), version) for name, version in packages.items())
    lockfile = make_lockfile(make_driver("vllm", "torch"), *locked)
    found = tuple(check_torch_builds(lockfile, "locks/vllm.toml"))
    assert all(one.code == "torch-build" and one.line and one.hint for one in found)
    return [(one.level, one.message) for one in found]


@pytest.mark.parametrize(
    "packages",
    [
        {
            "torch": "2.9.0+cu130",
            "torchvision": "0.24.0+cu130",
            "flash_attn": "2.8.3+cu130torch2.9",
        },
        {"torch": "2.9.0+cu130", "flash_attn": "2.8.3+cu13torch2.9cxx11abitrue"},
        {
            "torch": "2.8.0",
            "torch_scatter": "2.1.2+pt28cu128",
            "nvidia_cuda_runtime_cu12": "12.8.90",
        },
        {"torch": "2.8.0", "nvidia_nccl_cu12": "2.27.3", "nvidia_cuda_runtime_cu12": "12.8.90"},
        {
            "torch": "2.9.0+cu128",
            "nvidia_nccl_cu12": "2.27.3",
            "nvidia_cuda_runtime_cu12": "12.6.77",
        },
        {"torch": "2.9.0+cpu", "torchvision": "0.24.0+cpu", "numpy": "2.0"},
        {"torch": "2.9.0+rocm6.4", "torchvision": "0.24.0+rocm6.4"},
        {"flash_attn": "2.8.3+cu130torch2.9"},
    ],
)
def test_builds_that_belong_together(packages: dict[str, str]) -> None:
    """Nothing is said where all are for one torch and one CUDA, or where nobody says for which."""
    assert findings(**packages) == []


def test_another_torch() -> None:
    """A wheel for torch 2.9 does not load beside torch 2.11."""
    assert findings(torch="2.11.0+cu130", flash_attn="2.8.3+cu130torch2.9") == [
        (
            "error",
            "flash-attn 2.8.3+cu130torch2.9 is built for torch 2.9, and torch 2.11.0+cu130 is locked",
        )
    ]
    assert findings(torch="2.10.0", torch_scatter="2.1.2+pt28cu128")[0][0] == "error"


@pytest.mark.parametrize(
    ("torch", "other", "level", "words"),
    [
        (
            "2.9.0+cu130",
            "0.24.0+cu128",
            "error",
            "built for CUDA 12.8, and torch 2.9.0+cu130 for CUDA 13.0",
        ),
        (
            "2.9.0+cu126",
            "0.24.0+cu128",
            "warning",
            "built for CUDA 12.8, and torch 2.9.0+cu126 for CUDA 12.6",
        ),
        ("2.9.0+cpu", "0.24.0+cu128", "error", "built for CUDA 12.8, and torch 2.9.0+cpu for CPU"),
        (
            "2.9.0+cu128",
            "0.24.0+rocm6.4",
            "error",
            "built for ROCm 6.4, and torch 2.9.0+cu128 for CUDA 12.8",
        ),
        (
            "2.9.0+rocm7.0",
            "0.24.0+rocm6.4",
            "error",
            "built for ROCm 6.4, and torch 2.9.0+rocm7.0 for ROCm 7.0",
        ),
    ],
)
def test_another_cuda(torch: str, other: str, level: str, words: str) -> None:
    """Another major version does not load; another minor version may."""
    assert findings(torch=torch, torchvision=other) == [(level, f"torchvision {other} is {words}")]


def test_nvidias_libraries_for_two_versions() -> None:
    """Libraries for CUDA 12 beside those for 13 are a warning, once and not for each library."""
    found = findings(
        torch="2.9.0",
        nvidia_cudnn_cu13="9.13.0",
        nvidia_nccl_cu13="2.27.3",
        nvidia_cuda_runtime="13.0.48",
        nvidia_cublas_cu12="12.8.4",
        nvidia_nvtx_cu12="12.8.90",
    )
    assert found == [
        (
            "warning",
            "nvidia-cublas-cu12 12.8.4 is built for CUDA 12, and nvidia-cuda-runtime 13.0.48 for CUDA 13.0",
        )
    ]


@pytest.mark.parametrize("file", sorted(LOCKS.glob("*.toml")), ids=lambda file: file.stem)
def test_the_repositorys_own_lockfiles(file: Path) -> None:
    """Fleets that are known to run have no error; sglang's has NVIDIA's libraries for both versions."""
    lockfile = parse_lockfile(file.read_text(), file=str(file))
    found = [(one.level, one.message) for one in check_torch_builds(lockfile, file.name)]
    both = (
        "nvidia-cutlass-dsl-libs-cu13 4.8.1 is built for CUDA 13, "
        "and nvidia-cuda-runtime-cu12 12.8.90 for CUDA 12.8"
    )
    assert found == ([("warning", both)] if file.stem == "sglang" else [])
