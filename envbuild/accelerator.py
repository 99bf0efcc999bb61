"""Whether a host has the accelerator that a driver asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envbuild.declaration import Accelerator
    from envbuild.target import Host


def accelerator_missing(accelerator: Accelerator, host: Host) -> str | None:
    """Why a driver is skipped on this host, in words; None where the host has what it asks for."""
    if host.cuda is None:
        reason = host.cuda_absent or "no NVIDIA driver"
        return f"it needs CUDA {accelerator.cuda}; {reason}"
    from packaging.specifiers import SpecifierSet

    if SpecifierSet(accelerator.cuda).contains(host.cuda, prereleases=True):
        return None
    return f"it needs CUDA {accelerator.cuda}; the NVIDIA driver here goes up to CUDA {host.cuda}"
