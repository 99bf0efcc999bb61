"""A processor: no accelerator, but what some wheels are built for (`avx512f`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.posix.input_file import said_by_kernel
from envbuild.target.accelerator import AcceleratorKind, FoundAccelerator

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from envbuild.posix.process import Runner

_FEATURES = re.compile(r"^(?:flags|Features)\s*:(.*)$", re.MULTILINE)
"""Of the first processor; on x86_64 the line is called `flags`, on aarch64 `Features`."""


def probe(_runner: Runner, _environment: Mapping[str, str], root: Path) -> FoundAccelerator:
    """The features of the host's processor that its kernel lists."""
    match = _FEATURES.search(said_by_kernel(root / "proc/cpuinfo"))
    features = tuple(match[1].split()) if match is not None else None
    return FoundAccelerator(kind="cpu", features=features)


KIND = AcceleratorKind(
    name="cpu",
    title="processor",
    provider="processor",
    example="",
    probe=probe,
    signs=("/sys/devices/system/cpu/modalias",),
    torch_backend=lambda _: "cpu",
)
