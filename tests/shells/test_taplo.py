"""taplo checks a declaration by the schema that its first line names."""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
from typing import TYPE_CHECKING

import pytest

from envbuild.commands.init import init

if TYPE_CHECKING:
    from pathlib import Path

TAPLO = shutil.which("taplo", path=sysconfig.get_path("scripts"))


def lint(file: Path) -> subprocess.CompletedProcess[str]:
    """What taplo says of a file."""
    assert TAPLO is not None
    argv = (TAPLO, "lint", file.name)
    return subprocess.run(argv, cwd=file.parent, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(TAPLO is None, reason="NOT TESTED: taplo is not installed")
def test_taplo_takes_what_init_writes_and_finds_mistakes(tmp_path: Path) -> None:
    """The schema is found beside the file, without network."""
    file = tmp_path / "drivers.toml"
    init(file)
    good = lint(file)
    assert good.returncode == 0, good.stderr
    file.write_text(file.read_text().replace("binary =", "binray ="))
    bad = lint(file)
    assert bad.returncode != 0
    assert "('binray' was unexpected)" in bad.stderr
