"""Dependency groups."""

from __future__ import annotations

import pytest

from envbuild.errors import UsageError
from envbuild.imports.groups import read_groups


def test_groups_that_include_one_another_many_times_are_read_once() -> None:
    """Each of forty groups includes the next one twice: that would be a trillion requirements."""
    groups: dict[str, object] = {
        f"g{number}": [{"include-group": f"g{number + 1}"}] * 2 + [f"a{number}"]
        for number in range(40)
    }
    drafts = read_groups({"dependency-groups": {**groups, "g40": ["last"]}}, file="x")
    assert drafts[0].requires == ("last", *(f"a{number}" for number in reversed(range(40))))


def test_a_long_chain_is_refused_in_words() -> None:
    """Not by the interpreter's limit of nested calls."""
    groups: dict[str, object] = {
        f"g{number}": [{"include-group": f"g{number + 1}"}] for number in range(5000)
    }
    with pytest.raises(UsageError, match="deep"):
        read_groups({"dependency-groups": groups}, file="x")
