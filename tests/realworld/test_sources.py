"""Real packages from git and by a module, and torch's own index; where one cannot be reached, the host's copy of it."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from envbuild.declaration.index import format_variable, index_variable
from envbuild.declaration.source import source_variable
from envbuild.declaration.torch_backend import backend_index_name
from envbuild.posix.process import SystemRunner
from envbuild.uv.addresses import ask_address
from tests.support.command_line import CommandLine, host_platform

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = [pytest.mark.index, pytest.mark.slow]

_PLUGGY = "https://github.com/pytest-dev/pluggy.git"
_TORCH_CPU = backend_index_name("cpu")
_SAID = {
    name: os.environ[name]
    for name in (
        source_variable("pluggy"),
        index_variable(_TORCH_CPU),
        format_variable(_TORCH_CPU),
    )
    if name in os.environ
}
"""Where this host has the repository and the index, read before tests lose the host's variables."""

_TORCH_PYTHON = os.environ.get("ENVBUILD_REALWORLD_TORCH_PYTHON", "3.12")
"""A Python that the index has a torch for."""


@pytest.fixture
def patient(run_envbuild_online: CommandLine) -> CommandLine:
    """A command line that waits for downloads, and knows where this host has sources and indexes."""
    online = run_envbuild_online
    return CommandLine(cwd=online.cwd, env={**online.env, **_SAID}, timeout=1800)


def declare(run: CommandLine, driver: str, python: str, more: str) -> None:
    """One driver for this host's processor."""
    head = f'[defaults]\npython = "{python}"\nplatforms = ["{host_platform()}"]\n'
    run.declare(f"{head}[drivers.{driver}]\n{more}")


def need(variable: str, *argv: str) -> None:
    """Skip where a place on the internet does not answer, and this host has not said another."""
    if variable in _SAID:
        return
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    if done.returncode:
        pytest.skip(f"NOT TESTED: ${variable} is not set, and {done.stderr.strip()[-200:]}")


def test_pluggy_from_git_has_the_version_of_its_tag(
    patient: CommandLine, project: Path, store: Path, python_version: str
) -> None:
    """Its real setuptools-scm reads the tag of the commit: locked, built once, the same in the environment."""
    variable = source_variable("pluggy")
    need(variable, "git", "ls-remote", "--exit-code", _PLUGGY, "refs/tags/1.6.0")
    source = f'[sources]\npluggy = {{ git = "{_PLUGGY}", tag = "1.6.0" }}\n'
    more = f'requires = ["pluggy", "pytest"]\nbinary = "pytest"\n{source}'
    declare(patient, "tests", python_version, more)
    patient("lock", check=True)
    lockfile = patient.lockfile("tests")
    pluggy = next(package for package in lockfile.packages if package.name == "pluggy")
    assert pluggy.version == "1.6.0"
    assert re.fullmatch(r"pluggy-1\.6\.0\.[0-9a-f]{40}\.tree", pluggy.files[0].name)
    (build,) = lockfile.builds
    assert any(file.name.startswith("setuptools_scm-") for file in build.files)
    assert "://" not in (project / "locks/tests.toml").read_text()
    patient("sync", check=True)
    (wheel,) = store.glob("cache/built/*/*.whl")
    assert wheel.name == "pluggy-1.6.0-py3-none-any.whl"
    site = next((store / "current/tests").glob("lib/python*/site-packages"))
    assert (site / "pluggy-1.6.0.dist-info").is_dir()
    assert "version = '1.6.0'" in (site / "pluggy/_version.py").read_text()
    assert "pytest" in patient("run", "tests", "--", "--version", check=True).stdout
    patient("verify", check=True)
    patient("lock", "--check", "--cross-check", check=True)


def test_sglang_by_its_module(patient: CommandLine, project: Path) -> None:
    """The module is looked for in the locked wheels, before gigabytes are installed; another one is refused."""
    more = 'requires = ["sglang==0.5.10.post1"]\nmodule = "sglang.{name}"\n'
    for name, code in (("launch_server", 0), ("launch_servers", 2)):
        declare(patient, "llm", "3.12", more.replace("{name}", name))
        result = patient("lock")
        assert result.code == code, result
    assert "sglang.launch_servers" in result.stderr, result
    assert any(package.name == "torch" for package in patient.lockfile("llm").packages)


def test_torch_of_its_own_index_without_cuda(
    patient: CommandLine, project: Path, scratch: Path
) -> None:
    """`torch-backend = "cpu"`, from where uv knows that it is or where the host says: locked, built and imported."""
    variable = index_variable(_TORCH_CPU)
    if variable not in _SAID:
        address = ask_address(SystemRunner(), "cpu")
        need(variable, "curl", "-fsS", "-m", "60", "-o", os.devnull, f"{address}/torch/")
    more = 'requires = ["torch"]\nmodule = "torch.utils.collect_env"\n'
    more += 'torch-backend = "cpu"\nimports = ["torch"]\n'
    declare(patient, "asr", _TORCH_PYTHON, more)
    patient("lock", check=True)
    packages = {package.name: package for package in patient.lockfile("asr").packages}
    assert packages["torch"].index == _TORCH_CPU
    assert packages["torch"].version.endswith("+cpu")
    assert packages["sympy"].index == "default"
    assert not any(name.startswith("nvidia-") for name in packages)
    text = (project / "locks/asr.toml").read_text()
    assert "://" not in text
    assert not any(place in text for place in _SAID.values())
    patient("sync", check=True)
    said = patient("run", "asr", check=True).stdout
    assert f"PyTorch version: {packages['torch'].version}\n" in said
