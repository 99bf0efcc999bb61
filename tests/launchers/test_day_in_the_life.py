"""A day in the life: from hand-made venvs in a gpumod preset to a fleet that rolls back.

`ENVBUILD_REGENERATE=1` writes what was typed and answered to docs/day-in-the-life.md.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from envbuild.uv.executable import base_arguments, uv_executable
from tests.launchers.tools import system_tool, tool
from tests.support.command_line import ROOT
from tests.support.golden import REGENERATE
from tests.support.pythons import MINOR
from tests.support.repository import git
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

PAGE = ROOT / "docs" / "day-in-the-life.md"
PRESET = """\
id: qwen
name: Qwen
driver: vllm
port: 7071
vram_mb: 12000
model_id: Qwen/Qwen3-0.6B
unit_vars:
  vllm_bin: {venvs}/vllm-prod/bin/vllm
compat:
  vllm: "==0.11.0"
  transformers: ">=4.55.2,<5"
"""
HEAD = """\
# A day in the life

A host runs vllm under gpumod, from a venv that somebody made by hand.
This page shows how to build it with envbuild instead, how to change a range, and how to go back.
`tests/launchers/test_day_in_the_life.py` runs every command with gpumod's own code, and wrote this page;
only paths and digests are shortened. This vllm is a small package of the same name.
"""


@dataclass(kw_only=True)
class Day:
    """What is typed, and what is answered."""

    run: CommandLine
    gpumod: Path
    home: Path
    page: list[str] = field(default_factory=lambda: [HEAD])

    def say(self, text: str) -> None:
        """Explain the next step."""
        self.page.append(f"\n{text}\n")

    def type(self, line: str, *, code: int = 0) -> str:
        """Type a line as a user would; the value is what is answered."""
        words = shlex.split(line)
        if words[0] == "envbuild":
            result = self.run(*words[1:])
            said, ended = result.stdout + result.stderr * (result.code != 0), result.code
        else:
            done = self._start(words)
            said, ended = done.stdout + done.stderr, done.returncode
        assert ended == code, said
        ending = f"[exit {code}]\n" if code else ""
        self.page.append(
            f"\n```console\n$ {self._shorten(line)}\n{self._shorten(said)}{ending}```\n"
        )
        return said

    def show(self, path: Path) -> None:
        """Show a file."""
        self.page.append(f"\n```yaml\n# {path.name}\n{self._shorten(path.read_text())}```\n")

    def _start(self, words: list[str]) -> subprocess.CompletedProcess[str]:
        programs = {
            "gpumod": str(self.gpumod),
            "systemd-analyze": str(system_tool("systemd-analyze", "systemd")),
        }
        env = {
            "HOME": str(self.home),
            "PATH": f"{self.gpumod.parent}:/usr/bin:/bin",
            "GPUMOD_DB_PATH": str(self.home / "gpumod.db"),
            "GPUMOD_PRESETS_DIR": str(self.run.cwd / "presets"),
            "GPUMOD_MODES_DIR": str(self.home),
        }
        argv = (programs.get(words[0], words[0]), *words[1:])
        return subprocess.run(argv, cwd=self.run.cwd, env=env, capture_output=True, text=True)

    def _shorten(self, text: str) -> str:
        root = str(self.run.cwd.parent)
        text = text.replace(f"{root}/s/", "/opt/envbuild/").replace(f"{root}/s", "/opt/envbuild")
        text = text.replace(f"{root}/p/", "").replace(root, "/srv")
        text = re.sub(r"(-|sha256:|\b)[0-9a-f]{12,64}\b", r"\g<1>3f9a2c1b7d4e", text)
        text = re.sub(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-11-20T10:00:00Z", text)
        return re.sub(r" +\n", "\n", text)


def fill(index: IndexServer) -> None:
    """An index with two releases of each package, and the next one that would break."""
    for version in ("0.11.0", "0.11.1"):
        index.add(command_wheel("vllm", version, requires=["transformers>=4.55.2"]))
    for version in ("4.57.1", "4.57.6", "5.1.0"):
        index.add(Wheel(name="transformers", version=version))


def make_by_hand(venvs: Path, index: IndexServer) -> None:
    """The venv as the guide has it: made once, never written down."""
    folder = str(venvs / "vllm-prod")
    words = ("vllm==0.11.0", "transformers==4.57.1", "--default-index", index.url)
    for argv in (
        ("venv", folder, "--python", sys.executable),
        ("pip", "install", "--python", folder, *words),
    ):
        subprocess.run((uv_executable(), *argv, *base_arguments()), check=True, capture_output=True)


def merge(preset: Path, patch: str) -> None:
    """Put the exported keys into the preset, as a user does in an editor."""
    table: dict[str, Any] = yaml.safe_load(preset.read_text())
    for key, values in yaml.safe_load(patch).items():
        table[key] = {**table.get(key, {}), **values}
    preset.write_text(yaml.safe_dump(table, sort_keys=False))


def started(unit: Path) -> str:
    """The program that a unit starts."""
    match = re.search(r"^ExecStart=(\S+)", unit.read_text(), re.MULTILINE)
    assert match is not None
    return match[1]


def test_day_in_the_life(run_envbuild: CommandLine, index: IndexServer, isolation: Path) -> None:
    """One unit starts the imported versions, the new ones after a sync, the old ones after a rollback."""
    day = Day(run=run_envbuild, gpumod=tool("gpumod", "gpumod"), home=isolation)
    folder = run_envbuild.cwd
    fill(index)
    make_by_hand(folder.parent / "venvs", index)
    preset, unit = folder / "presets" / "qwen.yaml", folder / "qwen.service"
    preset.parent.mkdir()
    preset.write_text(PRESET.format(venvs=folder.parent / "venvs"))
    day._start(["gpumod", "init"])
    run_envbuild.declare(
        f'version = 1\n\n[defaults]\npython = "{MINOR}"\nplatforms = ["x86_64-manylinux_2_28"]\n'
    )

    day.say(
        "## Morning: what there is\n\nThe preset names a path, and the ranges that are known to work."
    )
    day.show(preset)
    day.type("envbuild import presets/qwen.yaml")
    day.type("envbuild lock")
    day.type("envbuild sync")
    day.say("What differs in the preset, and what to write into it:")
    day.type("envbuild export gpumod vllm --check presets/qwen.yaml", code=1)
    patch = day.type("envbuild export gpumod vllm")
    merge(preset, patch)
    day.say("With these keys merged into the preset, gpumod renders a unit that systemd accepts.")
    day.type("envbuild export gpumod vllm --check presets/qwen.yaml")
    day.type("gpumod preset sync")
    day.type("gpumod template generate qwen -o qwen.service")
    day.type("gpumod doctor venv --service-id qwen")
    day.type("grep ^ExecStart= qwen.service")
    binary = started(unit)
    assert binary == f"{folder.parent}/s/current/vllm/bin/vllm"
    day.type("systemd-analyze verify --man=no ./qwen.service")
    first = day.type(f"{binary} --version")
    assert first == "vllm 0.11.0\n"
    git(folder, "init", "-q")
    git(folder, "add", "drivers.toml", "locks")
    git(folder, "commit", "-qm", "The fleet")

    day.say("## Noon: a range moves\n\n`check` says on the pull request what the change does.")
    day.type("envbuild add vllm 'vllm==0.11.1' 'transformers>=4.57.6,<5'")
    day.type("envbuild check", code=1)
    assert "~ transformers 4.57.1 → 4.57.6" in day.type("envbuild lock")
    said = day.type("envbuild check --against HEAD")
    assert "4.57.6" in said
    day.type("envbuild sync")
    day.say("The unit is the same, byte for byte; its next start gets the new environment.")
    assert started(unit) == binary
    day.type("systemd-analyze verify --man=no ./qwen.service")
    assert day.type(f"{binary} --version") == "vllm 0.11.1\n"

    day.say("## Evening: back\n\nOne rename; nothing is built or downloaded.")
    day.type("envbuild rollback")
    assert day.type(f"{binary} --version") == "vllm 0.11.0\n"
    day.type("envbuild list")

    text = "".join(day.page)
    if REGENERATE:
        PAGE.write_text(text, encoding="utf-8")
    assert typed(text) == typed(PAGE.read_text(encoding="utf-8"))


def typed(page: str) -> list[str]:
    """The lines that a page has somebody type, with how they ended."""
    return re.findall(r"^(?:\$ .*|\[exit \d+\])$", page, re.MULTILINE)
