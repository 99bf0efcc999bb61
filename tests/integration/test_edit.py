"""`envbuild add`, `remove` and `edit`: the same file, with its comments and order."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

import pytest

from tests.support.pythons import MINOR

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine

FILE = """\
# The fleet.
version = 1

[defaults]  # for all
python = "3.12"

# Text generation.
[drivers.vllm]
requires = [
    "vllm==0.11.*",  # the engine
    # the caps
    "transformers>=4.55.2,<5",
    "huggingface-hub<1",
]
env = { B = "2", A = "1" }  # odd order

[drivers.asr]
binary = "uvicorn"   # aligned   by hand
requires = ["faster-whisper", "uvicorn[standard]"]

[[coexist]]
drivers = ["asr", "vllm"]
"""


def declaration(run: CommandLine) -> str:
    """The text as it is now."""
    return (run.cwd / "drivers.toml").read_text()


def test_add_to_a_list_of_lines(run_envbuild: CommandLine) -> None:
    """A new requirement gets a line of its own; every other byte stays."""
    run_envbuild.declare(FILE)
    result = run_envbuild("add", "vllm", "ninja>=1.11", check=True)
    assert declaration(run_envbuild) == FILE.replace(
        '    "huggingface-hub<1",\n', '    "huggingface-hub<1",\n    "ninja>=1.11",\n'
    )
    assert '+    "ninja>=1.11",' in result.stdout
    assert result.stdout.endswith("run `envbuild lock`, then `envbuild sync`\n")


def test_add_takes_the_place_of_the_same_package(run_envbuild: CommandLine) -> None:
    """A range on a package that is required already replaces it, where it stands."""
    run_envbuild.declare(FILE)
    run_envbuild("add", "vllm", "transformers>=4.57,<5", check=True)
    assert declaration(run_envbuild) == FILE.replace(
        '"transformers>=4.55.2,<5"', '"transformers>=4.57,<5"'
    )


def test_add_to_a_list_on_one_line(run_envbuild: CommandLine) -> None:
    """A short list stays on its line."""
    run_envbuild.declare(FILE)
    run_envbuild("add", "asr", "fastapi", check=True)
    assert declaration(run_envbuild) == FILE.replace(
        '"uvicorn[standard]"]', '"uvicorn[standard]", "fastapi"]'
    )


def test_add_begins_a_driver(run_envbuild: CommandLine) -> None:
    """A driver that is not declared is begun at the end of the file."""
    run_envbuild.declare(FILE)
    run_envbuild("add", "tts", "kokoro>=0.9", check=True)
    assert declaration(run_envbuild) == f'{FILE}\n[drivers.tts]\nrequires = ["kokoro>=0.9"]\n'


def test_add_begins_a_file(run_envbuild: CommandLine) -> None:
    """Without a file there is one afterwards, with the Pythons that this host has."""
    run_envbuild("add", "tts", "kokoro", check=True)
    begun = 'version = 1\n\n[drivers.tts]\nrequires = ["kokoro"]\npython = ['
    assert declaration(run_envbuild).startswith(begun)
    assert f'"{MINOR}"' in declaration(run_envbuild).removeprefix(begun)


def test_add_twice(run_envbuild: CommandLine) -> None:
    """What is said already is left alone."""
    run_envbuild.declare(FILE)
    result = run_envbuild("add", "vllm", "huggingface_hub<1", check=True)
    assert (declaration(run_envbuild), result.stdout) == (FILE, "drivers.toml needs no change\n")


def test_remove(run_envbuild: CommandLine) -> None:
    """A requirement goes, with its line; the comments of the others stay."""
    run_envbuild.declare(FILE)
    run_envbuild("remove", "vllm", "huggingface_hub", check=True)
    assert declaration(run_envbuild) == FILE.replace('    "huggingface-hub<1",\n', "")


def test_remove_a_driver(run_envbuild: CommandLine) -> None:
    """Without packages the driver goes; a rule that names it keeps the file from being written."""
    run_envbuild.declare(FILE)
    refused = run_envbuild("remove", "asr")
    assert (refused.code, "there is no driver 'asr'" in refused.stderr) == (2, True)
    assert declaration(run_envbuild) == FILE
    run_envbuild.declare(FILE.partition("[[coexist]]")[0])
    run_envbuild("remove", "asr", check=True)
    assert "asr" not in declaration(run_envbuild)
    assert "# odd order" in declaration(run_envbuild)


@pytest.mark.parametrize(
    ("key", "value", "before", "after"),
    [
        ("python", '["3.13", "3.12"]', "", 'python = ["3.13", "3.12"]\n'),
        ("python", "3.13", "", 'python = "3.13"\n'),
        ("enabled", "false", "", "enabled = false\n"),
        ("binary", "uvicorn2", 'binary = "uvicorn" ', 'binary = "uvicorn2" '),
        ("env.HF_HOME", "/data", "", 'env = { HF_HOME = "/data" }\n'),
        ("env.OMP_NUM_THREADS", "2", "", 'env = { OMP_NUM_THREADS = "2" }\n'),
        ("probe-timeout", "120", "", "probe-timeout = 120\n"),
    ],
)
def test_edit(run_envbuild: CommandLine, key: str, value: str, before: str, after: str) -> None:
    """A key is set in its place, or added to its table."""
    run_envbuild.declare(FILE)
    run_envbuild("edit", "asr", key, value, check=True)
    text = declaration(run_envbuild)
    assert after in text
    assert "   # aligned   by hand" in text
    assert run_envbuild("lock", "--check").code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("edit", "asr", "binnary", "x"), "unknown key"),
        (("edit", "asr", "python", "2.7"), "is not a supported Python version"),
        (("edit", "nothing", "python", "x"), "there is no driver 'nothing'"),
        (("add", "asr", "vllm=0.11"), "did you mean 'vllm==0.11'?"),
        (("add", "asr", "vllm=>0.11"), "did you mean 'vllm>=0.11'?"),
        (("add", "asr", "x @ https://example.com/x.whl"), "cannot be a URL"),
        (("add", "As R", "x"), "is not a driver's name"),
        (("remove", "asr", "torch"), "asr does not require torch"),
        (("remove", "asr", "uvicorn", "faster-whisper"), "asr would have no requirement left"),
        (("remove", "nothing"), "there is no driver 'nothing'"),
    ],
)
def test_refused(run_envbuild: CommandLine, words: tuple[str, ...], said: str) -> None:
    """What would be no declaration is refused, and the file is as it was."""
    run_envbuild.declare(FILE)
    result = run_envbuild(*words)
    assert (result.code, said in result.stderr) == (2, True), result
    assert declaration(run_envbuild) == FILE


def test_file_that_is_no_toml(run_envbuild: CommandLine) -> None:
    """A file that cannot be read is not written either."""
    run_envbuild.declare("version = 1\n[drivers.x\n")
    result = run_envbuild("add", "x", "y")
    assert (result.code, "this is not TOML" in result.stderr) == (2, True)


def test_mode_and_link_stay(run_envbuild: CommandLine) -> None:
    """A link to the file stays a link, the file keeps its mode."""
    real = run_envbuild.cwd / "real.toml"
    real.write_text(FILE)
    real.chmod(0o664)
    link = run_envbuild.cwd / "drivers.toml"
    link.symlink_to(real)
    run_envbuild("add", "asr", "fastapi", check=True)
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o664
    assert "fastapi" in real.read_text()


MIXED = """\
version = 1
[[index]]
name = "a"
path = "wheels"
packages = ["x"]

