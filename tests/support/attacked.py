"""A repository that a stranger may change, and the verbs that only read it, within bounds."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from envbuild.declaration.toml.document import parse_declaration
from envbuild.lockfile.freshness import inputs_of
from envbuild.lockfile.text import render_lockfile
from envbuild.value import replace
from tests.support.command_line import Result
from tests.support.values import make_lockfile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from envbuild.lockfile.lockfile import LockedPackage

MOST_MEMORY = 300 << 20
"""In bytes: what a reading verb may use, the interpreter and every library included."""

MOST_TIME = 20.0
"""Seconds on a busy machine; alone it is far less."""

DOCUMENTED = (0, 1, 2, 3, 4, 5)
"""The exit codes that a reading verb may end with."""

DECLARED = 'version = 1\n[defaults]\npython = "3.12"\nplatforms = ["x86_64-manylinux_2_28"]\n'
"""The head of a `drivers.toml` for one target."""

READING = (
    ("check",),
    ("check", "--format", "markdown"),
    ("lock", "--check"),
    ("conflicts",),
    ("why", "a", "a"),
    ("tree", "a"),
    ("show",),
)
"""What is run of a pull request; `a` is a driver of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Repository:
    """A checkout of a stranger's branch."""

    folder: Path

    def declare(self, text: str) -> None:
        """Write `drivers.toml`; the head for one target stands at the top where there is no version."""
        whole = text if "version = 1" in text else DECLARED + text
        (self.folder / "drivers.toml").write_text(whole)

    def lock(
        self,
        *packages: LockedPackage,
        driver: str = "a",
        inputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Write the lockfile that answers the declaration, of these packages and with a right digest.

        `inputs` are what he changes of what was asked for.
        """
        text = (self.folder / "drivers.toml").read_text()
        declaration = parse_declaration(text, file="drivers.toml")
        declared = declaration.driver(driver)
        assert declared is not None
        lockfile = make_lockfile(declared, *packages)
        asked = replace(inputs_of(declared, declaration), **(inputs or {}))
        whole = replace(lockfile, inputs=asked)
        locks = self.folder / "locks"
        locks.mkdir(exist_ok=True)
        (locks / f"{driver}.toml").write_text(render_lockfile(whole))

    def run(self, *argv: str, **environment: str) -> Result:
        """Run envbuild here in a process that is killed where it uses too much memory or time."""
        done = subprocess.run(
            (sys.executable, "-I", "-m", "envbuild", *argv),
            cwd=self.folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=MOST_TIME,
            preexec_fn=_bound,
        )
        return Result(code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def read_all(self, verbs: Iterable[tuple[str, ...]] = READING) -> dict[str, Result]:
        """Run every reading verb; each ends within its bounds and with a documented exit code."""
        found = {}
        for verb in verbs:
            result = self.run(*verb)
            assert result.code in DOCUMENTED, f"{verb}: {result!s:.2000}"
            found[" ".join(verb)] = result
        return found


def _bound() -> None:
    """Bound what the new process may map, which is more than it uses."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
