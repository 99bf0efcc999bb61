"""The accelerator that a driver asks for, and whether a host has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.value import value

if TYPE_CHECKING:
    from envbuild.target.target import Host


@value
class Accelerator:
    """What a host must have for a driver to be built there."""

    cuda: str
    """A PEP 440 specifier on the CUDA version that the host's driver supports, such as `>=12.4`."""


def accelerator_missing(accelerator: Accelerator, host: Host) -> str | None:
    """Why a driver is skipped on this host, in words; None where the host has what it asks for."""
    if host.cuda is None:
        reason = host.cuda_absent or "no NVIDIA driver"
        return f"it needs CUDA {accelerator.cuda}; {reason}"
    from packaging.specifiers import SpecifierSet

    if SpecifierSet(accelerator.cuda).contains(host.cuda, prereleases=True):
        return None
    return f"it needs CUDA {accelerator.cuda}; the NVIDIA driver here goes up to CUDA {host.cuda}"
