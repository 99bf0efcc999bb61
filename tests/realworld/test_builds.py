"""Packages of the index that come as source: built once, and locked where they are large."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import CommandLine, host_platform

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = [pytest.mark.index, pytest.mark.slow]

_PATIENCE = 1800.0
"""Seconds: flash-attn's METADATA needs a torch of several GB."""

WITHOUT_TORCH = "\"torch; python_version < '3'\", \"triton; python_version < '3'\""
"""Overrides that leave out gigabytes: whisper is built without them."""


@pytest.fixture
def patient(run_envbuild_online: CommandLine) -> CommandLine:
    """A command line that waits for downloads."""
    online = run_envbuild_online
    return CommandLine(cwd=online.cwd, env=online.env, timeout=_PATIENCE)


def test_whisper_is_built_once_for_two_drivers(
    patient: CommandLine, store: Path, project: Path, python_version: str
) -> None:
    """openai-whisper has no wheel: its build requirements are pinned, and both drivers have one wheel."""
    more = f'binary = "uvicorn"\nallow-sdist = ["openai-whisper"]\noverrides = [{WITHOUT_TORCH}]\n'
    patient.declare(
        f'[defaults]\npython = "{python_version}"\nplatforms = ["{host_platform()}"]\n'
        f'[drivers.one]\nrequires = ["openai-whisper", "uvicorn"]\n{more}'
        f'[drivers.two]\nrequires = ["openai-whisper", "uvicorn", "fastapi"]\n{more}'
    )
    patient("lock", check=True)
    for driver in ("one", "two"):
        (build,) = patient.lockfile(driver).builds
        assert build.package == "openai-whisper"
        assert any(file.name.startswith("setuptools-") for file in build.files)
    result = patient("sync", "-v", check=True)
    assert result.stderr.count("building openai-whisper") == 1
    (wheel,) = store.glob("cache/built/*/*.whl")
    assert wheel.name.startswith("openai_whisper-")
    patient("verify", check=True)


def test_flash_attn_is_locked_with_its_torch(
    patient: CommandLine, project: Path, python_version: str
) -> None:
    """Its build takes the driver's own torch, pinned with all that this needs; nothing is compiled."""
    patient.declare(
        '[build.flash-attn]\nrequires = ["torch"]\n'
        'env = { FLASH_ATTENTION_SKIP_CUDA_BUILD = "TRUE" }\n'
        f'[drivers.vision]\nrequires = ["flash-attn"]\nbinary = "torchrun"\n'
        f'python = "{python_version}"\nplatforms = ["x86_64-manylinux_2_28"]\n'
        'allow-sdist = ["flash-attn"]\n'
    )
    patient("lock", check=True)
    locked = patient.lockfile("vision")
    (build,) = locked.builds
    torch = next(package for package in locked.packages if package.name == "torch")
    names = [file.name for file in build.files]
    assert torch.files[0].name in names
    assert build.added == ("torch",)
    before = (project / "locks" / "vision.toml").read_bytes()
    patient("lock", "--upgrade-package", "einops", check=True)
    assert (project / "locks" / "vision.toml").read_bytes() == before
