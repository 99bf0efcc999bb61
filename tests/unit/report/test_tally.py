"""How long things took, in few characters."""

from __future__ import annotations

import pytest

from envbuild.report.tally import render_seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (725, "12 min 5 s"),
    ],
)
def test_times_are_short(seconds: float, text: str) -> None:
    """Tenths only where they say something."""
    assert render_seconds(seconds) == text
