"""Every model that Xinference ships, imported for each of its engines, against Xinference's own code."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from envbuild.imports.xinference import ENGINES, read_model
from tests.launchers.tools import tool

if TYPE_CHECKING:
    from pathlib import Path

ASK = """
import glob, json, os, xinference
from xinference.core.utils import filter_virtualenv_packages_by_markers, merge_virtual_env_packages
from xinference.core.virtual_env_manager import (
    ENGINE_VIRTUALENV_PACKAGES, expand_engine_dependency_placeholders,
)
found = []
def walk(value, file):
    if isinstance(value, dict):
        block = value.get("virtualenv")
        if isinstance(block, dict) and isinstance(block.get("packages"), list):
            answers = {}
            for engine in ENGINES:
                merged = merge_virtual_env_packages(
                    expand_engine_dependency_placeholders(list(block["packages"]), engine), None
                )
                answers[engine] = filter_virtualenv_packages_by_markers(merged, engine, None, "linux")
            found.append({"file": file, "block": block, "answers": answers})
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            walk(one, file)
folder = os.path.dirname(xinference.__file__)
ENGINES = [*ENGINE_VIRTUALENV_PACKAGES, "flag", "pytorch"]
for file in sorted(glob.glob(folder + "/model/**/*.json", recursive=True)):
    with open(file, encoding="utf-8") as opened:
        walk(json.load(opened), os.path.relpath(file, folder))
print(json.dumps({"models": found, "table": ENGINE_VIRTUALENV_PACKAGES}))
"""


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Each shipped block with what Xinference installs for each engine, and its table."""
    python = tool("xinference", "python")
    home: Path = tmp_path_factory.mktemp("xinference")
    env = {"HOME": str(home), "XINFERENCE_HOME": str(home / "x"), "PATH": "/usr/bin:/bin"}
    argv = (python, "-c", ASK)
    done = subprocess.run(argv, env=env, cwd=home, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def plain(entry: str) -> str:
    """An entry in one spelling: the name normalised, a package of the worker by its name, no marker."""
    text = entry.partition(";")[0].strip()
    if text.startswith("#system_"):
        return canonicalize_name(text.removeprefix("#system_").removesuffix("#"))
    try:
        found = Requirement(text)
    except InvalidRequirement:
        return text
    extras = f"[{','.join(sorted(found.extras))}]" if found.extras else ""
    return f"{canonicalize_name(found.name)}{extras}{found.specifier}{found.url or ''}"


def unexplained(block: dict[str, Any], engine: str, answer: list[str]) -> set[str]:
    """Where the import differs from Xinference, without one of the known reasons.

    What is named by URL becomes a source, or cannot be imported; what only a launch can decide is left out with a note;
    of two entries for one package Xinference takes the last, whatever their markers, and the import takes both,
    of which one may be a placeholder's.
    """
    draft = read_model({"virtualenv": block}, file="x.json", engine=engine)
    left_out = {plain(note.partition("left out ")[2]) for note in draft.notes}
    left_out = {text.partition(": its marker")[0] for text in left_out}
    named = [
        canonicalize_name(re.split(r"[^\w.-]", text)[0])
        for text in (*block["packages"], *ENGINES.get(engine, ()))
    ]
    wanted, required = set(map(plain, answer)), set(map(plain, draft.requires))
    missing = {text for text in wanted - required if "://" not in text} - left_out
    added = {
        text
        for text in required - wanted
        if named.count(name := canonicalize_name(re.split(r"[^\w.-]", text)[0])) < 2
        and name not in dict(draft.sources)
    }
    return missing | added


def test_table_is_xinferences_own(shipped: dict[str, Any]) -> None:
    """The table of engines says what Xinference's own says, but for wheels that are named by URL."""
    own = {
        engine: {plain(text) for text in packages if "://" not in text}
        for engine, packages in shipped["table"].items()
    }
    assert {engine: set(map(plain, packages)) for engine, packages in ENGINES.items()} == own


def test_every_shipped_model(shipped: dict[str, Any]) -> None:
    """For each engine the import requires what Xinference installs, but for differences of known kinds."""
    assert len(shipped["models"]) >= 160
    found = {
        (model["file"], engine): differs
        for model in shipped["models"]
        for engine, answer in model["answers"].items()
        if (differs := unexplained(model["block"], engine, answer))
    }
    assert found == {}
