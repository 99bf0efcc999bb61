"""XPU: an Intel GPU, and the version of Level Zero by which programs reach it."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from envbuild.posix.input_file import said_by_kernel
from envbuild.posix.process import Command, scrubbed_environment
from envbuild.target.accelerator import AcceleratorKind, FoundAccelerator

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from envbuild.posix.process import Runner

_INTEL = "0x8086"
"""Intel's number among PCI vendors."""

_CARD = re.compile(r"card\d{1,3}")
_TIMEOUT = 30.0
"""Seconds for Level Zero to answer; its first call may have to wake every GPU."""

_ASK_LEVEL_ZERO = r"""
import ctypes, sys
def answer(word, *rest):
    print(word, *rest); sys.exit(0)
try:
    zero = ctypes.CDLL("libze_loader.so.1")
except OSError:
    answer("absent")
code = zero.zeInit(0)
count, driver, version = ctypes.c_uint32(1), ctypes.c_void_p(), ctypes.c_uint32(0)
code = code or zero.zeDriverGet(ctypes.byref(count), ctypes.byref(driver))
if not code and count.value:
    code = zero.zeDriverGetApiVersion(driver, ctypes.byref(version))
if code or not version.value:
    answer("error", "0x%x" % (code & 0xFFFFFFFF))
answer("version", "%d.%d" % (version.value >> 16, version.value & 0xFFFF))
"""
"""Prints `version 1.6`, `error CODE` or `absent`; a process of its own, as for NVIDIA's library."""


def probe(runner: Runner, environment: Mapping[str, str], root: Path) -> FoundAccelerator:
    """The version of Level Zero on a host with an Intel GPU, or the reason why there is none."""
    if not _has_card(root / "sys/class/drm"):
        return _absent("no Intel GPU: /sys/class/drm has none of vendor 0x8086")
    argv = (sys.executable, "-I", "-S", "-c", _ASK_LEVEL_ZERO)
    env = scrubbed_environment(environment)
    done = runner.run(Command(argv=argv, env=env, cwd="/", timeout=_TIMEOUT))
    word, _, rest = done.stdout.strip().partition(" ")
    if word == "version" and re.fullmatch(r"\d{1,5}\.\d{1,5}", rest):
        return FoundAccelerator(kind="xpu", version=rest)
    if word == "absent":
        return _absent("no Level Zero: libze_loader.so.1 is not there")
    return _absent(f"Level Zero does not answer: {rest or 'it took too long, or crashed'}")


def _has_card(folder: Path) -> bool:
    try:
        cards = [entry for entry in folder.iterdir() if _CARD.fullmatch(entry.name)]
    except OSError:
        return False
    return any(said_by_kernel(card / "device/vendor").strip() == _INTEL for card in cards)


def _absent(reason: str) -> FoundAccelerator:
    return FoundAccelerator(kind="xpu", absent=reason)


def owns(package: str) -> bool:
    """Whether a package belongs to Intel's GPUs."""
    return package.startswith(("intel-sycl", "intel-cmplr", "dpcpp-", "pytorch-triton-xpu"))


KIND = AcceleratorKind(
    name="xpu",
    title="Level Zero",
    provider="Intel GPU driver",
    example=">=1.3",
    probe=probe,
    signs=("/sys/module/xe/srcversion", "/sys/module/i915/srcversion"),
    owns=owns,
    cdi_device="intel.com/gpu=all",
    kubernetes_resource="gpu.intel.com/xe",
    devices_variable="ZE_AFFINITY_MASK",
    torch_backend=lambda _: "xpu",
)
