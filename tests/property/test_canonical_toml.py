"""The quick reader of lockfiles against the standard library's."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from envbuild.lockfile.canonical_toml import read_canonical
from envbuild.lockfile.text import render_lockfile
from tests.property.strategies import lockfiles
from tests.support.examples import examples

if TYPE_CHECKING:
    from envbuild.lockfile.lockfile import Lockfile

PIECES = (
    "",
    "\n",
    '"',
    "\\",
    "[",
    "]",
    "{",
    "=",
    "#",
    "0",
    "\t",
    "\x7f",
    "\\u007f",
    "\\/",
    "é",
    "\r\n",
)


@settings(deadline=None)
@given(lockfiles())
def test_every_lockfile_is_read_the_quick_way(lockfile: Lockfile) -> None:
    """What `lock` writes is read without the whole parser, and means the same to both."""
    text = render_lockfile(lockfile)
    assert read_canonical(text) == tomllib.loads(text)


@settings(deadline=None, max_examples=examples(300))
@given(lockfiles(), st.data())
def test_a_changed_text_is_never_read_differently(lockfile: Lockfile, data: st.DataObject) -> None:
    """With anything put in its place, the quick reader says what TOML says or leaves it to TOML."""
    text = render_lockfile(lockfile)
    place = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 30))
    piece = data.draw(st.sampled_from(PIECES) | st.text(max_size=5))
    changed = text[:place] + piece + text[place + length :]
    found = read_canonical(changed)
    if found is not None:
        assert found == tomllib.loads(changed)
