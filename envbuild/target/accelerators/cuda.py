"""CUDA: the version that an NVIDIA driver supports, and the one that packages are built for."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import HostError
from envbuild.posix.process import Command, find_program, scrubbed_environment
from envbuild.target.accelerator import AcceleratorKind, FoundAccelerator, Unsupported
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.posix.process import Completed, Runner
    from envbuild.target.accelerator import Pinned

_LOCAL = re.compile(r"\+(?:pt\d+)?cu(?P<major>\d{2})(?P<minor>\d)?(?!\d)")
"""torch's own index marks its builds `2.8.0+cu128`; others add torch's version: `+cu130torch2.9`, `+pt28cu128`."""

_RUNTIME = re.compile(r"nvidia-cuda-runtime(-cu\d{2})?")
"""NVIDIA's runtime as a wheel; its version is CUDA's."""

_LIBRARY = re.compile(r"nvidia-[a-z0-9-]+-cu(?P<major>\d{2})")
_TORCH = frozenset({"torch", "torchaudio", "torchvision", "triton", "xformers", "flash-attn"})
_NUMBERS = re.compile(r"(?P<major>\d+)\.(?P<minor>\d+)")


_TIMEOUT = 30.0
"""Seconds for the NVIDIA driver to answer; its first call may have to wake every GPU."""

_SMI_FOLDERS = ("usr/bin", "usr/local/bin", "usr/lib/wsl/lib")
"""Folders with nvidia-smi below the root, besides `PATH`; the last is Windows' folder in its Linux guests."""

_CAPABILITY = re.compile(r"\d{1,3}\.\d{1,3}")
_SMI_VERSION = re.compile(r"CUDA(?: UMD)? Version\s*:\s*(\d+\.\d+)", re.IGNORECASE)
_ASK_NVML = r"""
import ctypes, sys
def answer(word, *rest):
    print(word, *rest); sys.exit(0)
try:
    nvml = ctypes.CDLL("libnvidia-ml.so.1")
except OSError:
    answer("absent")
start = getattr(nvml, "nvmlInit_v2", None) or getattr(nvml, "nvmlInit", None)
name = "nvmlSystemGetCudaDriverVersion"
ask = getattr(nvml, name + "_v2", None) or getattr(nvml, name, None)
if start is None or ask is None:
    answer("absent")
nvml.nvmlErrorString.restype = ctypes.c_char_p
version = ctypes.c_int(0)
code = start() or ask(ctypes.byref(version))
if code:
    words = (nvml.nvmlErrorString(code) or b"").decode("utf-8", "replace")
    answer("error", words or "error %d" % code)
capabilities = []
count = getattr(nvml, "nvmlDeviceGetCount_v2", None)
handle = getattr(nvml, "nvmlDeviceGetHandleByIndex_v2", None)
capability = getattr(nvml, "nvmlDeviceGetCudaComputeCapability", None)
devices = ctypes.c_uint(0)
if count and handle and capability and not count(ctypes.byref(devices)):
    for index in range(min(devices.value, 64)):
        device, major, minor = ctypes.c_void_p(), ctypes.c_int(0), ctypes.c_int(0)
        if not handle(ctypes.c_uint(index), ctypes.byref(device)) and not capability(
            device, ctypes.byref(major), ctypes.byref(minor)
        ):
            capabilities.append("%d.%d" % (major.value, minor.value))
answer("version", version.value, *capabilities)
"""
"""Prints `version 12040 8.6 9.0` (each GPU's compute capability behind it), `error WORDS` or `absent`.

It runs in its own process, so that a driver that hangs or a broken library does not harm envbuild.
"""


@value
class NeededCuda:
    """The CUDA version that packages were built for."""

    major: int
    minor: int | None
    """None if only the major version is known."""

    package: str
    """The package that names it, with its version."""

    def __str__(self) -> str:
        """`12.8`, or `12` if the minor version is not known."""
        return str(self.major) if self.minor is None else f"{self.major}.{self.minor}"


def needed_cuda(packages: Iterable[Pinned]) -> NeededCuda | None:
    """The newest CUDA version that packages name; None if they name none.

    torch and NVIDIA's runtime name it exactly.
    Names of libraries count only without them, because some libraries support several versions.
    """
    found = [cuda for package in packages for cuda in cuda_of(package)]
    exact = [cuda for cuda in found if cuda.minor is not None]
    return max(exact or found, key=lambda cuda: (cuda.major, cuda.minor or 0), default=None)


def judge(packages: Iterable[Pinned], supported: str) -> Unsupported | None:
    """Whether an NVIDIA driver that supports up to `supported` (such as `12.4`) can run the packages.

    An older NVIDIA driver runs newer builds of the same major version (NVIDIA's minor version compatibility),
    but not the code that they compile when a model is loaded.
    None if the driver is new enough, or the packages name no CUDA version.
    """
    numbers = _NUMBERS.match(supported)
    if numbers is None:
        raise ValueError(f"{supported!r} is not a CUDA version; write it like 12.4")
    major, minor = int(numbers["major"]), int(numbers["minor"])
    cuda = needed_cuda(packages)
    if cuda is None or (cuda.major, cuda.minor or 0) <= (major, minor):
        return None
    fatal = cuda.major > major
    hint = (
        "upgrade the NVIDIA driver, or lock a build for its CUDA version"
        if fatal
        else "builds of one major version run, but what they compile on the host may not"
    )
    return Unsupported(needed=str(cuda), package=cuda.package, fatal=fatal, hint=hint)


