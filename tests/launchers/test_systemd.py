"""`export systemd`, judged by systemd-analyze."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import UsageError
from envbuild.launchers.formats.systemd import parse_exec_start, quote
from envbuild.launchers.unit_file import parse_unit
from tests.launchers.conftest import DRIVERS, declare_launch
from tests.launchers.tools import verify_unit

if TYPE_CHECKING:
    from tests.launchers.conftest import Fleet

UNIT = """\
[Unit]
Description=speech
[Service]
ExecStart=/opt/old/venv/bin/uvicorn \\
    app:main \\
    --port 8000 --log-config "a b.json"
"""


def test_template_verifies_for_every_driver(fleet: Fleet) -> None:
    """systemd accepts the template for each driver, whatever its command is called, and its line starts it."""
    fleet.export("systemd", "--out", str(fleet.folder))
    template = (fleet.folder / "envbuild@.service").read_text()
    for driver in DRIVERS:
        unit = fleet.folder / f"envbuild@{driver}.service"
        unit.write_text(template)
        assert verify_unit(unit) == (0, ""), driver
        (started,) = parse_unit(template, name=unit.name) or ()
        done = subprocess.run((started.executable,), env={}, capture_output=True, text=True)
        assert json.loads(done.stdout)["prefix"] == fleet.entry(driver)["environment"]


def test_verify_notices_a_missing_binary(fleet: Fleet) -> None:
    """The check above would fail if the shim were not there."""
    fleet.export("systemd", "--out", str(fleet.folder))
    unit = fleet.folder / "envbuild@nothing.service"
    unit.write_text((fleet.folder / "envbuild@.service").read_text())
    assert verify_unit(unit)[0] != 0


@pytest.mark.parametrize("how", ["--stable", "--exact"])
def test_drop_in_replaces_the_command(fleet: Fleet, how: str) -> None:
    """With the drop-in a unit whose venv is gone starts the driver, with the arguments it had."""
    unit = fleet.folder / "speech.service"
    unit.write_text(UNIT)
    assert verify_unit(unit)[0] != 0
    fleet.export("systemd", "asr", how, "--unit", str(unit), "--out", str(fleet.folder))
    text = (fleet.folder / "speech.service.d" / "50-envbuild.conf").read_text()
    entry = fleet.entry("asr")
    binary = entry["stable_binary" if how == "--stable" else "binary"]
    wanted = f'ExecStart=\nExecStart={binary} app:main --port 8000 --log-config "a b.json"\n'
    assert wanted in text
    assert verify_unit(unit) == (0, "")


def test_drop_ins_of_launch(fleet: Fleet) -> None:
    """systemd accepts the drop-ins of the template and of plain units; GPU drivers start by port."""
    fleet.export("systemd", *declare_launch(fleet), "--out", str(fleet.folder))
    template = (fleet.folder / "envbuild@.service").read_text()
    for driver in DRIVERS:
        for unit in (f"envbuild@{driver}.service", f"{driver}.service"):
            (fleet.folder / unit).write_text(template.replace("%i", driver))
            assert verify_unit(fleet.folder / unit) == (0, ""), unit
    text = (fleet.folder / "envbuild@asr.service.d" / "50-envbuild.conf").read_text()
    assert "[Unit]\nAfter=envbuild@vllm.service\n" in text
    assert "Wants" not in text
    text = (fleet.folder / "worker.service.d" / "50-envbuild.conf").read_text()
    assert "[Unit]\nAfter=asr.service\nWants=asr.service\n" in text
    text = (fleet.folder / "vllm.service.d" / "50-envbuild.conf").read_text()
    assert text.count("ExecStartPost=") == 1
    assert 'vllm serve "a model" --x=100%% $$HOME\n' in text


def test_a_unit_of_its_own_is_not_asked(fleet: Fleet) -> None:
    """With `--unit` the arguments are the unit's, and so is the port."""
    unit = fleet.folder / "speech.service"
    unit.write_text(UNIT)
    launched = declare_launch(fleet)
    (text,) = fleet.files("systemd", "vllm", "--unit", str(unit), *launched).values()
    assert "app:main --port 8000" in text
    assert "ExecStartPost" not in text


def test_a_start_is_over_when_the_service_is_well(fleet: Fleet) -> None:
    """The script of `ExecStartPost=` waits for the health path, and fails when the service is gone."""
    launched = declare_launch(fleet)
    text = fleet.files("systemd", "vllm", *launched)["envbuild@vllm.service.d/50-envbuild.conf"]
    line = next(line for line in text.splitlines() if line.startswith("ExecStartPost="))
    shell, option, script = shlex.split(line.partition("=")[2])
    script = script.replace("$$", "$").replace("%%", "%")
    assert "http://127.0.0.1:8000/health?a=1&b=%20" in script
    tried = fleet.folder / "tried"
    asks = re.compile(r"until .* 2>")
    counted = f"until (echo >>{tried}; test $(wc -l <{tried}) -ge 2) 2>"
    argv = (shell, option, asks.sub(counted, script))
    env = {"PATH": os.defpath, "MAINPID": str(os.getpid())}
    assert subprocess.run(argv, env=env, timeout=60).returncode == 0
    assert tried.read_text() == "\n\n"
    gone = subprocess.Popen(("true",))
    gone.wait()
    argv = (shell, option, asks.sub("until false 2>", script))
    assert subprocess.run(argv, env={**env, "MAINPID": str(gone.pid)}, timeout=60).returncode != 0


def test_unit_is_for_one_driver(fleet: Fleet) -> None:
    """Whose command a unit is to get has to be said."""
    unit = fleet.folder / "speech.service"
    unit.write_text(UNIT)
    result = fleet.export("systemd", "--unit", str(unit), check=False)
    assert (result.code, "--unit is for one driver" in result.stderr) == (2, True)


def test_arguments_are_words_for_themselves(fleet: Fleet) -> None:
    """Specifiers, variables, blanks and quotes of arguments reach the driver as they are."""
    text = fleet.files("systemd", "asr", "--arguments", """a%b '$HOME x' 'say "y"' 'c\\d'""")
    conf = text["asr.service.d/50-envbuild.conf"]
    assert conf.endswith("""uvicorn a%%b "$$HOME x" "say \\"y\\"" "c\\\\d"\n""")


def test_control_characters_are_refused() -> None:
    """A line end in an argument would begin another key of the unit."""
    with pytest.raises(UsageError, match="control characters"):
        quote("a\nExecStartPre=/bin/rm")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[Service]\n", "no ExecStart="),
        ('[Service]\nExecStart="/a b" c\n', "a drop-in cannot keep"),
    ],
)
def test_units_that_cannot_be_read(text: str, words: str) -> None:
    """A unit whose arguments cannot be found is refused rather than guessed at."""
    with pytest.raises(UsageError, match=words):
        parse_exec_start(text, file="x.service")


def test_last_command_counts() -> None:
    """As in systemd, an empty ExecStart= takes away what stood before."""
    text = "[Service]\nExecStart=/a --old\nExecStart=\nExecStart=-/b --new %i\n"
    assert parse_exec_start(text, file="x") == "--new %i"
