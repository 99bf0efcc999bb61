"""`envbuild import`: a declaration out of what people have."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support.imports import drivers, write
from tests.support.pythons import MINOR
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer


def test_requirements_in(run_envbuild: CommandLine) -> None:
    """Ranges, extras, markers, included files and bounds come over; the rest is named and left out."""
    write(run_envbuild, "base.in", "httpx<1\n-c bounds.txt\n")
    write(run_envbuild, "bounds.txt", "urllib3>=2.6.3  # older ones unpack without bounds\n")
    text = """\
-r base.in  # what all share
--no-binary black,:none:,Psycopg
--pre
--extra-index-url https://user:secret@packages.example.com/simple
--index-url=https://user:secret@packages.example.com/simple
faster-whisper>=1,<2   # the engine
uvicorn[standard] ; python_version >= "3.11"
./local/thing.whl
mine @ https://user:secret@example.com/mine.whl
"""
    file = write(run_envbuild, "asr.in", text)
    refused = run_envbuild("import", file)
    assert (
        refused.code,
        refused.stderr.count("error: asr.in: it cannot be imported completely: "),
    ) == (
        2,
        5,
    )
    assert ":secret" not in refused.stderr
    assert not (run_envbuild.cwd / "drivers.toml").exists()
    result = run_envbuild("import", file, "--partial", check=True)
    assert drivers(run_envbuild) == {
        "asr": {
            "requires": [
                "httpx<1",
                "faster-whisper>=1,<2",
                'uvicorn[standard] ; python_version >= "3.11"',
            ],
            "constraints": ["urllib3>=2.6.3"],
            "force-sdist": ["psycopg"],
        }
    }
    assert "asr: left out the option --extra-index-url: declare it as an [[index]]" in result.stdout
    assert "asr: left out the option --index-url: " in result.stdout
    assert "asr: left out the option --pre: allow pre-releases of a package" in result.stdout
    assert "asr: psycopg is built from source" in result.stdout
    assert "asr: left out ./local/thing.whl: there is no such file or folder" in result.stdout
    assert "asr: left out a requirement by URL: this file holds no secrets" in result.stdout
    assert ":secret" not in result.stdout


def test_a_name_for_several_drivers(run_envbuild: CommandLine, project: Path) -> None:
    """The first driver of each file gets it, further ones have their own words behind it."""
    (project / "Pipfile").write_text('[packages]\na = "*"\n[dev-packages]\nb = "*"\n')
    (project / "more.txt").write_text("c\n")
    run_envbuild("import", "Pipfile", "more.txt", "--name", "web", check=True)
    drivers = tomllib.loads((project / "drivers.toml").read_text())["drivers"]
    assert {name: one["requires"] for name, one in drivers.items()} == {
        "web": ["a", "c"],
        "web-dev": ["b"],
    }


def test_unknown_options_are_said(run_envbuild: CommandLine) -> None:
    """An option that nobody knows is named with its value, a terminal's escapes escaped; addresses are not shown."""
    text = "a\n--frobnicate \x1b[31mred\n--mirror=https://user:secret@packages.example.com/\n"
    file = write(run_envbuild, "app.txt", text)
    result = run_envbuild("import", file, "--partial", check=True)
    assert "app: left out the option --frobnicate " in result.stdout
    assert "app: left out the option --mirror\n" in result.stdout
    assert "\x1b" not in result.stdout
    assert "secret" not in result.stdout


def test_pip_list(run_envbuild: CommandLine) -> None:
    """What `pip list` prints is required exactly, and that is said."""
    text = "Package      Version\n------------ -------\nFaster_Whisper 1.2.1\nuvicorn      0.38.0\n"
    result = run_envbuild("import", write(run_envbuild, "asr.txt", text), check=True)
    assert drivers(run_envbuild)["asr"]["requires"] == ["faster-whisper==1.2.1", "uvicorn==0.38.0"]
    assert "does not say which packages were requested" in result.stdout


def test_dependency_groups(run_envbuild: CommandLine) -> None:
    """Each group is a driver, with the groups that it includes."""
    text = """\
[dependency-groups]
web = ["fastapi", "uvicorn>=0.30"]
asr = [{ include-group = "web" }, "faster-whisper"]
"""
    run_envbuild("import", write(run_envbuild, "pyproject.toml", text), check=True)
    assert drivers(run_envbuild) == {
        "web": {"requires": ["fastapi", "uvicorn>=0.30"]},
        "asr": {"requires": ["fastapi", "uvicorn>=0.30", "faster-whisper"]},
    }


def test_pipx_manifest(run_envbuild: CommandLine) -> None:
    """A tool of `pipx.toml` is a driver, its apps are its commands."""
    text = """\
[project]
name = "tools"
version = "1"
dependencies = []
[dependency-groups]
litellm = ["litellm[proxy]>=1.80"]
[tool.pipx]
version = "1.0"
[tool.pipx.tools.litellm]
apps = ["litellm", "litellm-proxy"]
"""
    run_envbuild("import", write(run_envbuild, "pipx.toml", text), check=True)
    assert drivers(run_envbuild) == {
        "litellm": {
            "requires": ["litellm[proxy]>=1.80"],
            "commands": ["litellm", "litellm-proxy"],
        }
    }


