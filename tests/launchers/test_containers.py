"""`export quadlet`, `llmhop` and `kubernetes`, judged by podman's generator and the API's schema."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.launchers.conftest import declare_launch
from tests.launchers.tools import quadlet_generator

if TYPE_CHECKING:
    from tests.launchers.conftest import Fleet

IMAGE = "docker.example/base@sha256:" + "a" * 64
START = ("--image", IMAGE, "--port", "8000", "--arguments", "serve 'a model' --x $(HOME)")


@pytest.mark.parametrize("format_", ["quadlet", "llmhop"])
def test_podman_takes_the_container(fleet: Fleet, format_: str) -> None:
    """podman's generator makes a service that mounts the environment read-only at its own path."""
    generator = quadlet_generator()
    fleet.export(format_, "vllm", *START, "--out", str(fleet.folder))
    done = subprocess.run(
        (generator, "-dryrun"),
        env={"QUADLET_UNIT_DIRS": str(fleet.folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    entry = fleet.entry("vllm")
    assert "---vllm.service---" in done.stdout
    start = next(line for line in done.stdout.splitlines() if line.startswith("ExecStart="))
    assert f"-v {entry['environment']}:{entry['environment']}:ro" in start
    assert IMAGE in start
    assert "--device nvidia.com/gpu=all" in start
    assert start.endswith(f'{entry["binary"]} serve "a model" --x $$(HOME)')


def test_podman_takes_what_launch_says(fleet: Fleet) -> None:
    """Order, environment file and health check come through the generator unharmed."""
    generator = quadlet_generator()
    launched = declare_launch(fleet)
    fleet.export("quadlet", "--image", IMAGE, *launched, "--out", str(fleet.folder))
    done = subprocess.run(
        (generator, "-dryrun"),
        env={"QUADLET_UNIT_DIRS": str(fleet.folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    units = dict(
        re.findall(r"^---(\S+)---\n(.*?)(?=^---|\Z)", done.stdout, re.DOTALL | re.MULTILINE)
    )
    assert "After=asr.service\nWants=asr.service\n" in units["worker.service"]
    assert "TimeoutStartSec=1h\n" in units["vllm.service"]
    start = next(
        line for line in units["vllm.service"].splitlines() if line.startswith("ExecStart=")
    )
    words = shlex.split(start.replace("%%", "%"))
    assert "--sdnotify=healthy" in words
    assert words[words.index("--env-file") + 1] == "/etc/secrets/vllm.env"
    check = json.loads(words[words.index("--health-cmd") + 1])
    assert (check[0], check[-1]) == (
        str(Path(fleet.entry("vllm")["environment"], "bin/python")),
        "http://127.0.0.1:8000/health?a=1&b=%20",
    )


def test_kubernetes_takes_what_launch_says(fleet: Fleet) -> None:
    """Ports, probes and arguments fit the API's schema; what a Pod cannot do is a note."""
    pytest.importorskip("kubernetes_validate", reason="NOT TESTED: kubernetes-validate is not here")
    launched = declare_launch(fleet)
    fleet.export("kubernetes", "--image", IMAGE, *launched, "--out", str(fleet.folder))
    files = sorted(fleet.folder.glob("*.yaml"))
    assert [file.stem for file in files] == ["asr", "vllm", "worker"]
    argv = (sys.executable, "-m", "kubernetes_validate", "--strict", *map(str, files))
    done = subprocess.run(argv, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (fleet.folder / "vllm.yaml").read_text()
    assert 'path: "/health?a=1&b=%20"' in text
    assert "# environment-file is not used: make a Secret of /etc/secrets/vllm.env" in text
    assert "# after is not used (asr)" in (fleet.folder / "worker.yaml").read_text()


def test_stable_paths_need_the_whole_store(fleet: Fleet) -> None:
    """A path that follows every switch leads through the store's link, so the store is mounted."""
    (text,) = fleet.files("quadlet", "vllm", "--stable", "--image", IMAGE).values()
    assert f"Volume={fleet.store}:{fleet.store}:ro\n" in text


@pytest.mark.parametrize("how", ["--stable", "--exact"])
@pytest.mark.parametrize("more", [(), START[2:]])
def test_kubernetes_takes_the_pod_template(fleet: Fleet, how: str, more: tuple[str, ...]) -> None:
    """The API's own schema, read strictly, knows every field and misses none."""
    pytest.importorskip("kubernetes_validate", reason="NOT TESTED: kubernetes-validate is not here")
    words = ("kubernetes", "vllm", how, "--image", IMAGE, *more)
    fleet.export(*words, "--out", str(fleet.folder))
    done = subprocess.run(
        (sys.executable, "-m", "kubernetes_validate", "--strict", fleet.folder / "vllm.yaml"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_kubernetes_arguments_are_no_references(fleet: Fleet) -> None:
    """`$(NAME)` in an argument is the argument's own, not the Pod's."""
    (text,) = fleet.files("kubernetes", "vllm", *START).values()
    assert 'args: ["serve", "a model", "--x", "$$(HOME)"]' in text
