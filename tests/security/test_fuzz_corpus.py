"""The attacker controls every byte of `drivers.toml` and of a lockfile; chance plays him."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from tests.security.fuzz import CORPUS, SLOW, run_all, seeds
from tests.support.attacked import DOCUMENTED
from tests.support.mutation import mutate, sign

if TYPE_CHECKING:
    from pathlib import Path

KEPT = sorted(CORPUS.glob("*.json"))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_what_once_broke_a_verb_breaks_none(path: Path, scratch: Path) -> None:
    """He commits what a hunt has found: every reading verb ends soon, with a documented exit code."""
    kept = json.loads(path.read_text())
    for verb, code, seconds in run_all(scratch, kept["declaration"], kept["lockfile"]):
        assert code in DOCUMENTED, f"{verb}, which was: {kept['found']}"
        assert seconds < 4 * SLOW, f"{verb}, which was: {kept['found']}"


def test_a_few_changes_at_random_break_no_verb(scratch: Path) -> None:
    """He changes a declaration and a lockfile whose digest he makes anew; the hour's hunt is nox's `fuzz`."""
    rng = random.Random(20261127)
    for declaration, lockfile in seeds() * 6:
        changed = mutate(rng, declaration), sign(mutate(rng, lockfile))
        for verb, code, _ in run_all(scratch, *changed):
            assert code in DOCUMENTED, (verb, *changed)


def test_a_changed_lockfile_can_be_signed() -> None:
    """Chance has his right digest: what is hunted is what lies behind it."""
    from envbuild.lockfile.text import parse_lockfile

    for _, lockfile in seeds():
        assert sign(lockfile) == lockfile
        changed = sign(lockfile.replace('version = "1.0"', 'version = "1.1"'))
        assert parse_lockfile(changed, file="a.toml").version == "1.1"