def test_comments_of_the_declaration_stay(run_envbuild: CommandLine) -> None:
    """What stands in the file already stays as it is, byte for byte."""
    text = 'version = 1  # one\n\n# a\n[drivers.a]\nrequires = [ "a" ] # b\n'
    run_envbuild.declare(text)
    run_envbuild("import", write(run_envbuild, "b.in", "b\n"), check=True)
    after = (run_envbuild.cwd / "drivers.toml").read_text()
    assert after == f'{text}\n[drivers.b]\nrequires = ["b"]\n'


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.in", "a\n", "the driver 'a' of a.in is declared already"),
        ("b.in", "# nothing\n", "nothing in it can be required"),
        ("b.cfg", "b\n", "this cannot be imported"),
        ("b.toml", "x = 1\n", "it has no [project] with dependencies, no [dependency-groups]"),
        ("b.toml", "[dependency-groups\n", "this is not TOML"),
        (
            "b.toml",
            '[dependency-groups]\na1 = [{include-group = "a1"}]\n',
            "includes itself: a1 → a1",
        ),
        ("b.toml", '[dependency-groups]\na1 = [{include-group = "z"}]\n', "there is no group 'z'"),
        (
            "b.yaml",
            "id: x\ndriver: llamacpp\n",
            "the preset is for llamacpp, which is not a Python driver",
        ),
        ("b.yaml", "a: b\n", "this cannot be imported"),
        ("b.json", "{", "this is not JSON"),
        ("b.json", "{}", "this cannot be imported"),
    ],
)
def test_refused(run_envbuild: CommandLine, name: str, text: str, said: str) -> None:
    """What is no driver is refused with its file, and nothing is written."""
    before = run_envbuild.declare('[drivers.a]\nrequires = ["a"]\n').read_text()
    result = run_envbuild("import", write(run_envbuild, name, text))
    assert (result.code, said in result.stderr) == (2, True), result
    assert (run_envbuild.cwd / "drivers.toml").read_text() == before
    assert not (run_envbuild.cwd / "locks").exists()


def test_a_declared_default_index_is_no_obstacle(run_envbuild: CommandLine) -> None:
    """The second file of a fleet names the index that the first one brought."""
    text = "a\n--index-url https://packages.example.com/simple\n"
    run_envbuild("import", write(run_envbuild, "one.in", text), check=True)
    result = run_envbuild("import", write(run_envbuild, "two.in", text), check=True)
    assert "left out" not in result.stdout
    assert set(drivers(run_envbuild)) == {"one", "two"}


def test_what_a_project_has_is_locked_as_it_was(
    run_envbuild: CommandLine, index: IndexServer
) -> None:
    """A project, the extra that is asked for, its own folder as a source, and the pins of its uv.lock."""
    for name, versions in (("base", ("1.0", "1.1")), ("more", ("2.0", "2.1"))):
        index.add(*(Wheel(name=name, version=version) for version in versions))
    write(
        run_envbuild,
        "pyproject.toml",
        """
[project]
name = "Site"
version = "1"
requires-python = ">=3.11"
dependencies = ["base>=1", "helper"]
optional-dependencies = { more = ["more"], other = ["nothing-that-is-there"] }
[tool.uv.sources]
helper = { path = "wheels/helper-1.0-py3-none-any.whl" }
""",
    )
    command_wheel("helper", "1.0").write(run_envbuild.cwd / "wheels")
    lock = """
version = 1
requires-python = ">=3.11"
[[package]]
name = "site"
version = "1"
source = { virtual = "." }
dependencies = [{ name = "base" }, { name = "helper" }]
[package.metadata]
requires-dist = [{ name = "base", specifier = ">=1" }, { name = "helper", path = "wheels/helper-1.0-py3-none-any.whl" }]
[[package]]
name = "base"
version = "1.0"
source = { registry = "https://packages.example.com/simple" }
[[package]]
name = "helper"
version = "1.0"
source = { path = "wheels/helper-1.0-py3-none-any.whl" }
"""
    write(run_envbuild, "uv.lock", lock)
    result = run_envbuild("import", "pyproject.toml", "uv.lock", "--extra", "More", check=True)
    assert drivers(run_envbuild) == {
        "site": {
            "requires": ["base>=1", "helper", "more"],
            "sources": {"helper": {"path": "wheels/helper-1.0-py3-none-any.whl"}},
        }
    }
    assert "site: extras that are not imported: other (--extra NAME)" in result.stdout
    run_envbuild("edit", "site", "python", f'"{MINOR}"', check=True)
    run_envbuild("edit", "site", "binary", "helper", check=True)
    locked = run_envbuild("lock", "-v", check=True)
    assert "base 1.0" in locked.stdout
    assert "more 2.1" in locked.stdout
