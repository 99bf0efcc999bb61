"""Properties of the source itself: where its tests are, and its names."""

from __future__ import annotations

import ast
import re
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parents[1]
UNIT = TESTS / "unit"
SOURCE = TESTS.parent / "envbuild"

PRIVATE = re.compile(
    r"(seal|witness|glance|standing|keeper|offer|share|mender|baking|room|shelf|shelves)(s|ed|er)?"
)
"""Words that docs/architecture.md replaces by those of the field; `shared` is one of these."""


@pytest.mark.parametrize("file", sorted(UNIT.rglob("test_*.py")), ids=lambda file: file.stem)
def test_a_unit_test_is_named_after_what_it_tests(file: Path) -> None:
    """`tests/unit/<room>/test_<module>.py` tests `envbuild/<room>/<module>.py`, or a tool of the tests."""
    room = file.parent.relative_to(UNIT)
    name = file.stem.removeprefix("test_")
    folders = (SOURCE / room, TESTS / room, TESTS)
    found = [folder / name for folder in folders if (folder / f"{name}.py").is_file()]
    assert found or (folders[0] / name).is_dir()


@pytest.mark.parametrize("file", sorted(SOURCE.rglob("*.py")), ids=lambda file: file.stem)
def test_names_are_those_of_the_glossary(file: Path) -> None:
    """No module, class, function, argument, variable or field has a word that only its author understands."""
    names = {file.stem}
    for node in ast.walk(ast.parse(file.read_bytes())):
        fields = ("name", "arg", "id", "attr")
        names |= {name for field in fields if isinstance(name := getattr(node, field, None), str)}
    words = {(name, word) for name in names for word in re.split(r"_|(?<=[a-z])(?=[A-Z])", name)}
    assert [
        name for name, word in words if word != "shared" and PRIVATE.fullmatch(word.lower())
    ] == []


def test_no_class_name_stands_twice() -> None:
    """A name says which class is meant; `envbuild.api` alone has names of its own, for those who use it."""
    found = Counter(
        name
        for file in SOURCE.rglob("*.py")
        if file.name != "api.py"
        for name in re.findall(r"^class (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
        if not name.startswith("_")
    )
    assert [name for name, count in found.items() if count > 1] == []


def test_no_test_replaces_a_private_name() -> None:
    """`monkeypatch` gets names that their modules show: what is private may change without a test."""
    replaced = [
        (file.name, part)
        for file in TESTS.rglob("*.py")
        for call in ast.walk(ast.parse(file.read_bytes()))
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "monkeypatch.setattr"
        for argument in call.args[:2]
        for part in ast.unparse(argument).strip("'\"").split(".")
    ]
    assert [(file, name) for file, name in replaced if name.startswith("_")] == []


def test_no_module_imports_itself_through_others() -> None:
    """Imports form no circle, those inside functions and those for types alone included."""
    modules = {
        ".".join(file.relative_to(TESTS.parent).with_suffix("").parts).removesuffix(".__init__")
        for file in SOURCE.rglob("*.py")
    }
    imports = {module: set(_imported(module, modules)) - {module} for module in modules}
    TopologicalSorter(imports).prepare()


def _imported(module: str, modules: set[str]) -> Iterator[str]:
    path = TESTS.parent / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield from {whole if whole in modules else node.module} & modules
        elif isinstance(node, ast.Import):
            yield from {alias.name for alias in node.names} & modules
