"""The digest of a JSON object does not depend on who wrote it out."""

from __future__ import annotations

import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from envbuild.digest import json_sha256

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=[])),
)
"""Lone surrogates are among the characters: names that are no UTF-8 come as such."""

VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12
)


@given(st.dictionaries(st.text(), VALUES))
def test_it_is_of_what_json_writes(table: dict[str, object]) -> None:
    """Generation records that are there stay good: keys in order, no blanks, ASCII alone."""
    text = json.dumps(table, sort_keys=True, separators=(",", ":"))
    assert json_sha256(table) == hashlib.sha256(text.encode()).hexdigest()
