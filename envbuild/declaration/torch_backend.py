"""`torch-backend`: torch and the packages around it from the index that uv knows for an accelerator."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.declaration.driver import Driver, Variant

AUTO = "auto"
"""The backend of the accelerator: `cu128` for CUDA >=12.8, and `cpu` without one."""

CPU = "cpu"

PACKAGES = (
    "fbgemm-gpu",
    "fbgemm-gpu-genai",
    "pytorch-triton",
    "pytorch-triton-rocm",
    "pytorch-triton-xpu",
    "torch",
    "torch-tensorrt",
    "torchao",
    "torcharrow",
    "torchaudio",
    "torchcodec",
    "torchcsprng",
    "torchdistx",
    "torchrec",
    "torchserve",
    "torchtext",
    "torchtune",
    "torchvision",
    "triton",
    "triton-rocm",
    "triton-xpu",
    "xformers",
)
"""What uv takes from the index of a backend; a test asks uv.

Not learned at each lock: the same declaration has the same inputs, whichever uv is installed.
"""


def backend_index_name(backend: str) -> str:
    """The reserved name of a backend's index: `torch-cu128`, `torch-rocm6-4`."""
    return f"torch-{backend.replace('.', '-')}"


def backend_of(driver: Driver, variant: Variant | None = None) -> str | None:
    """The backend of a driver, or of one of its variants; None without one.

    ValueError if `auto` does not follow from the accelerator, with the reason.
    """
    written = driver.torch_backend
    accelerator = driver.accelerator
    if variant is not None:
        written = variant.torch_backend or written
        accelerator = variant.accelerator or accelerator
    if written != AUTO:
        return written
    if accelerator is None:
        return CPU
    from envbuild.target.accelerator import find_kind

    name = find_kind(accelerator.kind).torch_backend
    if name is None:
        raise ValueError(f"torch has no builds for the accelerator {accelerator.kind}")
    return name(_lowest(accelerator.versions) if accelerator.versions else "")


def served_indexes(driver: Driver, variant: Variant | None = None) -> tuple[str, ...]:
    """The explicit indexes that serve a driver, or one of its variants; the backend's comes last."""
    names = (*driver.indexes, *(variant.indexes if variant is not None else ()))
    if variant is None and driver.variants:
        return names
    backend = backend_of(driver, variant)
    return names if backend is None else (*names, backend_index_name(backend))


def _lowest(versions: str) -> str:
    """The lowest version that a range names, as `major.minor`; ValueError if it names none."""
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    ends = [
        Version(clause.version.removesuffix(".*"))
        for clause in SpecifierSet(versions)
        if clause.operator in (">=", "==", "~=")
    ]
    if not ends:
        raise ValueError(f"the range {versions} names no lowest version")
    return f"{max(ends).major}.{max(ends).minor}"
