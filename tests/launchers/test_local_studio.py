"""`export local-studio`: its precedence as a table of cases, because its code is on no registry."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.launchers.conftest import Fleet


def chosen_command(recipe: dict[str, str], env: dict[str, str], path: str) -> list[str]:
    """Which command Local Studio runs for vllm, by its documented order.

    A Python that does not exist falls through in silence; of one that does, the sibling `vllm` runs.
    """
    candidates = (
        recipe.get("python_path"),
        env.get("LOCAL_STUDIO_RUNTIME_PYTHON"),
        "/opt/venvs/active/vllm-latest/bin/python",
    )
    python = next((item for item in candidates if item and Path(item).exists()), None)
    if python is not None and os.access(Path(python).parent / "vllm", os.X_OK):
        return [str(Path(python).parent / "vllm"), "serve"]
    for folder in path.split(os.pathsep):
        if os.access(Path(folder, "vllm"), os.X_OK):
            return [f"{folder}/vllm", "serve"]
    return [python or "python", "-m", "vllm.entrypoints.openai.api_server"]


def environment(files: dict[str, str]) -> dict[str, str]:
    """The exported environment as pairs."""
    lines = files["local-studio.env"].splitlines()
    return dict(line.split("=", 1) for line in lines if not line.startswith("#"))


@pytest.mark.parametrize("how", ["recipe", "environment"])
def test_runs_the_driver(fleet: Fleet, how: str) -> None:
    """With the recipe's field, or the environment alone, the driver's own vllm runs, not another."""
    files = fleet.files("local-studio")
    recipe = json.loads(files["vllm.recipe.json"]) if how == "recipe" else {}
    env = environment(files) if how == "environment" else {}
    assert chosen_command(recipe, env, "/nowhere") == [fleet.entry("vllm")["binary"], "serve"]


def test_lists_of_pythons_hold_real_paths(fleet: Fleet) -> None:
    """Every Python that discovery is told of exists and has its vllm beside it."""
    pythons = environment(fleet.files("local-studio"))["LOCAL_STUDIO_VLLM_PYTHONS"].split(",")
    assert pythons
    assert all(
        Path(python).exists() and (Path(python).parent / "vllm").exists() for python in pythons
    )


def test_upgrade_script_runs_without_arguments(fleet: Fleet) -> None:
    """The one executable that upgrades, started as Local Studio does, locks and syncs, and is done."""
    files = fleet.export("local-studio", "--out", str(fleet.folder)).stdout.split()
    script = Path(
        environment({Path(f).name: Path(f).read_text() for f in files})[
            "LOCAL_STUDIO_VLLM_UPGRADE_CMD"
        ]
    )
    assert script.parent == fleet.folder
    assert stat.S_IMODE(script.stat().st_mode) == 0o755
    done = subprocess.run(
        (script,), env=dict(fleet.run.env), cwd="/", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "no version moved" in done.stdout


def test_fleet_without_its_engines(fleet: Fleet) -> None:
    """A driver that Local Studio cannot start gets no recipe that would fall through in silence."""
    result = fleet.export("local-studio", "asr", check=False)
    words = "Local Studio starts vllm or sglang, and none of the drivers has one of them"
    assert (result.code, words in result.stderr) == (2, True)
