"""One way to write the time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from envbuild.posix.clock import now, utc


@pytest.mark.parametrize("seconds", [0, 1_000_000_000, 1_763_640_000.9, 4_102_444_800])
def test_it_is_utc_to_the_second(seconds: float) -> None:
    """Neither the host's time zone nor a fraction of a second gets into a receipt."""
    expected = datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")
    assert utc(seconds) == expected


def test_times_sort_as_text() -> None:
    """`--older-than` compares texts."""
    assert utc(999_999_999) < utc(1_000_000_000) < now()