# Before the first driver.
[drivers.asr]   # speech
requires = [ "faster-whisper"   # the engine
           , "uvicorn" # the server
           ]

# A rule between drivers.
[[coexist]]
drivers = ["asr", "tts"]

# The voice.
[drivers.tts]
requires = ["kokoro"]
[drivers.tts.env]
A = "1"

# After the last driver.
[[agree]]
packages = ["x"]
"""


@pytest.mark.parametrize(
    ("words", "before", "after"),
    [
        (("edit", "asr", "enabled", "false"), "           ]\n", "           ]\nenabled = false\n"),
        (("edit", "tts", "env.B", "2"), 'A = "1"\n', 'A = "1"\nB = "2"\n'),
        (("edit", "tts", "python", "3.12"), '["kokoro"]\n', '["kokoro"]\npython = "3.12"\n'),
        (("edit", "tts", "env", "{ C = '3' }"), '[drivers.tts.env]\nA = "1"\n', 'env = {C = "3"}\n'),
        (("remove", "asr", "uvicorn"), "           , \"uvicorn\" # the server\n", "           ,  # the server\n"),
        (("add", "asr", "uvicorn>1"), '"uvicorn" #', '"uvicorn>1" #'),
        (
            ("add", "asr", "numpy"),
            '"uvicorn" # the server\n',
            '"uvicorn", # the server\n           "numpy"\n',
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_every_other_line_stays(
    run_envbuild: CommandLine, words: tuple[str, ...], before: str, after: str, line_end: str
) -> None:
    """Rules, indexes and comments between the drivers keep their places; so do the ends of lines."""
    (run_envbuild.cwd / "wheels").mkdir()
    file = run_envbuild.cwd / "drivers.toml"
    file.write_bytes(MIXED.replace("\n", line_end).encode())
    run_envbuild(*words, check=True)
    assert file.read_bytes().decode() == MIXED.replace(before, after).replace("\n", line_end)


def test_a_driver_goes_from_among_others(run_envbuild: CommandLine) -> None:
    """The driver goes with the tables in it; the comments around it stay."""
    (run_envbuild.cwd / "wheels").mkdir()
    text = MIXED.replace(', "tts"]', "]").replace('["asr"]', '["asr", "asr2"]')
    text = text.replace("[drivers.asr]", "[drivers.asr2]\nrequires = ['y']\n[drivers.asr]")
    run_envbuild.declare(text)
    run_envbuild("remove", "tts", check=True)
    gone = '[drivers.tts]\nrequires = ["kokoro"]\n[drivers.tts.env]\nA = "1"\n'
    assert declaration(run_envbuild) == text.replace(gone, "")


@pytest.mark.parametrize(
    ("text", "words", "after"),
    [
        (
            "[drivers]\nasr.requires = ['a']\nb.requires = ['b']\n",
            ("edit", "asr", "python", "3.12"),
            "[drivers]\nasr.requires = ['a']\nasr.python = \"3.12\"\nb.requires = ['b']\n",
        ),
        (
            "[drivers]\nasr.requires = ['a']\nb.requires = ['b']\n",
            ("remove", "asr"),
            "[drivers]\nb.requires = ['b']\n",
        ),
        (
            "drivers = { asr = { requires = ['a'] }, b = { requires = ['b'] } }\n",
            ("remove", "asr"),
            "drivers = { b = { requires = ['b'] } }\n",
        ),
        (
            "drivers = { asr = { requires = ['a'] } }\n",
            ("add", "b", "x"),
            "drivers = { asr = { requires = ['a'] }, b = { requires = [\"x\"] } }\n",
        ),
        (
            "drivers = { asr = { requires = ['a'] } }\n",
            ("edit", "asr", "env.A", "1"),
            "drivers = { asr = { requires = ['a'], env = { A = \"1\" } } }\n",
        ),
    ],
)
def test_drivers_without_headers(
    run_envbuild: CommandLine, text: str, words: tuple[str, ...], after: str
) -> None:
    """Keys with dots and inline tables are edited where they are."""
    run_envbuild.declare(f"version = 1\n{text}")
    run_envbuild(*words, check=True)
    edited = re.sub(r", python = \[[^]]*\]", "", declaration(run_envbuild))  # those of this host
    assert edited == f"version = 1\n{after}"


def test_a_problem_that_was_there_has_its_line_in_the_file(
    run_envbuild: CommandLine, project: Path
) -> None:
    """Nothing is written, so that lines of the new text would be somebody else's."""
    text = (
        'version = 1\n[drivers.a]\nrequires = ["a"]\n[drivers.b]\nrequires = ["b"]\nbinray = "b"\n'
    )
    (project / "drivers.toml").write_text(text)
    done = run_envbuild("edit", "a", "launch.port", "8000")
    assert done.code == 2
    assert "drivers.toml:6: drivers.b.binray: unknown key" in done.stderr
    assert (project / "drivers.toml").read_text() == text
