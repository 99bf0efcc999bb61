"""`export requirements`, `pylock`, `cyclonedx` and `llmhop`: the lockfile in other tools' own formats."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from envbuild.uv.executable import base_arguments, uv_executable

if TYPE_CHECKING:
    from pathlib import Path

    from tests.launchers.conftest import Fleet

VLLM = {"vllm": "0.11.0", "transformers": "4.57.6", "huggingface-hub": "0.36.0", "tqdm": "4.67.1"}
IMAGE = "docker.example/base@sha256:" + "a" * 64


def uv(*words: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run uv as a user would, in a scratch folder; the value is what it printed."""
    argv = (uv_executable(), *words, *base_arguments())
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def venv(fleet: Fleet) -> Path:
    """An empty venv on the interpreter that the fleet is locked for."""
    folder = fleet.folder / "venv"
    uv("venv", "--python", sys.executable, str(folder), cwd=fleet.folder)
    return folder


def installed(fleet: Fleet, folder: Path) -> dict[str, str]:
    """What a venv has, by name."""
    listed = uv(
        "pip", "list", "--format", "json", "--python", str(folder / "bin/python"), cwd=fleet.folder
    )
    return {item["name"]: item["version"] for item in json.loads(listed)}


def export(fleet: Fleet, format_: str) -> str:
    """Write the format for vllm; the value is the file's path."""
    return fleet.export(format_, "vllm", "--out", str(fleet.folder)).stdout.strip()


@pytest.mark.parametrize("format_", ["requirements", "pylock"])
def test_uv_installs_it(fleet: Fleet, format_: str) -> None:
    """`uv pip sync` installs just the locked versions, each file's hash checked."""
    file, folder = export(fleet, format_), venv(fleet)
    python = str(folder / "bin/python")
    hashes = ["--require-hashes", "--default-index", fleet.index.url]
    more = hashes if format_ == "requirements" else ["--preview-features", "pylock"]
    uv("pip", "sync", "--python", python, *more, file, cwd=fleet.folder)
    assert installed(fleet, folder) == VLLM


@pytest.mark.parametrize("format_", ["requirements", "pylock"])
def test_pip_installs_it(fleet: Fleet, format_: str) -> None:
    """`pip install --require-hashes -r` and `pip install -r pylock.toml` take it."""
    pip = pytest.importorskip("pip", reason="NOT TESTED: pip is not installed beside the tests")
    if format_ == "pylock" and int(pip.__version__.split(".")[0]) < 26:
        pytest.skip(f"NOT TESTED: pip {pip.__version__} does not know pylock.toml")
    file, folder = export(fleet, format_), venv(fleet)
    more = ["--require-hashes"] if format_ == "requirements" else []
    argv = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install"]
    argv += ["--index-url", fleet.index.url, "--no-deps", *more, "-r", file]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=fleet.folder)
    assert done.returncode == 0, done.stderr
    assert installed(fleet, folder) == VLLM


def test_changed_wheel_is_refused(fleet: Fleet) -> None:
    """The hashes in the requirements are the locked ones: another wheel is not installed."""
    file, folder = export(fleet, "requirements"), venv(fleet)
    text = (fleet.folder / "requirements.vllm.txt").read_text()
    digest = text.split("tqdm==4.67.1")[1].split("sha256:")[1][:64]
    (fleet.folder / "requirements.vllm.txt").write_text(text.replace(digest, "0" * 64))
    argv = [uv_executable(), "pip", "sync", "--python", str(folder / "bin/python"), file]
    argv += ["--require-hashes", "--default-index", fleet.index.url, *base_arguments()]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=fleet.folder)
    assert done.returncode != 0
    assert "Hash mismatch" in done.stderr


def test_cyclonedx_is_valid(fleet: Fleet) -> None:
    """The document is valid by the schema of CycloneDX 1.6, read strictly."""
    pytest.importorskip("cyclonedx", reason="NOT TESTED: cyclonedx-python-lib is not installed")
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    (text,) = fleet.files("cyclonedx", "vllm").values()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None


def test_cyclonedx_says_what_is_known(fleet: Fleet) -> None:
    """Versions, sha256, licences as METADATA has them, and who needs what are all there."""
    (text,) = fleet.files("cyclonedx", "vllm").values()
    document: Any = json.loads(text)
    components = {item["name"]: item for item in document["components"]}
    assert {name: item["version"] for name, item in components.items()} == VLLM
    assert all(len(item["hashes"][0]["content"]) == 64 for item in components.values())
    assert components["transformers"]["licenses"] == [{"expression": "Apache-2.0"}]
    assert components["huggingface-hub"]["licenses"] == [{"license": {"name": "Apache 2"}}]
    needs = {item["ref"]: item["dependsOn"] for item in document["dependencies"]}
    assert needs["pkg:pypi/vllm@0.11.0"] == ["pkg:pypi/tqdm@4.67.1", "pkg:pypi/transformers@4.57.6"]
    assert len(needs["driver:vllm"]) == 3


def test_workspace_gives_the_same_versions(fleet: Fleet) -> None:
    """`uv sync --frozen` of the workspace for llmhop's mkUvEnv installs just what is locked."""
    fleet.export("llmhop", "vllm", "--image", IMAGE, "--out", str(fleet.folder))
    workspace = fleet.folder / "vllm"
    before = (workspace / "uv.lock").read_text()
    uv("sync", "--frozen", "--python", sys.executable, cwd=workspace)
    assert installed(fleet, workspace / ".venv") == VLLM
    assert (workspace / "uv.lock").read_text() == before


def test_workspace_lock_is_up_to_date(fleet: Fleet) -> None:
    """uv finds nothing to change in the `uv.lock` that comes with the `pyproject.toml`."""
    fleet.export("llmhop", "vllm", "--image", IMAGE, "--out", str(fleet.folder))
    words = ("lock", "--check", "--default-index", fleet.index.url, "--python", sys.executable)
    uv(*words, cwd=fleet.folder / "vllm")
