"""Properties of the source itself: where its tests are."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
UNIT = TESTS / "unit"


@pytest.mark.parametrize("file", sorted(UNIT.rglob("test_*.py")), ids=lambda file: file.stem)
def test_a_unit_test_is_named_after_what_it_tests(file: Path) -> None:
    """`tests/unit/<room>/test_<module>.py` tests `envbuild/<room>/<module>.py`, or a tool of the tests."""
    room = file.parent.relative_to(UNIT)
    name = file.stem.removeprefix("test_")
    folders = (TESTS.parent / "envbuild" / room, TESTS / room, TESTS)
    found = [folder / name for folder in folders if (folder / f"{name}.py").is_file()]
    assert found or (folders[0] / name).is_dir()
