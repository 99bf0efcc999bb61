"""`export gpumod`, read by gpumod's own commands, its units judged by systemd-analyze."""

from __future__ import annotations

import sqlite3
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.launchers.tools import tool, verify_unit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.launchers.conftest import Fleet

PRESET = """\
id: qwen
name: Qwen
driver: vllm
port: 7071
vram_mb: 1000
model_id: Qwen/Qwen3-0.6B
unit_vars:
  vllm_bin: /opt/venvs/vllm-0.10/bin/vllm
  max_model_len: 4096
"""
SPEECH = "id: speech\nname: Speech\ndriver: fastapi\nport: 7072\nvram_mb: 10\n"


class Gpumod:
    """gpumod with a database and presets of its own."""

    def __init__(self, home: Path) -> None:
        self.command = tool("gpumod", "gpumod")
        self.presets = home / "presets"
        self.presets.mkdir()
        (home / "modes").mkdir()
        self.env = {
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "GPUMOD_DB_PATH": str(home / "gpumod.db"),
            "GPUMOD_PRESETS_DIR": str(self.presets),
            "GPUMOD_MODES_DIR": str(home / "modes"),
        }
        self("init")

    def __call__(self, *words: str, code: int = 0) -> str:
        """Run a gpumod command."""
        argv = (str(self.command), *words)
        done = subprocess.run(argv, env=self.env, cwd="/", capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def unit(self, service: str, folder: Path) -> Path:
        """The unit that gpumod renders."""
        unit = folder / f"{service}.service"
        self("template", "generate", service, "-o", str(unit))
        return unit


@pytest.fixture
def gpumod(fleet: Fleet) -> Gpumod:
    """A gpumod of the test's own."""
    home = fleet.folder / "gpumod"
    home.mkdir()
    return Gpumod(home)


def patched(fleet: Fleet, *words: str) -> str:
    """The preset with the export merged in, as its first line says."""
    preset: Any = yaml.safe_load(PRESET)
    text = fleet.files("gpumod", "vllm", *words)["vllm.preset.yaml"]
    for key, values in yaml.safe_load(text).items():
        preset[key] = {**preset.get(key, {}), **values}
    return yaml.safe_dump(preset)


@pytest.mark.parametrize("how", ["--stable", "--exact"])
def test_unit_starts_the_driver(fleet: Fleet, gpumod: Gpumod, how: str) -> None:
    """gpumod renders a unit that starts the driver's binary, and systemd accepts it."""
    (gpumod.presets / "qwen.yaml").write_text(patched(fleet, how))
    gpumod("preset", "sync")
    unit = gpumod.unit("qwen", fleet.folder)
    text = unit.read_text()
    entry = fleet.entry("vllm")
    binary = entry["stable_binary" if how == "--stable" else "binary"]
    assert f"ExecStart={binary} serve" in text
    check = next(line for line in text.splitlines() if line.startswith("ExecStartPre="))
    unit.write_text(text.replace("ExecStartPre=gpumod", f"ExecStartPre={gpumod.command}"))
    assert "doctor venv --service-id qwen" in check
    assert verify_unit(unit) == (0, "")


@pytest.mark.parametrize("how", ["--stable", "--exact"])
def test_doctor_finds_the_environment_good(fleet: Fleet, gpumod: Gpumod, how: str) -> None:
    """`gpumod doctor venv` finds the environment behind the path, and its packages in range."""
    (gpumod.presets / "qwen.yaml").write_text(patched(fleet, how))
    gpumod("preset", "sync")
    gpumod("doctor", "venv", "--service-id", "qwen")


def test_doctor_would_notice_drift(fleet: Fleet, gpumod: Gpumod) -> None:
    """The check above fails where a range excludes what is installed."""
    preset = yaml.safe_load(patched(fleet))
    preset["compat"]["transformers"] = ">=5"
    (gpumod.presets / "qwen.yaml").write_text(yaml.safe_dump(preset))
    gpumod("preset", "sync")
    assert "[DRIFT] transformers" in gpumod("doctor", "venv", "--service-id", "qwen", code=1)


def test_drop_in_for_a_fastapi_service(fleet: Fleet, gpumod: Gpumod) -> None:
    """gpumod's fastapi unit has no key for the binary; with the drop-in it starts the driver."""
    (gpumod.presets / "speech.yaml").write_text(SPEECH)
    gpumod("preset", "sync")
    unit = gpumod.unit("speech", fleet.folder)
    fleet.export("gpumod", "asr", "--unit", str(unit), "--out", str(fleet.folder))
    text = (fleet.folder / "speech.service.d" / "50-envbuild.conf").read_text()
    binary = fleet.entry("asr")["stable_binary"]
    assert f"ExecStart=\nExecStart={binary} main:app --port 7072 --host 0.0.0.0\n" in text
    assert verify_unit(unit) == (0, "")


def test_doctor_finds_a_service_of_another_command(fleet: Fleet, gpumod: Gpumod) -> None:
    """A fastapi service with `compat` passes the check that its unit runs first, with the exported preset."""
    preset: Any = yaml.safe_load(SPEECH) | yaml.safe_load(
        fleet.files("gpumod", "asr")["asr.preset.yaml"]
    )
    (gpumod.presets / "speech.yaml").write_text(yaml.safe_dump(preset))
    gpumod("preset", "sync")
    assert "doctor venv" in gpumod.unit("speech", fleet.folder).read_text()
    gpumod("doctor", "venv", "--service-id", "speech")


def test_settings_are_the_global_default(fleet: Fleet, gpumod: Gpumod) -> None:
    """gpumod renders the exported path for a service that names no command; a second run replaces the first."""
    sql = fleet.files("gpumod", "--settings", "vllm", "asr")["gpumod.settings.sql"]
    with sqlite3.connect(gpumod.env["GPUMOD_DB_PATH"]) as database:
        database.executescript(sql)
        database.executescript(sql)
        rows = database.execute("SELECT key, value FROM settings WHERE key LIKE '%_bin'").fetchall()
    stable = {driver: fleet.entry(driver)["stable_binary"] for driver in ("vllm", "asr")}
    assert dict(rows) == {"vllm_bin": stable["vllm"], "uvicorn_bin": stable["asr"]}
    result = fleet.export("gpumod", "worker", "--settings", check=False)
    assert (
        result.code,
        "no driver has a command that gpumod has a setting for" in result.stderr,
    ) == (2, True)


def test_patch_is_the_declaration(fleet: Fleet) -> None:
    """The patch has the stable path and the ranges that `drivers.toml` declares."""
    (text,) = fleet.files("gpumod", "vllm").values()
    assert yaml.safe_load(text) == {
        "unit_vars": {"vllm_bin": f"{fleet.store}/current/vllm/bin/vllm"},
        "compat": {"huggingface-hub": "<1", "transformers": "<5,>=4.55.2", "vllm": "==0.11.*"},
    }


def test_check_reads_presets(fleet: Fleet) -> None:
    """A preset with hand-made paths is out of date, with each key; the merged one is not."""
    file = fleet.folder / "qwen.yaml"
    file.write_text(PRESET)
    result = fleet.export("gpumod", "--check", str(file), check=False)
    assert result.code == 1
    stable = f"{fleet.store}/current/vllm/bin/vllm"
    old = "/opt/venvs/vllm-0.10/bin/vllm"
    assert f"  unit_vars.vllm_bin: is {old}, would be {stable}\n" in result.stdout
    preset = yaml.safe_load(patched(fleet))
    preset["compat"]["transformers"] = ">=4.55.2,<5"  # the same range, otherwise put
    file.write_text(yaml.safe_dump(preset))
    assert fleet.export("gpumod", "--check", str(file)).stdout == f"{file}: up to date\n"


def test_wrong_nesting_of_the_documents(fleet: Fleet, gpumod: Gpumod) -> None:
    """`extra_config.unit_vars`, as gpumod's guide has it, loses the service; `--check` says so."""
    text = PRESET.replace("unit_vars:", "extra_config:\n unit_vars:")
    (gpumod.presets / "qwen.yaml").write_text(text)
    assert "extra_config\n  Extra inputs are not permitted" in gpumod("preset", "sync")
    assert "No services" in gpumod("service", "list")
    result = fleet.export("gpumod", "--check", str(gpumod.presets / "qwen.yaml"), check=False)
    assert result.code == 1
    assert "extra_config: gpumod refuses the whole preset for this key" in result.stdout


def test_preset_that_is_no_yaml(fleet: Fleet) -> None:
    """A preset that cannot be read is named with its line."""
    file = fleet.folder / "x.yaml"
    file.write_text("a: b\nc: [\n")
    result = fleet.export("gpumod", "vllm", "--check", str(file), check=False)
    assert (result.code, f"{file}:3: this is not YAML" in result.stderr) == (2, True), result
