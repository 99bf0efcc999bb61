"""The JSON Schema of `drivers.toml`."""

from __future__ import annotations

import copy
import datetime as dt
import json
import re
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from envbuild.commands.init import starter
from envbuild.declaration.toml.document import parse_declaration
from envbuild.declaration.toml.keys import DRIVER_TABLE
from envbuild.declaration.toml.schema import declaration_schema
from envbuild.errors import DeclarationError
from tests.property.test_declaration import SCALARS, VALUES
from tests.support.command_line import ROOT
from tests.support.examples import examples
from tests.support.golden import assert_golden

FILE = "drivers.schema.json"
SCHEMA = jsonschema.Draft7Validator(declaration_schema())
GOLDENS = ROOT / "tests/golden/declaration"
VALID = [
    *(path for path in ROOT.glob("examples/*/drivers.toml")),
    ROOT / "drivers.toml",
]


def as_json(value: Any) -> Any:
    """A document as JSON has it; dates are strings there, as taplo gives them to a schema."""
    if isinstance(value, dict):
        return {name: as_json(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    return value.isoformat() if isinstance(value, dt.date | dt.time) else value


def errors_of(text: str) -> list[str]:
    """What the schema says of a text."""
    document = as_json(tomllib.loads(text))
    return [
        f"{'/'.join(map(str, one.path))}: {one.message[:200]}"
        for one in SCHEMA.iter_errors(document)
    ]


def is_valid(text: str) -> bool:
    """Whether the parser takes it."""
    try:
        parse_declaration(text, file="drivers.toml")
    except DeclarationError:
        return False
    return True


def everything() -> str:
    """What `init` writes, with every comment that is TOML taken as written."""
    return re.sub(r"(?m)^#(?=[a-z\[])", "", starter())


def test_the_file_is_what_the_tables_say() -> None:
    """It is in the package and in the repository; `ENVBUILD_REGENERATE=1` writes it anew."""
    text = json.dumps(declaration_schema(), indent=1) + "\n"
    assert_golden(Path(str(resources.files("envbuild"))) / FILE, text)
    jsonschema.Draft7Validator.check_schema(declaration_schema())


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.parent.name)
def test_a_declaration_that_is_valid_passes(path: Path) -> None:
    """The repository's own, and each example."""
    assert errors_of(path.read_text()) == []


def test_what_init_writes_passes() -> None:
    """As it is, and with every comment taken as written, which shows every key."""
    assert errors_of(starter()) == []
    assert errors_of(everything()) == []
    assert is_valid(everything())  # else the property below would say nothing


@pytest.mark.parametrize("row", DRIVER_TABLE, ids=lambda row: row.name)
def test_each_key_of_a_driver_is_described(row: Any) -> None:
    """An editor shows what the documentation says."""
    properties = declaration_schema()["properties"]["drivers"]["patternProperties"]["."][
        "properties"
    ]
    assert properties[row.name]["description"] == row.about


def test_the_sources_of_all_drivers_are_described_as_such() -> None:
    """A driver has a key of the same name, which is described as what it has besides these."""
    sources = declaration_schema()["properties"]["sources"]
    assert sources["description"] == "packages that come from no index"


def test_what_is_wrong_in_each_golden_is_found_where_a_schema_can() -> None:
    """Those that it passes contradict themselves, or name what is not declared: only the parser knows."""
    lines = []
    for path in sorted(GOLDENS.glob("*.toml")):
        try:
            found = errors_of(path.read_bytes().decode())
        except tomllib.TOMLDecodeError:
            continue
        lines.append(f"{path.stem}: {len(found) or 'passes'}\n")
    assert_golden(GOLDENS / "by-schema.txt", "".join(lines))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version = 2\n[drivers.a]\nrequires = ['b']", "1 was expected"),
        ("[drivers.a]\nrequires = ['b']", "'version' is a required property"),
        ("version = 1", "'drivers' is a required property"),
        ("version = 1\n[drivers]", "should be non-empty"),
        ("version = 1\n[drivers.a]", "is not valid under any of the given schemas"),
        ("version = 1\n[drivers.a]\nrequires = 'b'", "'b' is not of type 'array'"),
        ("version = 1\n[drivers.a]\nrequires = []", "should be non-empty"),
        ("version = 1\n[drivers.a]\nrequires = ['b']\nbinray = 'b'", "'binray' was unexpected"),
        ("version = 1\n[drivers.a]\nrequires = ['b']\npython = 3.12", "is not valid under any"),
        ("version = 1\n[drivers.a]\nrequires = ['b']\nbytecode = 'no'", "not of type 'boolean'"),
        ("version = 1\n[drivers.a]\nrequires = ['b']\nprobe-timeout = 0", "less than the minimum"),
        (
            "version = 1\n[drivers.a]\nrequires = ['b']\naccelerator = { cuda = '>=12', rocm = '>=6' }",
            "is valid under each of",
        ),
        (
            "version = 1\n[drivers.a]\nrequires = ['b']\n[[index]]\nname = 'x'",
            "is not valid under any of the given schemas",
        ),
        (
            "version = 1\n[drivers.a]\nrequires = ['b']\n[[coexist]]\ndrivers = ['a']",
            "is too short",
        ),
    ],
)
def test_a_mistake_is_found(text: str, words: str) -> None:
    """The parser finds it too."""
    assert not is_valid(text)
    assert any(words in error for error in errors_of(text)), errors_of(text)


def _places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found: list[tuple[str | int, ...]] = []
    for step, one in inner:
        found.append((*path, step))
        if isinstance(one, dict | list):
            found += _places(one, (*path, step))
    return found


WHOLE = tomllib.loads(everything())
PLACES = _places(WHOLE)


@settings(deadline=None, max_examples=examples(50))
@given(st.sampled_from(PLACES), st.one_of(SCALARS, VALUES, st.none()))
def test_it_is_never_stricter_than_the_parser(place: tuple[str | int, ...], value: Any) -> None:
    """One value of a whole declaration is replaced or removed: what the parser takes, the schema takes."""
    document = copy.deepcopy(WHOLE)
    inner: Any = document
    for step in place[:-1]:
        inner = inner[step]
    if value is None:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    text = tomlkit.dumps(document)
    if is_valid(text):
        assert errors_of(text) == []