def owns(package: str) -> bool:
    """Whether a package belongs to CUDA or torch."""
    return package in _TORCH or package.startswith(("nvidia-", "cuda-", "cupy-"))


def cuda_of(package: Pinned) -> Iterator[NeededCuda]:
    """The CUDA version that one package names, in its local version or in its name; at most two."""
    text = f"{package.name} {package.version}"
    local = _LOCAL.search(package.version)
    if local is not None:
        minor = None if local["minor"] is None else int(local["minor"])
        yield NeededCuda(major=int(local["major"]), minor=minor, package=text)
    numbers = _NUMBERS.match(package.version)
    if _RUNTIME.fullmatch(package.name) and numbers is not None:
        yield NeededCuda(major=int(numbers["major"]), minor=int(numbers["minor"]), package=text)
        return
    library = _LIBRARY.fullmatch(package.name)
    if library is not None:
        yield NeededCuda(major=int(library["major"]), minor=None, package=text)


def probe(runner: Runner, environment: Mapping[str, str], root: Path) -> FoundAccelerator:
    """The newest CUDA version that the NVIDIA driver supports, or the reason why there is none."""
    completed = runner.run(_command(environment, sys.executable, "-I", "-S", "-c", _ASK_NVML))
    word, _, rest = completed.stdout.strip().partition(" ")
    number, _, capabilities = rest.partition(" ")
    if word == "version" and number.isdecimal():
        version = f"{int(number) // 1000}.{int(number) % 1000 // 10}"
        return _found(version, capabilities)
    if word == "error":
        return _absent(f"the NVIDIA driver does not answer: {rest}")
    missing = "libnvidia-ml.so.1 is not there" if word == "absent" else "libnvidia-ml.so.1 fails"
    return _ask_smi(runner, environment, root, missing)


def parse_smi(text: str) -> str | None:
    """The CUDA version in what nvidia-smi prints, such as `12.4`, or None."""
    match = _SMI_VERSION.search(text)
    return match[1] if match else None


def _found(version: str, capabilities: str) -> FoundAccelerator:
    """What a driver supports, of whose GPUs the best one counts."""
    known = _CAPABILITY.findall(capabilities)
    best = max(known, key=lambda text: [*map(int, text.split("."))], default=None)
    return FoundAccelerator(kind="cuda", version=version, compute=best)


def _absent(reason: str) -> FoundAccelerator:
    return FoundAccelerator(kind="cuda", absent=reason)


def _ask_smi(
    runner: Runner, environment: Mapping[str, str], root: Path, missing: str
) -> FoundAccelerator:
    folders = (str(root / folder) for folder in _SMI_FOLDERS)
    places = os.pathsep.join((environment.get("PATH", ""), *folders)).lstrip(os.pathsep)
    found = find_program("nvidia-smi", places)
    if found is None:
        return _absent(f"no NVIDIA driver: {missing}, and there is no nvidia-smi")
    smi = str(Path(found).absolute())
    try:
        completed = runner.run(_command(environment, smi))
    except HostError as error:
        return _absent(f"no working NVIDIA driver: {missing}, and {error}")
    version = parse_smi(completed.stdout) if completed.code == 0 else None
    if version is None:
        return _absent(f"no working NVIDIA driver: {missing}, and {smi}: {_words(completed)}")
    asked = ("--query-gpu=compute_cap", "--format=csv,noheader")
    capabilities = runner.run(_command(environment, smi, *asked))
    return _found(version, capabilities.stdout if capabilities.code == 0 else "")


def _words(completed: Completed) -> str:
    """What nvidia-smi said in place of a version."""
    if completed.timed_out:
        return "it took too long"
    said = (completed.stderr or completed.stdout).strip().splitlines()
    return said[0] if said else "it names no CUDA version"


def _command(environment: Mapping[str, str], *argv: str) -> Command:
    return Command(argv=argv, env=scrubbed_environment(environment), cwd="/", timeout=_TIMEOUT)


KIND = AcceleratorKind(
    name="cuda",
    title="CUDA",
    provider="NVIDIA driver",
    example=">=12.4",
    probe=probe,
    signs=("/proc/driver/nvidia/version",),
    judge=judge,
    owns=owns,
    cdi_device="nvidia.com/gpu=all",
    kubernetes_resource="nvidia.com/gpu",
    devices_variable="CUDA_VISIBLE_DEVICES",
    torch_backend=lambda version: f"cu{version.replace('.', '')}",
    has_compute=True,
)
