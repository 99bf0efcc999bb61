"""The attacker controls every byte of `drivers.toml`, a lockfile, a unit and a store's manifest; chance plays him."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from tests.security.fuzz import CORPUS, SLOW, WATCHED, Arena, seeds
from tests.support.attacked import DOCUMENTED
from tests.support.command_line import ROOT
from tests.support.mutation import sign

if TYPE_CHECKING:
    from pathlib import Path

KEPT = sorted(CORPUS.glob("*.json"))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_what_once_broke_a_verb_breaks_none(path: Path, scratch: Path) -> None:
    """He commits what a hunt has found: every reading verb ends soon, with a documented exit code."""
    kept = json.loads(path.read_text())
    found = kept.pop("found")
    for verb, code, seconds in Arena(scratch).run(seeds()[0]._replace(**kept)):
        assert code in DOCUMENTED, f"{verb}, which was: {found}"
        assert seconds < 4 * SLOW, f"{verb}, which was: {found}"


def test_a_few_changes_at_random_break_no_verb(scratch: Path) -> None:
    """He changes what he may write, with the right digest in most lockfiles; the hour's hunt is nox's `fuzz`."""
    rng = random.Random(20261127)
    arena = Arena(scratch)
    for seed in seeds() * 6:
        changed = seed.changed(rng)
        for verb, code, _ in arena.run(changed):
            assert code in DOCUMENTED, (verb, *changed)


def test_nothing_is_found_in_the_seeds(scratch: Path) -> None:
    """Nobody attacks: the hunt starts from files that most verbs have an answer to."""
    for verb, code, _ in Arena(scratch).run(seeds()[0]):
        assert code in (0, 1), verb


def test_what_is_watched_is_there() -> None:
    """Nobody attacks: the coverage that a hunt reports is that of rooms and modules that exist."""
    assert not [path for path in WATCHED if not (ROOT / "envbuild" / path).exists()]


def test_a_changed_lockfile_can_be_signed() -> None:
    """Chance has his right digest: what is hunted is what lies behind it."""
    from envbuild.lockfile.parse import parse_lockfile

    for seed in seeds():
        lockfile = seed.lockfile
        assert sign(lockfile) == lockfile
        changed = sign(lockfile.replace('version = "1.0"', 'version = "1.1"'))
        assert parse_lockfile(changed, file="a.toml").version == "1.1"
