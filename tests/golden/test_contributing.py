"""CONTRIBUTING.md lists what the noxfile has."""

from __future__ import annotations

import ast
import re

from tests.support.command_line import ROOT
from tests.support.pythons import WANTED


def test_every_session_is_listed() -> None:
    """A session that is added, renamed or dropped is so in the table too."""
    nodes = ast.walk(ast.parse((ROOT / "noxfile.py").read_text()))
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    decorated = {f.name for f in functions if "nox.session" in map(_name, f.decorator_list)}
    sessions = decorated - {"tests"} | {f"tests-{minor}" for minor in WANTED}
    table = (ROOT / "CONTRIBUTING.md").read_text().partition("\n## Sessions\n")[2]
    first_cells = re.findall(r"^\| (.*?) \|", table, re.MULTILINE)
    assert {name for cell in first_cells for name in re.findall(r"`([^`]+)`", cell)} == sessions


def _name(decorator: ast.expr) -> str:
    """`nox.session`, called or not."""
    return ast.unparse(decorator.func if isinstance(decorator, ast.Call) else decorator)
