"""The preset for Renovate finds the requirements that a declaration has."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from tests.support.command_line import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PRESET = json.loads((ROOT / "renovate/drivers.json").read_text())
(MANAGER,) = PRESET["customManagers"]
DECLARATIONS = [ROOT / "drivers.toml", *sorted(ROOT.glob("examples/*/drivers.toml"))]
LISTS = ("requires", "constraints", "overrides")
OWN = """\
version = 1
[drivers.a]
requires = [
  "torch", "fastapi [standard] <1",
  "vllm[flashinfer]==0.11.* ; python_version >= '3.11'", 'uvicorn ~= 0.38 ; os_name == "posix"',
]
constraints = ["urllib3>=2.6.3,<3"]
accelerator = { cuda = ">=12.8" }
[drivers.b]
extends = "a"
overrides = [
  "numpy!=2.1",
]
"""


def found(text: str) -> set[tuple[str, SpecifierSet]]:
    """What the preset's expressions find, as Renovate would; its syntax of groups is RE2's."""
    expressions = [re.compile(one.replace("(?<", "(?P<")) for one in MANAGER["matchStrings"]]
    matches = (match for one in expressions for match in one.finditer(text))
    return {
        (match["depName"], SpecifierSet(match["currentValue"]))
        for match in matches
        if valid(f"x{match['currentValue']}")
    }


def valid(text: str) -> bool:
    """Whether it is a requirement."""
    try:
        Requirement(text)
    except InvalidRequirement:
        return False
    return True


def declared(value: Any) -> Iterator[tuple[str, SpecifierSet]]:
    """Every requirement of a declaration that names versions."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        listed = inner if isinstance(inner, list) else []
        texts = [one for one in listed if isinstance(one, str) and valid(one)]
        requirements = map(Requirement, texts if key in LISTS else ())
        yield from ((one.name, one.specifier) for one in requirements if one.specifier)
        yield from declared(inner)


@pytest.mark.parametrize("path", DECLARATIONS, ids=lambda path: path.parent.name)
def test_every_requirement_of_a_declaration(path: Path) -> None:
    """Each requirement with versions is found with its range, and nothing else is."""
    text = path.read_text()
    assert found(text) == set(declared(tomllib.loads(text)))


def test_no_requirement_of_goldens_and_pages_is_missed() -> None:
    """Whatever else is wrong with those declarations, each requirement with versions is found."""
    texts = [path.read_text() for path in (ROOT / "tests/golden/declaration").glob("*.toml")]
    for page in (ROOT / "docs").rglob("*.md"):
        texts += re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)
    seen = 0
    for text in texts:
        try:
            wanted = set(declared(tomllib.loads(text)))
        except tomllib.TOMLDecodeError:
            continue
        assert wanted <= found(text), text
        seen += len(wanted)
    assert seen > 5


def test_every_form_of_a_requirement() -> None:
    """Extras, markers, both quotes and blanks; accelerators and names without versions are left alone."""
    assert found(OWN) == set(declared(tomllib.loads(OWN)))
    assert len(found(OWN)) == 5


def test_only_declarations_are_read() -> None:
    """The preset reads drivers.toml in any folder, and no other file."""
    (pattern,) = MANAGER["managerFilePatterns"]
    reads = re.compile(pattern.strip("/"))
    files = ("drivers.toml", "gpu/drivers.toml", "locks/drivers.toml.old", "mydrivers.toml")
    assert [bool(reads.search(file)) for file in files] == [True, True, False, False]


def test_renovate_goes_on_with_a_branch_that_was_locked() -> None:
    """The author of the action's commits is one that the preset knows."""
    (author,) = PRESET["gitIgnoredAuthors"]
    assert f"user.email={author}" in (ROOT / "scripts/action/lock").read_text()
