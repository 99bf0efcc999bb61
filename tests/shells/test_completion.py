"""Words are completed in bash, zsh and fish, by what `completion` prints and by what a wheel installs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.shells.conftest import Shell

SHARED = Path(__file__).parents[2] / "share"

PRINTED = {
    "bash": 'eval "$(envbuild completion bash)"',
    "zsh": 'autoload -Uz compinit; compinit -u -D; eval "$(envbuild completion zsh)"',
    "fish": "envbuild completion fish | source",
}
"""What a user writes into the shell's start-up file."""

INSTALLED = {
    "bash": f". {SHARED}/bash-completion/completions/envbuild",
    "zsh": f"fpath=({SHARED}/zsh/site-functions $fpath); autoload -Uz compinit; compinit -u -D",
    "fish": f"set -p fish_complete_path {SHARED}/fish/vendor_completions.d",
}
"""What a shell does with the files of the wheel."""

TYPED = (
    ("lo\t", "lock"),
    ("which ht\t", "which httpie"),
    ("sync flask --dry\t", "sync flask --dry-run"),
    ("--color ne\t list", "--color never list"),
    ("help ro\t", "help rollback"),
    ("lock flask --upgrade ht\t", "lock flask --upgrade httpie"),
    ("run flask -- pro\t", "run flask -- project.txt"),
)
"""What is typed behind `envbuild `, and what the shell makes of it."""

ALL = bool(os.environ.get("ENVBUILD_SHELLS"))
CASES = [
    pytest.param(name, line, id=f"{name}-{kind}")
    for kind, table in (("printed", PRINTED), ("installed", INSTALLED))
    for name, line in table.items()
    if ALL or (name, kind) == ("bash", "printed")
]


@pytest.mark.parametrize(("name", "line"), CASES)
def test_words_are_completed(
    start_shell: Callable[[str, str], Shell], name: str, line: str
) -> None:
    """Verbs, drivers of the declaration, options and their values."""
    shell = start_shell(name, line)
    calls = ["started"]
    shell.wait_for(calls)
    for keys, made in TYPED:
        shell.type(f"envbuild {keys}\r")
        calls.append(made)
        shell.wait_for(calls)
