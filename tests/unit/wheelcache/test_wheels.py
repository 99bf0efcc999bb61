"""Unpacked wheels that are linked: two processes come to what one does."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.posix.process import SystemRunner
from envbuild.posix.second_process import SecondProcesses
from envbuild.wheelcache.entries import Entries
from envbuild.wheelcache.unpacked_wheel import Script, WheelFacts
from envbuild.wheelcache.wheels import WheelLinks

if TYPE_CHECKING:
    from collections.abc import Mapping

WHEELS = tuple(letter * 64 for letter in "abcdefgh")


class Cache:
    """Unpacked wheels with their bytecode, and environments that link them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in WHEELS:
            facts = WheelFacts(
                dist_info=f"{name[0]}-1.dist-info",
                minor="",
                scripts=(Script(path=f"../bin/{name[0]}", mode=0o755, parts=("#!", "/x\n")),),
                record=(f"{name[0]}/__init__.py,,", 0),
            )
            files = {f"{name[0]}/__init__.py": b"x = 1\n", f"{name[0]}/\udcff\n.py": name.encode()}
            self._make("wheels", name, files, facts.as_json())
            compiled = {f"{name[0]}/__pycache__/__init__.pyc": b"compiled"}
            self._make("bytecode", name, compiled, {"failed": [], "absent": [f"{name[0]}/gone.py"]})

    def links(self, environment: str) -> WheelLinks:
        """Into an environment of this name."""
        site_packages = self.root / environment / "lib"
        site_packages.mkdir(parents=True)
        return WheelLinks(
            wheels=self.root / "wheels",
            bytecode=self.root / "bytecode",
            site_packages=site_packages,
            environment=b"/its/own/path",
            minor="3.12",
        )

    def content(self, environment: str) -> dict[str, tuple[int, bytes]]:
        """Inode (0 for what is written anew) and content by path."""
        folder = self.root / environment
        files = [path for path in folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)): _look(path) for path in files}

    def _make(
        self, cache: str, name: str, files: Mapping[str, bytes], facts: Mapping[str, object]
    ) -> None:
        entries = Entries(self.root / cache)
        assert entries.is_usable()
        with entries.making(name):
            scratch = entries.begin(name)
            for number, content in enumerate(files.values()):
                (scratch / str(number)).write_bytes(content)
            entries.publish(name, scratch, [(path, "0" * 64) for path in files], facts)


def _look(path: Path) -> tuple[int, bytes]:
    status = path.stat()
    return (status.st_ino if status.st_nlink > 1 else 0), path.read_bytes()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """Eight wheels."""
    return Cache(tmp_path)


def test_two_processes_come_to_what_one_does(cache: Cache, tmp_path: Path) -> None:
    """The same files, the same scripts, the same result for each wheel, a missing one among them."""
    names = (*WHEELS, "0" * 64)
    alone = cache.links("one").link(iter(names))
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with SecondProcesses(SystemRunner(), 1).start(lock) as second:
            parts = second.divide(cache.links("two").link, names)
    finally:
        os.close(lock)
    assert len(parts) == 2
    assert parts[0] | parts[1] == alone
    assert alone["0" * 64] is None
    assert cache.content("two") == cache.content("one")
    assert len(cache.content("two")) == 5 * len(WHEELS)


def test_a_result_is_pickled_whole(cache: Cache) -> None:
    """Also where something was in a file's place, so that fewer files are linked than the table has."""
    links = cache.links("env")
    there = Path(links.site_packages, "a/__init__.py")
    there.parent.mkdir()
    there.write_text("somebody's")
    found = links.link(iter(WHEELS))
    first = found[WHEELS[0]]
    assert first is not None
    assert [file.path for file in first.linked.met] == ["a/__init__.py"]
    assert pickle.loads(pickle.dumps(found)) == found
