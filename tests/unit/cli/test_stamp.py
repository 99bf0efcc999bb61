"""What a stamp notes of its host."""

from __future__ import annotations

import os

from envbuild.cli.stamp import host_fact


def test_another_kernel_is_another_host() -> None:
    """Markers ask for `platform_release` and `platform_version`: a new kernel is looked at anew."""
    fact = host_fact()
    assert os.uname().release in fact
    assert os.uname().version.split()[-1] in fact
    assert " " not in fact
    assert "\n" not in fact
