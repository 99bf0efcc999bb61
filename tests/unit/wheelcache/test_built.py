"""Built wheels in a store: found by their build's key or by their sha256, and never changed unnoticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.lockfile.lockfile import ChosenFile
from envbuild.wheelcache.built import BuiltWheels

if TYPE_CHECKING:
    from pathlib import Path

KEY, OTHER = "a" * 64, "b" * 64
NAME = "svc-1.0-py3-none-any.whl"


@pytest.fixture
def built(tmp_path: Path) -> BuiltWheels:
    """A store's wheels, with one of them."""
    wheel = tmp_path / NAME
    wheel.write_bytes(b"a wheel")
    found = BuiltWheels(tmp_path / "built")
    with found.making(KEY):
        found.put(KEY, wheel)
    wheel.unlink()
    return found


def chosen(sha256: str, name: str = NAME) -> ChosenFile:
    """A locked wheel."""
    return ChosenFile(
        package="svc", version="1.0", index="default", file=name, sha256=sha256, size=7
    )


def test_a_wheel_is_found_by_its_build(built: BuiltWheels) -> None:
    """With its name, its size and its digest."""
    found = built.get(KEY)
    assert found is not None
    assert (found.name, found.size, found.key) == (NAME, 7, KEY)
    assert built.get(OTHER) is None
    assert tuple(built.all()) == (found,)


def test_a_wheel_is_found_by_its_digest(built: BuiltWheels, tmp_path: Path) -> None:
    """As a place of wheels, for a lockfile that names it."""
    found = built.get(KEY)
    assert found is not None
    path = built.fetch(chosen(found.sha256), tmp_path)
    assert path is not None
    assert path.read_bytes() == b"a wheel"
    assert built.fetch(chosen(OTHER), tmp_path) is None
    assert built.fetch(chosen(found.sha256, "other.whl"), tmp_path) is None


@pytest.mark.parametrize("content", [b"another", b"", b"a wheel and more"])
def test_a_changed_wheel_is_none(built: BuiltWheels, content: bytes) -> None:
    """What somebody wrote over it is not installed: it is built again."""
    path = built.root / KEY / NAME
    path.chmod(0o600)
    path.write_bytes(content)
    assert built.get(KEY) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "../x.whl", "sha256": "a", "size": 1}'])
def test_damaged_facts_are_none(built: BuiltWheels, text: str) -> None:
    """And the wheel is built again over them."""
    (built.root / KEY / "wheel.json").write_text(text)
    assert built.get(KEY) is None
    assert tuple(built.all()) == ()


def test_only_what_nobody_needs_is_unused(built: BuiltWheels) -> None:
    """An environment needs the build's key, or the wheel itself; leftovers are unused in any case."""
    found = built.get(KEY)
    assert found is not None
    left = built.root / f".{OTHER}.1234"
    left.mkdir()
    assert list(built.unused({KEY})) == [left]
    assert list(built.unused({found.sha256})) == [left]
    assert list(built.unused({OTHER})) == [left, built.root / KEY]
