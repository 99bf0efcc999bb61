"""What there is before the first line of a page is typed: packages of an index, and files."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from envbuild.uv.executable import base_arguments, uv_executable
from tests.support.command_line import copy_own_fleet, declare_drivers
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

SPRING, SUMMER = "2026-04-01T00:00:00Z", "2026-07-01T00:00:00Z"
MAIN = """\
import sys

def main():
    import huggingface_hub
    if huggingface_hub.VERSION >= "1.0" and "--version" not in sys.argv:
        raise SystemExit("ImportError: cannot import name 'HfFolder' from 'huggingface_hub'")
    print("transcriber 1.0 listens on 127.0.0.1:7080" if sys.argv[1:] else "ready")
"""


def upgrade(index: IndexServer, run: CommandLine) -> None:
    """Releases of spring, and releases of summer."""
    for version, uploaded in (("1.80.0", SPRING), ("1.82.3", SUMMER)):
        needs = ("httpx>=0.27", "openai>=1.99")
        index.add(command_wheel("litellm", version, requires=needs), uploaded=uploaded)
    for name, old, new in (("httpx", "0.28.1", "0.29.0"), ("openai", "1.109.1", "2.6.0")):
        index.add(Wheel(name=name, version=old), uploaded=SPRING)
        index.add(Wheel(name=name, version=new), uploaded=SUMMER)


def broken(index: IndexServer, run: CommandLine) -> None:
    """A driver whose packages all moved, and one of them took something away."""
    names = ("tokenizers", "numpy", "pyyaml", "tqdm", "huggingface-hub", "filelock", "httpx")
    index.add(
        Wheel(
            name="transcriber",
            version="1.0",
            requires=names,
            files={"transcriber.py": MAIN},
            commands={"transcriber": "transcriber:main"},
        ),
        uploaded=SPRING,
    )
    for name in names:
        module = name.replace("-", "_")
        for version, uploaded in (("0.34", SPRING), ("1.2", SUMMER)):
            files = {f"{module}.py": f"VERSION = {version!r}\n"}
            index.add(Wheel(name=name, version=version, files=files), uploaded=uploaded)


def variants(index: IndexServer, run: CommandLine) -> None:
    """torch, built for a processor and for two versions of CUDA, each in an index (here a folder) of its own."""
    project = run.cwd
    index.add(command_wheel("whisper-server", "2.1.0", requires=["torch>=2.9"]))
    for build in ("cpu", "cu128", "cu130"):
        folder = project / "wheels" / build
        folder.mkdir(parents=True)
        files = {"torch.py": f"BUILD = {build!r}\n"}
        Wheel(name="torch", version=f"2.9.1+{build}", files=files).write(folder)
    (project / "hosts").mkdir()
    for name, facts in {
        "old-gpu": {"cuda": "12.8", "compute": "8.6"},
        "new-gpu": {"cuda": "13.1", "compute": "9.0"},
    }.items():
        lines = (f"{key} = {json.dumps(value)}\n" for key, value in facts.items())
        (project / "hosts" / f"{name}.toml").write_text("".join(lines))
    (project / "hosts" / "no-gpu.toml").write_text('cpu = { features = ["avx2"] }\n')


SERVE = """\
import sys

import torch

def main():
    if sys.argv[1:] == ["--version"]:
        print("{name} {version}")
    else:
        print("{name} {version} on torch", torch.__version__ + ":", *sys.argv[1:])
"""
UNIT = """\
[Unit]
Description=vllm

[Service]
User=vllm
ExecStart=/srv/fleet/venvs/vllm/bin/vllm serve Qwen/Qwen3-0.6B

[Install]
WantedBy=multi-user.target
"""


def tutorial(index: IndexServer, run: CommandLine) -> None:
    """Two services with torch, each in a venv of its own; and newer releases of what is in them."""
    for name, version, needs in (
        ("vllm", "0.11.0", ("torch==2.8.0", "transformers>=4.55.2", "numpy")),
        ("vllm", "0.11.1", ("torch==2.9.0", "transformers>=4.56", "numpy")),
        ("whisper-server", "2.1.0", ("torch>=2.6", "transformers>=4.40,<4.50", "numpy<2")),
    ):
        module = name.replace("-", "_")
        index.add(
            Wheel(
                name=name,
                version=version,
                requires=needs,
                files={f"{module}.py": SERVE.format(name=name, version=version)},
                commands={name: f"{module}:main"},
            )
        )
    for version in ("2.8.0", "2.9.0"):
        index.add(Wheel(name="torch", version=version, bare=True))
    for name, versions in (
        ("transformers", ("4.48.3", "4.57.1", "4.57.6")),
        ("numpy", ("1.26.4", "2.3.4")),
    ):
        for version in versions:
            index.add(Wheel(name=name, version=version, bare=True))
    (run.cwd / "units").mkdir()
    (run.cwd / "units/vllm.service").write_text(UNIT)
    (run.cwd / "host.toml").write_text('cuda = "12.8"\ncompute = "9.0"\n')
    make_venv(run.cwd / "venvs/asr", index, "whisper-server==2.1.0", "torch==2.8.0")
    make_venv(run.cwd / "venvs/vllm", index, "vllm==0.11.0", "transformers==4.57.1")


def make_venv(folder: Path, index: IndexServer, *requirements: str) -> None:
    """A venv as somebody made it by hand."""
    words = (*requirements, "--default-index", index.url)
    for argv in (
        ("venv", str(folder), "--python", sys.executable),
        ("pip", "install", "--python", str(folder), *words),
    ):
        subprocess.run((uv_executable(), *argv, *base_arguments()), check=True, capture_output=True)


def air_gap(index: IndexServer, run: CommandLine) -> None:
    """A small driver."""
    index.add(command_wheel("datasette", "0.65.2", requires=["httpx>=0.27"]))
    index.add(Wheel(name="httpx", version="0.28.1"))


def two_generations(index: IndexServer, run: CommandLine) -> None:
    """A driver that moved once."""
    minor = "{}.{}".format(*sys.version_info)
    declared = declare_drivers({"greeter": ["greeter"]}, python=minor)
    run.declare(declared)
    for version in ("1.0", "1.1"):
        index.add(command_wheel("greeter", version))
        run("lock", "--upgrade", check=True)
        run("sync", check=True)


def own_fleet(_index: IndexServer, run: CommandLine) -> None:
    """The repository's declaration and lockfiles."""
    copy_own_fleet(run.cwd)


WORLDS: dict[str, Callable[[IndexServer, CommandLine], None]] = {
    "../README.md": own_fleet,
    "conflicts.md": own_fleet,
    "howto/air-gap.md": air_gap,
    "howto/broken.md": broken,
    "howto/upgrade.md": upgrade,
    "howto/variants.md": variants,
    "store.md": two_generations,
    "tutorial.md": tutorial,
}
"""A page of docs/ → its world."""
