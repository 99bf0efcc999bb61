"""Generation records notice any change to themselves."""

from __future__ import annotations

import pytest

from envbuild.errors import HostError
from envbuild.store.generation_record import GenerationRecord, parse_record, render_record

RECORD = GenerationRecord(manifest='{"version": 1}\n', receipts=(("web-1.0-0123", "ab" * 32),))


def test_there_and_back() -> None:
    """What is written is read."""
    assert parse_record(render_record(RECORD), file="1.json") == RECORD


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ab", "cd"),
        ("web-1.0", "web-1.1"),
        ("\\n", ""),
        ('"version": 1,', '"version": 2,'),
        ("{", ""),
    ],
)
def test_every_change_shows(old: str, new: str) -> None:
    """A digest, a name, the manifest's text, the format, the syntax."""
    text = render_record(RECORD)
    assert old in text
    with pytest.raises(HostError, match=r"1\.json"):
        parse_record(text.replace(old, new, 1), file="1.json")
