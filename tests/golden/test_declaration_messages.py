"""The messages about a wrong `drivers.toml`, as users read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from envbuild.declaration.toml.document import parse_declaration
from envbuild.declaration.toml.keys import DRIVER_KEYS
from envbuild.errors import DeclarationError, Problem
from envbuild.value import replace
from tests.support.golden import assert_golden

FOLDER = Path(__file__).parent / "declaration"
ALL_KEYS = ", ".join(key.name for key in DRIVER_KEYS)


@pytest.mark.parametrize("case", sorted(FOLDER.glob("*.toml")), ids=lambda case: case.stem)
def test_a_wrong_declaration_is_answered_in_these_words(case: Path) -> None:
    """Every problem gets one message: file, line, key path, what is wrong, and a hint."""
    with pytest.raises(DeclarationError) as caught:
        parse_declaration(case.read_bytes().decode("utf-8"), file="drivers.toml")
    assert caught.value.exit_code == 2
    assert_golden(case.with_suffix(".txt"), "".join(map(_as_read, caught.value.problems)))


def _as_read(problem: Problem) -> str:
    """A problem as printed, without what changes with other things: `packaging`'s words, the list of all keys."""
    detail = "(what packaging says)" if problem.detail else None
    return f"{replace(problem, detail=detail)}\n".replace(ALL_KEYS, "(every key of a driver)")


def test_no_message_repeats_a_password() -> None:
    """A secret that was put into the wrong place is not spread further by the message about it."""
    texts = [path.read_text(encoding="utf-8") for path in FOLDER.glob("*.txt")]
    assert not [text for text in texts if "/user:" in text or "=secret" in text]
