"""Every part of a declaration that a page shows is one that envbuild takes."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tests.documentation.typed_page import BLOCK, PAGES
from tests.support.command_line import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = json.loads((ROOT / "envbuild/drivers.schema.json").read_text())
SETTINGS = {"docs/store.md", "docs/fleet.md"}
"""Pages whose TOML is the settings of a store."""

_OTHER_FILE = re.compile(r"# [\w/]*(facts|locks/DRIVER)\.toml\n")


def declarations(page: str) -> Iterator[dict[str, Any]]:
    """The TOML blocks of a page, but those that begin with the name of another file.

    Keys without a table are a driver's; what a driver must have, another block has.
    """
    for block in BLOCK.finditer(page):
        other = block["title"] not in (None, "drivers.toml") or _OTHER_FILE.match(block["text"])
        if block["language"] != "toml" or other:
            continue
        shown = tomllib.loads(block["text"])
        if not any(isinstance(one, dict | list) for one in shown.values()) or "platforms" in shown:
            shown = {"drivers": {"x": shown}}
        for driver in shown.get("drivers", {}).values():
            driver.setdefault("requires", ["x"])
        yield shown


@pytest.mark.parametrize("name", [page for page in PAGES if page not in SETTINGS])
def test_the_schema_admits_them(name: str) -> None:
    """No key that is not there, and no value that it cannot have."""
    validator = jsonschema.Draft202012Validator(SCHEMA)
    wrong = [
        f"{error.json_path}: {error.message}"
        for shown in declarations((ROOT / name).read_text())
        for error in validator.iter_errors({"version": 1, **shown})
        if error.validator != "required"
    ]
    assert wrong == []


def test_declarations_are_found() -> None:
    """The pages show so many that the test below tries something."""
    assert len(list(declarations((ROOT / "docs/declaration.md").read_text()))) > 30
