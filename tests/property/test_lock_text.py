"""Lockfiles as text, for whatever a lockfile may hold."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envbuild.errors import LockfileError
from envbuild.lockfile.parse import parse_lockfile
from envbuild.lockfile.text import render_lockfile
from tests.property.strategies import lockfiles

if TYPE_CHECKING:
    from envbuild.lockfile.lockfile import Lockfile


@settings(deadline=None)
@given(lockfiles())
def test_every_lockfile_survives_its_text(lockfile: Lockfile) -> None:
    """The text gives the very value back, and the value the very bytes."""
    text = render_lockfile(lockfile)
    assert parse_lockfile(text, file="locks/x.toml") == lockfile
    assert render_lockfile(parse_lockfile(text, file="locks/x.toml")) == text
    assert "://" not in text


@settings(deadline=None)
@given(lockfiles(), st.data())
def test_no_byte_changes_unnoticed(lockfile: Lockfile, data: st.DataObject) -> None:
    """A lockfile with one byte replaced, inserted or missing is refused with a message."""
    content = render_lockfile(lockfile).encode()
    place = data.draw(st.integers(0, len(content) - 1))
    instead = data.draw(st.binary(max_size=2).filter(lambda new: new != content[place : place + 1]))
    changed = content[:place] + instead + content[place + 1 :]
    with pytest.raises((LockfileError, UnicodeDecodeError)):
        parse_lockfile(changed.decode(), file="locks/x.toml")


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_text_makes_reading_fail_otherwise(text: str) -> None:
    """Whatever a file holds, reading it ends in a value or in a LockfileError."""
    with suppress(LockfileError):
        parse_lockfile(text, file="locks/x.toml")
