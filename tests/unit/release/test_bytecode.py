"""Bytecode as a layer: deterministic, and nothing but bytecode comes out of one."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from envbuild.release.bytecode import PackedModules, keep_entry, pack, pack_entry, unpack
from envbuild.release.compression import compress, decompress
from envbuild.wheelcache.entries import Entries

if TYPE_CHECKING:
    from pathlib import Path

LONG = f"{'long/' * 40}__pycache__/ü.cpython-312.pyc"
MODULES = PackedModules(
    facts={"failed": [["a/bad.py", "SyntaxError: x"]], "absent": ["b.py"]},
    files=(
        ("a/__pycache__/b.cpython-312.pyc", b"code"),
        ("__pycache__/c.cpython-312.pyc", b"more"),
        (LONG, b""),
    ),
)


def test_a_layer_gives_the_modules_back() -> None:
    """Order, content and facts come back; the same modules are the same bytes."""
    assert unpack(pack(MODULES), "cpython-312") == MODULES
    assert pack(MODULES) == pack(MODULES)


def test_an_entry_goes_from_cache_to_cache(tmp_path: Path) -> None:
    """What one host has compiled is linked on another as if it had compiled it."""
    one, two = Entries(tmp_path / "one"), Entries(tmp_path / "two")
    assert one.is_usable()
    assert two.is_usable()
    keep_entry(one, "wheel", MODULES)
    content = pack_entry(one, "wheel")
    assert content == pack(MODULES)
    keep_entry(two, "wheel", unpack(content, "cpython-312"))
    assert pack_entry(two, "wheel") == content
    assert [mode & 0o777 for mode in _modes(two)] == [0o444] * 3


def _modes(entries: Entries) -> list[int]:
    return [(entries.folder("wheel") / str(number)).stat().st_mode for number in range(3)]


def test_a_changed_entry_is_not_packed(tmp_path: Path) -> None:
    """A publisher whose cache was tampered with publishes none of it."""
    entries = Entries(tmp_path)
    assert entries.is_usable()
    keep_entry(entries, "wheel", MODULES)
    file = entries.folder("wheel") / "0"
    file.chmod(0o644)
    file.write_bytes(b"evil")
    assert pack_entry(entries, "wheel") is None
    assert pack_entry(entries, "other") is None


def packed(*members: tarfile.TarInfo, facts: bytes | None = b"{}") -> bytes:
    """A layer with these members, each of one byte."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        if facts is not None:
            head = tarfile.TarInfo("facts.json")
            head.size = len(facts)
            archive.addfile(head, io.BytesIO(facts))
        for member in members:
            member.size = 1 if member.isreg() else 0
            archive.addfile(member, io.BytesIO(b"x"))
    return compress(made.getvalue())


def link() -> tarfile.TarInfo:
    """A link out of the folder."""
    made = tarfile.TarInfo("__pycache__/a.cpython-312.pyc")
    made.type, made.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return made


FINE = tarfile.TarInfo("__pycache__/a.cpython-312.pyc")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no zstd",
        compress(b"no tar") * 2,
        compress(b"x" * 1000)[:-4],
        packed(FINE, facts=None),
        packed(FINE, facts=b"[]"),
        packed(FINE, facts=b"{"),
        packed(facts=b'{"absent": [1]}'),
        packed(facts=b'{"failed": [1]}'),
        packed(FINE, FINE),
        packed(link()),
        packed(tarfile.TarInfo("../__pycache__/a.cpython-312.pyc")),
        packed(tarfile.TarInfo("a/../__pycache__/a.cpython-312.pyc")),
        packed(tarfile.TarInfo("/__pycache__/a.cpython-312.pyc")),
        packed(tarfile.TarInfo("__pycache__/a.cpython-311.pyc")),
        packed(tarfile.TarInfo("a.py")),
        packed(tarfile.TarInfo("evil.pth")),
    ],
)
def test_anything_else_is_refused(content: bytes) -> None:
    """A layer is bytecode of this interpreter below site-packages, whole, and each path once."""
    with pytest.raises(ValueError):  # noqa: PT011  (each has its own words)
        unpack(content, "cpython-312")


def test_a_bomb_does_not_fill_the_memory() -> None:
    """A small frame with an endless content is refused at the limit."""
    with pytest.raises(ValueError, match="more than 1 MiB"):
        decompress(compress(b"\0" * (64 << 20)), most=1 << 20)
