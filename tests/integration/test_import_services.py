"""`envbuild import` of what runs today: venvs, presets of services, models of Xinference."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from envbuild.uv.executable import base_arguments, uv_executable
from tests.support.imports import drivers, write
from tests.support.pythons import MINOR
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


@pytest.fixture
def venv(run_envbuild: CommandLine, index: IndexServer, scratch: Path) -> Path:
    """A hand-made venv with vllm in it."""
    wheels = [
        command_wheel("vllm", "0.11.0", requires=["transformers"]),
        Wheel(name="transformers", version="4.57.6", bare=True),
        Wheel(name="transformers", version="5.1.0", bare=True),
    ]
    for wheel in wheels:
        index.add(wheel)
    folder = scratch / "vllm-prod"
    words = (
        ["venv", str(folder)],
        ["pip", "install", "--python", str(folder), "vllm", "transformers<5"],
    )
    for argv in words:
        more = ["--default-index", index.url] if argv[0] == "pip" else ["--python", sys.executable]
        command = (uv_executable(), *argv, *more, *base_arguments())
        subprocess.run(command, check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(
    ("installer", "requires", "version_of"),
    [
        ("uv", ["vllm==0.11.0"], None),
        ("pip", ["transformers==4.57.6", "vllm==0.11.0"], "vllm"),
    ],
)
def test_hand_made_venv(
    installer: str,
    requires: list[str],
    version_of: str | None,
    run_envbuild: CommandLine,
    venv: Path,
) -> None:
    """What was asked for is required at the versions that run, on the venv's Python.

    pip marks what was asked for. uv marks every package: there it is what no other package requires.
    """
    for file in venv.glob("lib/*/site-packages/*.dist-info/INSTALLER"):
        file.write_text(f"{installer}\n")
    result = run_envbuild("import", str(venv), "--name", "vllm", check=True)
    wanted = {"requires": requires, "version-of": version_of, "python": MINOR}
    assert drivers(run_envbuild) == {"vllm": {k: v for k, v in wanted.items() if v is not None}}
    assert "widen them if you want other versions" in result.stdout
    run_envbuild("lock", check=True)
    assert (
        'name = "transformers"\nversion = "4.57.6"'
        in (run_envbuild.cwd / "locks/vllm.toml").read_text()
    )


def test_preset(run_envbuild: CommandLine, venv: Path) -> None:
    """A preset's ranges become requirements; the venv that it names gives the first versions."""
    text = f"""\
id: qwen
name: Qwen
driver: vllm
vram_mb: 1
unit_vars:
  vllm_bin: {venv}/bin/vllm
compat:
  transformers: ">=4.55"
  huggingface_hub: "<1"
"""
    result = run_envbuild("import", write(run_envbuild, "qwen.yaml", text), check=True)
    assert drivers(run_envbuild)["vllm"] == {
        "requires": ["vllm", "transformers>=4.55", "huggingface-hub<1"],
        "python": MINOR,
    }
    assert f"vllm: its versions are those of the venv {venv}\n" in result.stdout
    run_envbuild("remove", "vllm", "huggingface-hub", check=True)
    run_envbuild("lock", check=True)
    assert 'version = "4.57.6"' in (run_envbuild.cwd / "locks" / "vllm.toml").read_text()


def test_folder_of_presets(run_envbuild: CommandLine) -> None:
    """Services that share a command share a driver; wrong nesting is explained."""
    head = "name: x\nvram_mb: 1\n"
    write(
        run_envbuild, "presets/a.yaml", f'id: a\ndriver: vllm\n{head}compat: {{vllm: "==0.11.*"}}\n'
    )
    write(
        run_envbuild,
        "presets/b.yaml",
        f"id: b\ndriver: vllm\n{head}extra_config: {{unit_vars: {{}}}}\n",
    )
    write(run_envbuild, "presets/c.yaml", f"id: speech\ndriver: fastapi\n{head}")
    result = run_envbuild("import", "presets", check=True)
    assert drivers(run_envbuild) == {
        "vllm": {"requires": ["vllm==0.11.*", "vllm"]},
        "speech": {"requires": ["uvicorn"], "binary": "uvicorn"},
    }
    assert "gpumod refuses the whole file, and the service is missing" in result.stdout


def test_xinference_model(run_envbuild: CommandLine) -> None:
    """Packages come over; what only Xinference understands is explained, each entry once."""
    packages = [
        "transformers>=4.51",
        "#vllm_dependencies#",
        "#system_numpy#",
        'flash-attn ; #engine# == "vllm"',
        'sgl_kernel ; cuda_version < "13.0"',
        'uvloop ; sys_platform == "linux"',
    ]
    block = {"packages": packages, "index_url": "https://x.example/simple"}
    text = json.dumps({"model_name": "Qwen3.5 VL", "virtualenv": block})
    result = run_envbuild("import", write(run_envbuild, "qwen.json", text), check=True)
    assert drivers(run_envbuild) == {
        "qwen3-5-vl": {
            "requires": ["transformers>=4.51", "numpy", 'uvloop ; sys_platform == "linux"'],
            "inherit": {"python": "/usr/bin/python3", "packages": ["numpy"]},
        }
    }
    run_envbuild("show", check=True)
    for words in (
        "#vllm_dependencies#: it means what Xinference installs for the engine vllm; name the",
        "numpy: Xinference means its worker's own; let `inherit` name the Python",
        'flash-attn ; #engine# == "vllm": its marker is Xinference\'s own',
        'sgl_kernel ; cuda_version < "13.0": its marker is Xinference\'s own',
        "`index_url` names a place: declare it as an [[index]]",
    ):
        assert words in result.stdout


def test_xinference_model_for_an_engine(run_envbuild: CommandLine) -> None:
    """With an engine its entries count, without their marker, and those for other engines do not."""
    packages = [
        'vllm_dependencies ; #engine# == "vllm"',
        '#sglang_dependencies# ; #engine# == "SGLang"',
        'flash-attn>=2 ; #engine# == "vLLM" and sys_platform == "linux"',
        "#llama_cpp_dependencies#",
        "transformers>=4.51",
        "einops ; #model_engine# != 'vllm'",
        'timm ; #engine# == "Transformers" or #model_engine# == "vllm"',
    ]
    keys = {"packages": packages, "no_build_isolation": True, "index_strategy": "first-index"}
    text = json.dumps({"model_name": "qwen", "virtualenv": keys})
    file = write(run_envbuild, "qwen.json", text)
    result = run_envbuild("import", file, "--engine", "vllm", check=True)
    flash = 'flash-attn>=2 ; sys_platform == "linux"'
    required = ["vllm>=0.11.2", flash, "transformers>=4.51", "timm"]
    assert drivers(run_envbuild) == {"qwen": {"requires": required}}
    assert "`no_build_isolation` is not imported: say it for a package" in result.stdout
    assert "`index_strategy` is not imported: each package comes from one index" in result.stdout


def test_model_of_placeholders_alone(run_envbuild: CommandLine) -> None:
    """Where nothing can be carried over, the reasons are said all the same."""
    block = {"packages": ["#vllm_dependencies#"]}
    text = json.dumps({"model_name": "qwen", "virtualenv": block})
    result = run_envbuild("import", write(run_envbuild, "qwen.json", text))
    assert (result.code, "for the engine vllm" in result.stderr) == (2, True), result
