"""What path a store can have, and what one cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from envbuild.errors import UsageError
from envbuild.store.path import check_environment_path, check_store_path
from envbuild.store.store import Store


@pytest.mark.parametrize(
    "path",
    [
        "/srv/with blank",
        "/srv/ü",
        "/srv/%i",
        "/srv/a:b",
        "/srv/a\nb",
        '/srv/"',
        "/srv/$HOME",
        "/s'",
    ],
)
def test_a_path_that_units_cannot_carry_is_refused(path: str) -> None:
    """Odd characters are said at once, and not by systemd at three in the morning."""
    with pytest.raises(UsageError, match="characters that unit files cannot carry"):
        check_store_path(Path(path))


@pytest.mark.parametrize("path", ["/opt/envbuild", "/srv/a-b_c.d+e/F1"])
def test_a_plain_path_is_fine(path: str) -> None:
    """Letters, digits and a few signs are what paths are made of."""
    check_store_path(Path(path))


def test_a_path_is_refused_before_anything_is_made(scratch: Path) -> None:
    """A store that cannot be leaves no folder behind."""
    with pytest.raises(UsageError):
        Store(root=scratch / "odd path").prepare()
    assert not (scratch / "odd path").exists()


@pytest.mark.parametrize(("length", "fits"), [(112, True), (113, True), (114, False), (200, False)])
def test_a_path_too_long_for_a_scripts_first_line_is_refused(length: int, fits: bool) -> None:
    """uv wraps longer interpreter lines in a shell; 113 is the longest that it does not, as tried."""
    environment = Path("/" + "e" * (length - 1))
    if fits:
        check_environment_path(environment)
        return
    with pytest.raises(UsageError, match=f"{length - 113} characters too long"):
        check_environment_path(environment)
