"""`export xinference`, read by Xinference's and xoscar's own code."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

from tests.launchers.tools import tool
from tests.support.pythons import MINOR

if TYPE_CHECKING:
    from pathlib import Path

    from tests.launchers.conftest import Fleet

MERGE = """
import json, sys
from xinference.core.utils import merge_virtual_env_packages
from xoscar.virtualenv.core import VirtualEnvManager
merged = merge_virtual_env_packages(json.loads(sys.argv[1]), json.loads(sys.argv[2]))
print(json.dumps(VirtualEnvManager.process_packages(merged, engine="vllm")))
"""
PARSE = """
import json, sys
import click, xinference.deploy.cmdline as cmdline
command = cmdline.cli.get_command(None, "launch")
context = command.make_context("launch", sys.argv[1:], resilient_parsing=True)
print(json.dumps({k: v for k, v in context.params.items() if "virtual" in k}))
"""
INSTALL = """
import json, sys
from xoscar.virtualenv import get_virtual_env_manager
manager = get_virtual_env_manager("uv", sys.argv[1])
manager.create_env()
manager.install_packages(json.loads(sys.argv[2]), find_links=sys.argv[3], index_url=sys.argv[4])
"""


def ask(code: str, *words: str, cwd: Path) -> Any:
    """What a piece of Python says in Xinference's own environment."""
    python = tool("xinference", "python")
    env = {
        "HOME": str(cwd),
        "XINFERENCE_HOME": str(cwd / "x"),
        "PATH": f"{python.parent}:/usr/bin:/bin",
    }
    done = subprocess.run(
        (python, "-c", code, *words), env=env, cwd=cwd, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    last = done.stdout.strip().splitlines()[-1:]
    return json.loads(last[0]) if last and last[0][:1] in "[{" else None


def exported_pins(text: str) -> list[str]:
    """The pins of a launch script."""
    return re.findall(r"-vp (\S+)", text)


def test_launch_takes_the_options(fleet: Fleet) -> None:
    """Xinference's own command line reads the script's options as pins and a wheel folder."""
    (text,) = fleet.files("xinference", "vllm", "--wheels", str(fleet.folder)).values()
    words = text.partition('launch "$@"')[2].replace("\\\n", " ").split()
    parsed = ask(PARSE, *words, cwd=fleet.folder)
    assert parsed["enable_virtual_env"] is True
    assert parsed["virtual_env_package"] == exported_pins(text)
    assert parsed["virtual_env_find_link"] == [str(fleet.folder)]


def test_pins_replace_the_models_own_packages(fleet: Fleet) -> None:
    """Merged by Xinference, each pin stands in for the model's own entry for that package."""
    (text,) = fleet.files("xinference", "vllm").values()
    own = ["transformers>=4.51", "vllm>=0.11.2", 'tqdm ; #engine# == "vllm"']
    merged = ask(MERGE, json.dumps(own), json.dumps(exported_pins(text)), cwd=fleet.folder)
    assert sorted(merged) == sorted(exported_pins(text))


def test_xoscar_installs_the_pins(fleet: Fleet) -> None:
    """xoscar's manager makes an environment of just these versions, from the wheel folder and index."""
    (text,) = fleet.files("xinference", "vllm").values()
    target = fleet.folder / "model"
    words = (str(target), json.dumps(exported_pins(text)), str(fleet.folder), fleet.index.url)
    ask(INSTALL, *words, cwd=fleet.folder)
    names = {path.name for path in target.glob("lib/python3.*/site-packages/*.dist-info")}
    assert {"vllm-0.11.0.dist-info", "transformers-4.57.6.dist-info"} <= names


def test_worker_starts_without_virtual_environments(fleet: Fleet) -> None:
    """The worker's start line runs the environment's own worker, with Xinference's venvs off."""
    fleet.export("xinference", "worker", "--out", str(fleet.folder))
    done = subprocess.run(
        (fleet.folder / "worker-worker", "-e", "http://x"), env={}, capture_output=True, text=True
    )
    said = json.loads(done.stdout)
    assert said["argv"] == ["-e", "http://x"]
    assert said["env"]["XINFERENCE_ENABLE_VIRTUAL_ENV"] == "0"
    assert said["prefix"] == fleet.entry("worker")["environment"]


def test_worker_relaunch_takes_the_python(fleet: Fleet) -> None:
    """Xinference's own check of a relaunch takes the Python that the export names."""
    (text,) = fleet.files("xinference", "worker").values()
    found = re.search(r'"python_executable": "([^"]+)"', text)
    assert found is not None
    code = "import sys\nfrom xinference.core.worker_relaunch import validate_relaunch_options as v\nv(sys.argv[1])"
    ask(code, found[1], cwd=fleet.folder)
    assert found[1] == fleet.entry("worker")["python"]


def test_launch_refuses_another_python(fleet: Fleet) -> None:
    """The script ends before the launch if the worker's Python is not the one that is locked for."""
    fleet.export("xinference", "vllm", "--out", str(fleet.folder))
    launched = fleet.folder / "xinference"
    launched.write_text("#!/bin/sh\necho launched\n")
    python = fleet.folder / "python"
    for file in (launched, python):
        file.touch()
        file.chmod(0o755)
    answers = {}
    for version in ("3.9", MINOR):
        python.write_text(f"#!/bin/sh\necho {version}\n")
        env = {"PATH": f"{fleet.folder}:/usr/bin:/bin"}
        script = (fleet.folder / "vllm-launch",)
        done = subprocess.run(script, env=env, capture_output=True, text=True)
        answers[version] = (done.returncode, done.stdout, f"{python} is 3.9" in done.stderr)
    assert list(answers.values()) == [(5, "", True), (0, "launched\n", False)]


def test_wheel_folder_that_is_not_there(fleet: Fleet) -> None:
    """A folder of wheels that does not exist is refused, before a worker looks for it."""
    result = fleet.export("xinference", "vllm", "--wheels", "/nowhere", check=False)
    assert (result.code, "/nowhere is not a folder" in result.stderr) == (2, True)
