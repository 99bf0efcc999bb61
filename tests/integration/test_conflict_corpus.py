"""Pairs of drivers, locked by uv over an index, with the answer that a person worked out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.commands.conflicts import conflicts
from envbuild.conflicts.conflict import Compatible, render_cause
from envbuild.declaration.file import read_declaration
from envbuild.lockfile.folder import LockFolder
from tests.support.scenarios import FOLDER, load_scenario

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from envbuild.conflicts.conflict import Pair
    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

CASES = sorted(path.stem for path in (FOLDER / "conflicts").glob("*.toml"))

HEAD = """version = 1
[defaults]
python = "3.11"
platforms = ["x86_64-manylinux_2_28"]
"""


def _answer(pair: Pair, file: str) -> dict[str, Any]:
    """What was found, in the form of the case files."""
    found: dict[str, Any] = {}
    compatible = [one for one in pair.outcomes if isinstance(one.answer, Compatible)]
    if pair.compatible:
        answer = pair.outcomes[0].answer
        assert isinstance(answer, Compatible)
        return {"pins": dict(answer.pins), "python": answer.target.python}
    if compatible:
        found["compatible_on"] = [str(outcome.platform) for outcome in compatible]
    found["clashes"] = [
        [render_cause(cause, file) for cause in clash.causes] for clash in pair.conflicts[0].clashes
    ]
    return found


@pytest.mark.parametrize("case", CASES)
def test_every_pair_gets_the_answer_that_was_worked_out(
    case: str, run_envbuild: CommandLine, index: IndexServer, project: Path
) -> None:
    """Compatible with just these pins, or a conflict with just these chains."""
    scenario = load_scenario(f"conflicts/{case}")
    scenario.fill(index)
    path = run_envbuild.declare(HEAD + scenario.case["drivers"].removeprefix("\n"))
    run_envbuild("lock", check=True)
    declaration = read_declaration(path)
    folder = LockFolder(path=project / "locks", shown="locks")
    result = conflicts(declaration, folder, ())
    answers = {f"{pair.first} × {pair.second}": _answer(pair, path.name) for pair in result.pairs}
    for name, expected in scenario.case["pairs"].items():
        found = answers[name]
        assert {key: found.get(key) for key in expected} == expected, name
