"""Where pip-tools is, what belongs to it, and what is wrong with it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import HostError
from envbuild.piptools.tools import link_tools

if TYPE_CHECKING:
    from pathlib import Path

NEEDED = (
    "Requires-Dist: pip>=22\nRequires-Dist: click\nRequires-Dist: tomli; python_version < '3.11'\n"
)
EXTRA = "Requires-Dist: pytest; extra == 'testing'\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site-packages with pip-tools and what it needs, and something else; nothing else is installed."""
    install(tmp_path, "pip-tools", "7.5", "piptools", NEEDED + EXTRA)
    install(tmp_path, "pip", "25.1", "pip", "Requires-Python: >=3.9\n")
    install(tmp_path, "click", "8.1", "click")
    install(tmp_path, "torch", "2.8", "torch")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return tmp_path


def install(site: Path, name: str, version: str, package: str, more: str = "") -> None:
    """A distribution with one package."""
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    (site / info).mkdir()
    (site / info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}"
    )
    (site / info / "RECORD").write_text(
        f"{package}/__init__.py,,\n{info}/METADATA,,\n../../../bin/{package},,\n__pycache__/x.pyc,,\n"
    )
    (site / package).mkdir()
    (site / package / "__init__.py").touch()


def links(site: Path, python: str) -> set[str]:
    """The links that are made for a Python."""
    folder = site / f"links-{python}"
    folder.mkdir()
    link_tools(python, folder)
    assert all(link.resolve().parent == site for link in folder.iterdir())
    return {link.name for link in folder.iterdir()}


def refused(site: Path, python: str) -> str:
    """The message if nothing can be linked."""
    with pytest.raises(HostError) as caught:
        links(site, python)
    return str(caught.value)


def test_only_what_it_needs_is_linked(site: Path) -> None:
    """pip-tools and its requirements on that Python, no extra's, and nothing else that is installed."""
    assert {name for name in links(site, "3.12.1") if "." not in name} == {
        "piptools",
        "pip",
        "click",
    }


def test_what_only_one_python_needs(site: Path) -> None:
    """Markers are decided for the target's Python; what is missing for it is named."""
    assert "tomli, which pip-tools needs, is not installed" in refused(site, "3.10.4")
    install(site, "tomli", "2.0", "tomli")
    assert "tomli" in links(site, "3.10.5")
    assert "tomli" not in links(site, "3.12.1")


def test_missing(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pip-tools the message says what to install."""
    monkeypatch.setattr(sys, "path", [])
    message = refused(site, "3.12.1")
    assert "pip-tools is not installed beside envbuild" in message
    assert (
        f"install pip 25.1 or newer and pip-tools 7.5 or newer for the Python that runs envbuild: {sys.executable}"
        in message
    )


def test_too_old(site: Path) -> None:
    """A pip without what is needed is named, with the oldest version that has it."""
    info = site / "pip-25.1.dist-info"
    metadata = (info / "METADATA").read_text().replace("25.1", "22.3")
    (info / "METADATA").write_text(metadata)
    assert "pip 22.3 is too old to resolve: envbuild needs 25.1 or newer" in refused(site, "3.12.1")


def test_not_for_that_python(site: Path) -> None:
    """A Python that pip itself no longer runs on cannot be resolved for."""
    install(site, "tomli", "2.0", "tomli")
    message = refused(site, "3.8.18")
    assert "pip 25.1 does not run on Python 3.8.18: it needs Python >=3.9" in message
