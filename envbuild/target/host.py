"""Ask the host what it is: processor, system library, NVIDIA driver, disk."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import HostError
from envbuild.posix.process import Command, find_program, scrubbed_environment
from envbuild.target.target import Host

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.posix.process import Runner

_TIMEOUT = 30.0
"""Seconds for the NVIDIA driver to answer; its first call may have to wake every GPU."""

_SMI_FOLDERS = ("/usr/bin", "/usr/local/bin", "/usr/lib/wsl/lib")
"""Where nvidia-smi is, besides `PATH`; the last is what Windows gives to its Linux guests."""

_SMI_VERSION = re.compile(r"CUDA(?: UMD)? Version\s*:\s*(\d+\.\d+)", re.IGNORECASE)
_PLATFORM_TAG = re.compile(r"(manylinux|musllinux|macosx)_(\d+)_(\d+)_\w+")

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
answer("version", version.value)
"""
"""Prints `version 12040`, `error WORDS` or `absent`.

Run as a process of its own:
a driver that hangs, or whose library is broken, must not take envbuild along.
"""


def probe_host(runner: Runner, environment: Mapping[str, str], *, ask_cuda: bool = True) -> Host:
    """Processor, C library and CUDA version of this host; absence is an answer, never an error.

    Without `ask_cuda` (no driver asks for an accelerator) nothing is started.
    Of the environment only `PATH` (nvidia-smi) and the dynamic loader's variables count.
    """
    system, version = probe_system()
    cuda, absent = _probe_cuda(runner, environment) if ask_cuda else (None, "it was not asked for")
    return Host(
        arch=os.uname().machine,
        system=system,
        system_version=version,
        cuda=cuda,
        cuda_absent=absent,
        kernel=(os.uname().release, os.uname().version),
    )


def probe_system() -> tuple[str, tuple[int, int]]:
    """The system as platforms name it, and its version: `("manylinux", (2, 36))` on glibc 2.36.

    Falls back to what the kernel calls itself, and `(0, 0)`, which no platform matches.
    """
    glibc = glibc_version()
    if glibc is not None:
        return "manylinux", glibc
    from packaging.tags import platform_tags

    for tag in platform_tags():
        match = _PLATFORM_TAG.fullmatch(tag)
        if match is not None:
            return match[1], (int(match[2]), int(match[3]))
    return os.uname().sysname.lower(), (0, 0)


def glibc_version() -> tuple[int, int] | None:
    """The version of the glibc that this process runs on, or None where it is another library."""
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, OSError, ValueError):
        return None
    match = re.fullmatch(r"glibc (\d+)\.(\d+).*", text)
    return (int(match[1]), int(match[2])) if match else None


def disk_free(path: Path) -> int:
    """The bytes that are free for this user where the path is, or would be made."""
    path = path.absolute()
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    return shutil.disk_usage(existing).free


def parse_smi(text: str) -> str | None:
    """The CUDA version in what nvidia-smi prints, such as `12.4`, or None."""
    match = _SMI_VERSION.search(text)
    return match[1] if match else None


def _probe_cuda(runner: Runner, environment: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The newest CUDA version that the NVIDIA driver supports, or None and the reason in words."""
    completed = runner.run(_command(environment, sys.executable, "-I", "-S", "-c", _ASK_NVML))
    word, _, rest = completed.stdout.strip().partition(" ")
    if word == "version" and rest.isdecimal():
        return f"{int(rest) // 1000}.{int(rest) % 1000 // 10}", None
    if word == "error":
        return None, f"the NVIDIA driver does not answer: {rest}"
    missing = "libnvidia-ml.so.1 is not there" if word == "absent" else "libnvidia-ml.so.1 fails"
    return _ask_smi(runner, environment, missing)


def _ask_smi(
    runner: Runner, environment: Mapping[str, str], missing: str
) -> tuple[str | None, str | None]:
    places = os.pathsep.join((environment.get("PATH", ""), *_SMI_FOLDERS)).lstrip(os.pathsep)
    smi = find_program("nvidia-smi", places)
    if smi is None:
        return None, f"no NVIDIA driver: {missing}, and there is no nvidia-smi"
    try:
        completed = runner.run(_command(environment, str(Path(smi).absolute())))
    except HostError as error:
        return None, f"no working NVIDIA driver: {missing}, and {error}"
    version = parse_smi(completed.stdout) if completed.code == 0 else None
    if version is not None:
        return version, None
    said = (completed.stderr or completed.stdout).strip().splitlines()
    words = (
        "it took too long"
        if completed.timed_out
        else said[0]
        if said
        else "it says no CUDA version"
    )
    return None, f"no working NVIDIA driver: {missing}, and {smi}: {words}"


def _command(environment: Mapping[str, str], *argv: str) -> Command:
    return Command(argv=argv, env=scrubbed_environment(environment), cwd="/", timeout=_TIMEOUT)
