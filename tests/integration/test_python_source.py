"""`python-source = "store"`: a Python that the distribution cannot take away."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.python_mirror import mirror
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.index_server import IndexServer

__all__ = ["mirror"]


def _declare(run: CommandLine, python: str, *lines: str) -> None:
    own = "".join(f"{line}\n" for line in ('python-source = "store"', *lines))
    run.declare(declare_drivers({"web": ["web"]}, python=python) + own)


@pytest.fixture
def web(run_envbuild: CommandLine, index: IndexServer, python_version: str) -> CommandLine:
    """A driver with a Python of the store, locked."""
    index.add(command_wheel("web", "1.0"))
    _declare(run_envbuild, python_version)
    run_envbuild("lock", check=True)
    return run_envbuild


def test_it_is_installed_kept_and_noticed(
    web: CommandLine, store: Path, mirror: dict[str, str | None], python_version: str
) -> None:
    """By uv from a folder; gc keeps it while it is in use, verify sees when it is gone, sync brings it back.

    The host's own Python of the same version is not taken.
    """
    web("sync", env=mirror, check=True)
    manifest = json.loads((store / "current/manifest.json").read_text())
    binary = (store / "current/web/bin/python").resolve()
    assert binary.is_relative_to(store / "pythons")
    assert manifest["drivers"]["web"]["python_version"].startswith(python_version)
    assert web("sync", check=True).stdout.startswith("nothing to do")
    web("gc", "--keep", "1", "--wait", check=True)
    assert binary.exists()
    assert "all as built" in web("verify", check=True).stdout
    shutil.rmtree(binary.parent.parent)
    found = web("verify", "--quick", "--format", "json")
    assert [finding["code"] for finding in found.json["findings"]] == ["interpreter"]
    assert web("sync", env=mirror, check=True).stdout.startswith("nothing to do")
    assert binary.exists()
    assert "all as built" in web("verify", "--repair", check=True).stdout


def test_a_mirror_on_this_host_serves_offline(
    web: CommandLine, store: Path, mirror: dict[str, str | None]
) -> None:
    """`--offline` forbids the network, which a folder does not need; here only the wheel is missing then."""
    result = web("sync", "--offline", env=mirror)
    assert result.code == 4, str(result)
    assert "is not in the cache, and nothing is downloaded offline" in result.stderr
    assert list((store / "pythons").glob("cpython-*"))


@pytest.mark.parametrize(
    ("lines", "options", "words"),
    [
        (("python-downloads = false",), (), "`python-downloads = false` forbids the download"),
        ((), ("--offline",), "nothing is downloaded offline"),
    ],
)
def test_without_a_download_there_is_none(
    web: CommandLine,
    python_version: str,
    lines: tuple[str, ...],
    options: tuple[str, ...],
    words: str,
) -> None:
    """The host's Pythons do not count: exit 5, with the line of the mirror's variable."""
    _declare(web, python_version, *lines)
    web("lock", check=True)
    result = web("sync", *options)
    assert result.code == 5, str(result)
    assert f"there is no Python {python_version} in the store, and {words}" in result.stderr
    assert "$ENVBUILD_PYTHON_MIRROR" in result.stderr


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("MIRROR", "mirror", "is neither an absolute path nor a URL"),
        ("MIRROR", "ftp://packages.example.com", "is neither an absolute path nor a URL"),
        ("MIRROR", "/nowhere", "names no folder: /nowhere"),
        ("LIST", "/tmp", "names no file: /tmp"),
    ],
)
def test_a_wrong_variable_is_named(web: CommandLine, variable: str, value: str, words: str) -> None:
    """Exit 2 before anything is downloaded."""
    result = web("sync", env={f"ENVBUILD_PYTHON_{variable}": value})
    assert result.code == 2, str(result)
    assert f"$ENVBUILD_PYTHON_{variable}: {words}" in result.stderr


def test_a_damaged_mirror_installs_nothing(
    web: CommandLine, store: Path, mirror: dict[str, str | None], scratch: Path
) -> None:
    """Bytes that are not those of the list: exit 5 with uv's words, and no Python in the store."""
    archive = next((scratch / "mirror").glob("*/*.tar.gz"))
    archive.write_bytes(archive.read_bytes()[:-1] + b"x")
    result = web("sync", env=mirror)
    assert result.code == 5, str(result)
    assert "the download failed" in result.stderr
    assert not list((store / "pythons").glob("cpython-*"))


def test_a_wrong_value_is_refused(web: CommandLine, python_version: str) -> None:
    """With file, line, key and what can be written."""
    web.declare(declare_drivers({"web": ["web"]}, python=python_version) + 'python-source = "uv"\n')
    result = web("check")
    assert result.code == 2
    assert "drivers.web.python-source: 'uv' is neither 'host' nor 'store'" in result.stderr
