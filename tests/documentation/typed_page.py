"""A page of docs/ whose files are written and whose commands are typed, in their order.

A fenced block with a title (```toml title="drivers.toml") is a file.
In a ```console block that is not shortened, each line after `$ ` is a command.
What follows is its answer, and `[exit N]` if N is not 0.
Of a command that fails, both outputs are the answer; of another one, its stdout.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.command_line import ROOT, host_platform

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "ansible/**/*.md")
    for path in ROOT.glob(pattern)
    if path.name != "CHANGELOG.md"  # it tells of what there was
)
"""Every page that tells how something is done."""

BLOCK = re.compile(r'(?ms)^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$')
COMMAND = re.compile(r"(?m)^\$ (?P<line>.*)\n(?P<answer>(?:(?!\$ ).*\n)*)")
STORE = "/opt/envbuild"
PYTHON, PLATFORM = "3.12", "x86_64-manylinux_2_28"
"""What the pages declare; where the tests run on others, those are put in their place."""

SHORTENED = (
    (r"(?<=[-: ])[0-9a-f]{12,64}\b", "3f9a2c1b7d4e"),
    (r"\bPython 3\.\d+\.\d+\b", "Python 3.12.8"),
    (r"\b\d+ bytes instead of \d+\b", "1201 bytes instead of 1200"),
    (r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-11-20T10:00:00Z"),
    (r"\b\d+(\.\d+)? (s|seconds?|B|KiB|MiB)\b", r"2 \2"),
    (r"^\d+ process(es)? of other users could not be inspected.*\n", ""),
    (r" +$", ""),
)


def is_shortened(block: re.Match[str]) -> bool:
    """Whether the paragraph before the block says so: such a block is not played."""
    before = block.string[: block.start()].rstrip().rpartition("\n\n")[2]
    return re.search(r"\bshortened\b", before) is not None


@dataclass(kw_only=True)
class TypedPage:
    """Plays one page in a project of its own."""

    run: CommandLine
    python: str
    shell: Path
    """A folder for the program `envbuild` that the page's commands find."""

    exported: dict[str, str] = field(default_factory=dict)

    def play(self, page: str) -> str:
        """The page with the answers that were given."""
        self._put_program()
        return BLOCK.sub(self._block, page)

    def _block(self, block: re.Match[str]) -> str:
        if block["title"]:
            path = self.run.cwd / block["title"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._here(block["text"]))
        if block["language"] != "console" or is_shortened(block):
            return block[0]
        return f"```console\n{COMMAND.sub(self._answer, block['text'])}```"

    def _answer(self, command: re.Match[str]) -> str:
        return f"$ {command['line']}\n{self._shorten(self._type(command['line']))}"

    def _type(self, line: str) -> str:
        if line.startswith("export "):
            name, _, value = self._here(line.removeprefix("export ")).partition("=")
            self.exported[name] = value
            return ""
        env = self.run.environment(self.exported)
        done = subprocess.run(
            ("/bin/sh", "-c", self._here(line)),
            cwd=self.run.cwd,
            env={**env, "PATH": f"{self.shell}:{env['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=self.run.timeout,
        )
        if done.returncode == 0:
            return done.stdout
        return f"{done.stdout}{done.stderr}[exit {done.returncode}]\n"

    def _put_program(self) -> None:
        program = self.shell / "envbuild"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m envbuild "$@"\n')
        program.chmod(0o755)

    def _here(self, text: str) -> str:
        """What stands on the page, as it is here."""
        for written, real in self._pairs():
            text = text.replace(written, real)
        return text

    def _shorten(self, text: str) -> str:
        """What was answered here, as it stands on the page."""
        for written, real in self._pairs():
            text = text.replace(real, written)
        for pattern, words in SHORTENED:
            text = re.sub(pattern, words, text, flags=re.MULTILINE)
        return text

    def _pairs(self) -> tuple[tuple[str, str], ...]:
        words = ('"{}"', "Python {}")
        pythons = ((word.format(PYTHON), word.format(self.python)) for word in words)
        return (
            (STORE, self.run.env["ENVBUILD_STORE"]),
            ("/srv/fleet", str(self.run.cwd)),
            (PLATFORM, host_platform()),
            *(pair for pair in pythons if self.python != PYTHON),
        )
