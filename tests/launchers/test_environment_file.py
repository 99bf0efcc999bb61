"""`export env` and `export flox`: the same file read by systemd, sh and flox's rules alike."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import UsageError
from envbuild.launchers.formats.env import env_lines
from tests.launchers.tools import verify_unit

if TYPE_CHECKING:
    from tests.launchers.conftest import Fleet

FLOX_LINE = re.compile(r"(?:export )?([A-Za-z_][A-Za-z0-9_]*)=([^'\"\s\\$`]*)")
"""What flox's env-file parser takes without a doubt: `[export ]KEY=VALUE`, the value unquoted.

Its code is not on a registry, so its rules stand here as they were tried.
"""


def test_sh_reads_what_is_written(fleet: Fleet) -> None:
    """`sh` that sources the file has just the values of the manifest."""
    fleet.export("env", "--out", str(fleet.folder))
    script = '. ./envbuild.env; printf "%s\\n" "$VLLM_BIN" "$VLLM_PYTHON" "$VLLM_VERSION"'
    done = subprocess.run(
        ("/bin/sh", "-euc", script), cwd=fleet.folder, env={}, capture_output=True, text=True
    )
    entry = fleet.entry("vllm")
    assert done.stdout.splitlines() == [entry["binary"], entry["python"], "0.11.0"]


def test_flox_rules(fleet: Fleet) -> None:
    """Every line is a comment or an assignment that flox's parser takes."""
    (text,) = fleet.files("env").values()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines
    assert all(FLOX_LINE.fullmatch(line) for line in lines)


@pytest.mark.parametrize(
    "value", ["a b", "it's", 'a"b', "a$b", "a`b", "a\\b", "a\nb", "a;b", "ä", ""]
)
def test_values_that_need_quotes_are_refused(value: str) -> None:
    """Readers differ about quotes, so what would need them is refused."""
    with pytest.raises(UsageError, match="without quotes"):
        list(env_lines([("X", value)]))


def test_systemd_reads_what_is_written(fleet: Fleet) -> None:
    """A unit with this EnvironmentFile and an ExecStart out of it is accepted."""
    fleet.export("env", "--out", str(fleet.folder))
    unit = fleet.folder / "x.service"
    unit.write_text(
        f"[Service]\nEnvironmentFile={fleet.folder}/envbuild.env\n"
        f"ExecStart={fleet.entry('vllm')['binary']} serve\n"
    )
    assert verify_unit(unit) == (0, "")


def test_flox_hook_puts_the_environment_first(fleet: Fleet) -> None:
    """After the hook has run, `vllm` on PATH is the driver, and runs under its own name."""
    (text,) = fleet.files("flox", "vllm").values()
    hook = text.split("'''")[1]
    done = subprocess.run(
        ("/bin/sh", "-euc", f"{hook}\ncommand -v vllm; exec vllm --version"),
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == [fleet.entry("vllm")["binary"], "vllm 0.11.0"]
