"""ROCm: the version that a host's AMD driver supports, and the one that packages are built for."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from envbuild.errors import HostError
from envbuild.posix.input_file import said_by_kernel
from envbuild.posix.process import Command, find_program, scrubbed_environment
from envbuild.target.accelerator import AcceleratorKind, FoundAccelerator, Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from envbuild.posix.process import Runner
    from envbuild.target.accelerator import Pinned

_NUMBERS = re.compile(r"(?P<major>\d{1,4})\.(?P<minor>\d{1,4})")
_LOCAL = re.compile(r"\+rocm(?P<major>\d{1,4})\.(?P<minor>\d{1,4})")
"""`2.9.0+rocm6.4`: how torch's own index marks its builds."""

_MODULE = re.compile(r"ROCk module version (\d[\d.]*) is loaded")
_TIMEOUT = 30.0
"""Seconds for rocminfo to answer."""

_PROGRAMS = ("opt/rocm/bin", "usr/bin")
"""Below the root: where rocminfo is, besides `PATH`."""

_RELEASES = (
    ((6, 16), "7.1"),
    ((6, 14), "7.0"),
    ((6, 12), "6.4"),
    ((6, 10), "6.3"),
    ((6, 8), "6.2"),
    ((6, 7), "6.1"),
    ((6, 3), "6.0"),
)
"""The kernel module's version as rocminfo shows it, newest first, and the first ROCm release with it."""


def probe(runner: Runner, environment: Mapping[str, str], root: Path) -> FoundAccelerator:
    """The ROCm version that is installed, else the one that the kernel module came with; or why there is none."""
    if not (root / "sys/module/amdgpu").is_dir():
        return _absent("no AMD driver: the kernel module amdgpu is not loaded")
    installed = _NUMBERS.match(said_by_kernel(root / "opt/rocm/.info/version"))
    if installed is not None:
        return FoundAccelerator(kind="rocm", version=installed[0])
    module = said_by_kernel(root / "sys/module/amdgpu/version").strip()
    module = module or _asked_module(runner, environment, root)
    version = release_of(module)
    if version is not None:
        return FoundAccelerator(kind="rocm", version=version)
    said = f"amdgpu {module} belongs to no known release" if module else "amdgpu says no version"
    return _absent(f"no ROCm: /opt/rocm/.info/version is not there, and {said}")


def release_of(module: str) -> str | None:
    """The ROCm release of a version of the kernel module, such as `6.12.12` → `6.4`; None for an older one."""
    numbers = _NUMBERS.match(module)
    if numbers is None:
        return None
    known = (int(numbers["major"]), int(numbers["minor"]))
    return next((release for least, release in _RELEASES if known >= least), None)


def _asked_module(runner: Runner, environment: Mapping[str, str], root: Path) -> str:
    """The kernel module's version as rocminfo tells it; empty where it does not."""
    folders = (str(root / folder) for folder in _PROGRAMS)
    places = os.pathsep.join((environment.get("PATH", ""), *folders)).lstrip(os.pathsep)
    rocminfo = find_program("rocminfo", places)
    if rocminfo is None:
        return ""
    env = scrubbed_environment(environment)
    try:
        done = runner.run(Command(argv=(rocminfo,), env=env, cwd="/", timeout=_TIMEOUT))
    except HostError:
        return ""
    match = _MODULE.search(done.stdout)
    return match[1] if match is not None else ""


def _absent(reason: str) -> FoundAccelerator:
    return FoundAccelerator(kind="rocm", absent=reason)


def judge(packages: Iterable[Pinned], supported: str) -> Unsupported | None:
    """What a driver of a ROCm version (such as `6.4`) cannot do with packages that are built for a newer one.

    AMD keeps the driver of one major version compatible with the libraries of the next few minor ones.
    """
    host = _NUMBERS.match(supported)
    if host is None:
        raise ValueError(f"{supported!r} is not a ROCm version; write it like 7.0")
    has = (int(host["major"]), int(host["minor"]))
    needed = max(_named(packages), default=None)
    if needed is None or needed[0] <= has:
        return None
    (major, minor), package = needed
    fatal = major > has[0]
    hint = "upgrade the AMD driver" if fatal else "it may work: AMD supports neighbouring releases"
    return Unsupported(needed=f"{major}.{minor}", package=package, fatal=fatal, hint=hint)


def _named(packages: Iterable[Pinned]) -> Iterable[tuple[tuple[int, int], str]]:
    for package in packages:
        local = _LOCAL.search(package.version)
        if local is not None:
            numbers = (int(local["major"]), int(local["minor"]))
            yield numbers, f"{package.name} {package.version}"


def owns(package: str) -> bool:
    """Whether a package belongs to ROCm."""
    return package.startswith(("rocm", "hip", "pytorch-triton-rocm", "amdsmi"))


KIND = AcceleratorKind(
    name="rocm",
    title="ROCm",
    provider="AMD driver",
    example=">=7.0",
    probe=probe,
    signs=("/opt/rocm/.info/version", "/sys/module/amdgpu/version"),
    judge=judge,
    owns=owns,
    cdi_device="amd.com/gpu=all",
    kubernetes_resource="amd.com/gpu",
    devices_variable="HIP_VISIBLE_DEVICES",
    torch_backend=lambda version: f"rocm{version}",
)
