"""Which hosts a driver with an accelerator is skipped on, and what the user is told."""

from __future__ import annotations

import pytest

from envbuild.target.accelerator import Accelerator, FoundAccelerator, accelerator_missing

NEEDED = Accelerator(kind="cuda", versions=">=12.4")


def found(cuda: str | None, absent: str | None = None) -> tuple[FoundAccelerator, ...]:
    """What a host has, with this CUDA version."""
    return (FoundAccelerator(kind="cuda", version=cuda, absent=absent),)


@pytest.mark.parametrize(
    ("specifier", "cuda"), [(">=12.4", "12.4"), (">=12.4", "13.0"), (">=12,<13", "12.10")]
)
def test_a_host_that_has_it_is_not_skipped(specifier: str, cuda: str) -> None:
    """CUDA versions are compared as versions."""
    assert accelerator_missing(Accelerator(kind="cuda", versions=specifier), found(cuda)) is None


def test_an_older_nvidia_driver_is_named_with_its_version() -> None:
    """The user reads what is needed and what there is."""
    reason = accelerator_missing(NEEDED, found("12.2"))
    assert reason == "it needs CUDA >=12.4; the NVIDIA driver here goes up to CUDA 12.2"


def test_a_host_without_an_nvidia_driver_says_why() -> None:
    """The reason that the probe gave reaches the user."""
    reason = accelerator_missing(NEEDED, found(None, "no NVIDIA driver: gone"))
    assert reason == "it needs CUDA >=12.4; no NVIDIA driver: gone"
