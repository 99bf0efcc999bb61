"""The CUDA version that locked wheels are built for, against what a host's driver supports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.lockfile.lockfile import LockedPackage, Lockfile
    from envbuild.target.target import Target

_LOCAL = re.compile(r"\+cu(?P<major>\d{2})(?P<minor>\d)\b")
"""`2.8.0+cu128`: how torch's own index marks its builds."""

_RUNTIME = re.compile(r"nvidia-cuda-runtime(-cu\d{2})?")
"""NVIDIA's runtime as a wheel; its version is CUDA's."""

_LIBRARY = re.compile(r"nvidia-[a-z0-9-]+-cu(?P<major>\d{2})")
_NUMBERS = re.compile(r"(?P<major>\d+)\.(?P<minor>\d+)")


@value
class LockedCuda:
    """What a lockfile's wheels were built for on one target."""

    major: int
    minor: int | None
    """None where only the major version can be told."""

    package: str
    """The package that says so, with its version."""

    def __str__(self) -> str:
        """`12.8`, or `12` where the rest is not known."""
        return str(self.major) if self.minor is None else f"{self.major}.{self.minor}"


@value
class CudaFinding:
    """Locked wheels that an NVIDIA driver is too old for, wholly or in part."""

    driver: str
    message: str
    hint: str
    fatal: bool
    """Whether nothing will run; else what is compiled on the host may not."""


def locked_cuda(lockfile: Lockfile, target: Target) -> LockedCuda | None:
    """The newest CUDA version that a target's wheels name; None where they name none.

    torch and NVIDIA's runtime say it exactly;
    only without them the names of libraries count, of which some come for several versions at once.
    """
    found = [cuda for package in lockfile.packages_for(target) for cuda in _named(package)]
    exact = [cuda for cuda in found if cuda.minor is not None]
    return max(exact or found, key=lambda cuda: (cuda.major, cuda.minor or 0), default=None)


def judge_cuda(lockfile: Lockfile, supported: str) -> CudaFinding | None:
    """What an NVIDIA driver that supports up to `supported` (such as `12.4`) cannot do with a lockfile.

    Within one major version, older NVIDIA drivers run newer builds (NVIDIA's minor version compatibility),
    but not what those compile when a model is loaded.
    None where the driver is new enough, or the lockfile names no CUDA version.
    """
    numbers = _NUMBERS.match(supported)
    if numbers is None:
        raise ValueError(f"{supported!r} is no CUDA version; write it like 12.4")
    major, minor = int(numbers["major"]), int(numbers["minor"])
    newest = [cuda for target in lockfile.targets if (cuda := locked_cuda(lockfile, target))]
    for cuda in newest:
        if (cuda.major, cuda.minor or 0) > (major, minor):
            return _finding(lockfile.driver, cuda, supported, fatal=cuda.major > major)
    return None


def _finding(driver: str, cuda: LockedCuda, supported: str, *, fatal: bool) -> CudaFinding:
    message = (
        f"{driver} is locked with {cuda.package}, which is built for CUDA {cuda}; "
        f"the NVIDIA driver goes up to CUDA {supported}"
    )
    hint = (
        "upgrade the NVIDIA driver, or lock a build for its CUDA version"
        if fatal
        else "builds of one major version run, but what they compile on the host may not"
    )
    return CudaFinding(driver=driver, message=message, hint=hint, fatal=fatal)


def _named(package: LockedPackage) -> Iterator[LockedCuda]:
    text = f"{package.name} {package.version}"
    local = _LOCAL.search(package.version)
    if local is not None:
        yield LockedCuda(major=int(local["major"]), minor=int(local["minor"]), package=text)
    numbers = _NUMBERS.match(package.version)
    if _RUNTIME.fullmatch(package.name) and numbers is not None:
        yield LockedCuda(major=int(numbers["major"]), minor=int(numbers["minor"]), package=text)
        return
    library = _LIBRARY.fullmatch(package.name)
    if library is not None:
        yield LockedCuda(major=int(library["major"]), minor=None, package=text)
