"""Which files of a host's site-packages belong to a distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.environment.host_files import files_digest, host_files

if TYPE_CHECKING:
    from pathlib import Path


def _place(root: Path, *files: str) -> None:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


@pytest.mark.parametrize(
    ("folder", "top_level", "files", "own"),
    [
        ("PyYAML-6.0.egg-info", "_yaml\nyaml\n", ("yaml/a.py", "_yaml/b.py"), {"a.py", "b.py"}),
        ("six-1.16.0.egg-info", "six\n", ("six.py", "sixty.py", "six.txt"), {"six.py"}),
        ("apt-2.egg-info", "apt_pkg\n", ("apt_pkg.cpython-311-x86_64-linux-gnu.so",), None),
        ("my_kit-1.0.dist-info", None, ("my_kit/a.py", "my_kit/__pycache__/a.pyc"), {"a.py"}),
        ("my_kit-1.0.dist-info", None, ("my_kit/a.py", "my_kit.libs/b.so"), {"a.py", "b.so"}),
    ],
)
def test_modules_without_a_record(
    tmp_path: Path, folder: str, top_level: str | None, files: tuple[str, ...], own: set[str] | None
) -> None:
    """What `top_level.txt` names, else what is called as the package: folders, modules, extensions, libraries."""
    _place(tmp_path, *files, "other/c.py")
    _place(tmp_path, f"{folder}/PKG-INFO")
    if top_level is not None:
        (tmp_path / folder / "top_level.txt").write_text(top_level)
    found = host_files(tmp_path / folder)
    assert found.unknown == ""
    names = {parts[-1] for parts in found.paths if parts[0] != folder}
    assert names == (own or set(files))


def test_an_old_egg_info_is_a_file(tmp_path: Path) -> None:
    """distutils wrote one file; the module that is called as the package belongs to it."""
    _place(tmp_path, "crcmod-1.7.egg-info", "crcmod/__init__.py")
    found = host_files(tmp_path / "crcmod-1.7.egg-info")
    assert found.paths == {("crcmod-1.7.egg-info",), ("crcmod", "__init__.py")}


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    """Another byte, another digest; the same bytes at another time, the same; bytecode does not count."""
    _place(tmp_path, "kit-1.0.egg-info/PKG-INFO", "kit/a.py")
    folder = tmp_path / "kit-1.0.egg-info"
    before = files_digest(folder)
    assert len(before) == 64
    _place(tmp_path, "kit/__pycache__/a.pyc", "kit/a.py")
    assert files_digest(folder) == before
    (tmp_path / "kit/a.py").write_text("x")
    assert files_digest(folder) != before


def test_what_two_distributions_name_is_neithers(tmp_path: Path) -> None:
    """Unless it is the same distribution twice, as Debian's cryptography is."""
    for name in ("lazr.uri-1.0", "lazr.rest-1.0", "crypto-38.0", "crypto"):
        _place(tmp_path, f"{name}.egg-info/PKG-INFO")
        top = name.partition("-")[0].partition(".")[0]
        (tmp_path / f"{name}.egg-info/top_level.txt").write_text(f"{top}\n")
    _place(tmp_path, "lazr/uri/a.py", "lazr/rest/b.py", "crypto/c.py")
    assert "'lazr' is a module of lazr.rest-1.0.egg-info too" in (
        host_files(tmp_path / "lazr.uri-1.0.egg-info").unknown
    )
    assert host_files(tmp_path / "crypto-38.0.egg-info").unknown == ""
    assert files_digest(tmp_path / "lazr.uri-1.0.egg-info") == ""
