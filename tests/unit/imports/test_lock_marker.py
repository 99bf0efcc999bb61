"""Markers of pylock.toml, as packaging evaluates them for the same extras and groups."""

from __future__ import annotations

import itertools
import random

import pytest
from packaging.markers import Marker

from envbuild.imports.lock_marker import settle_marker

CHOSEN = {"extras": {"docs"}, "dependency_groups": {"default"}}
ATOMS = (
    *("'docs' in extras", "'Docs' in extras", "'x' in extras", "'docs' not in extras"),
    *("'default' in dependency_groups", "'dev' in dependency_groups", "os_name == 'nt'"),
    *("python_version >= '3.10'", "sys_platform in 'linux or (win32 and'"),
)


@pytest.mark.parametrize(
    ("text", "settled"),
    [
        ("os_name == 'nt'", "os_name == 'nt'"),
        ("'docs' in extras", True),
        ('"dev" in dependency_groups', False),
        ("('dev' in dependency_groups) and (python_version >= '3.10')", False),
        ("('default' in dependency_groups) and os_name == 'nt'", 'os_name == "nt"'),
        ("'docs' in extras extras", "'docs' in extras extras"),
        ("(" * 60 + "'docs' in extras" + ")" * 60, "(" * 60 + "'docs' in extras" + ")" * 60),
    ],
)
def test_what_is_left_of_a_marker(text: str, settled: str | bool) -> None:
    """Nothing of extras and groups; what is no marker is left to the one who reads requirements."""
    assert settle_marker(text, CHOSEN) == settled


def _some(chance: random.Random, depth: int) -> str:
    if depth == 0 or chance.random() < 0.3:
        return chance.choice(ATOMS)
    parts = [_some(chance, depth - 1) for _ in range(chance.randint(2, 3))]
    joined = parts[0]
    for part in parts[1:]:
        joined += f" {chance.choice(('and', 'or'))} {part}"
    return f"({joined})"


def test_it_means_the_same() -> None:
    """A hundred and fifty markers, on four hosts each."""
    chance = random.Random(18)
    for _ in range(150):
        text = f"{_some(chance, 3)} or {_some(chance, 2)} and {_some(chance, 1)}"
        settled = settle_marker(text, CHOSEN)
        for version, system in itertools.product(("3.8", "3.12"), ("nt", "posix")):
            host = {"python_version": version, "os_name": system, "sys_platform": "linux"}
            chosen = {name: set(names) for name, names in CHOSEN.items()}
            wanted = Marker(text).evaluate({**host, **chosen}, context="lock_file")
            got = settled if isinstance(settled, bool) else Marker(settled).evaluate(host)
            assert got == wanted, text
