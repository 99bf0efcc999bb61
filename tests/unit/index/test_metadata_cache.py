"""METADATA: found in wheels, parsed tolerantly, remembered by sha256."""

from __future__ import annotations

import io
import math
import zipfile
from typing import TYPE_CHECKING

import pytest

from envbuild.index.metadata_cache import MetadataCache
from envbuild.wheelcache.metadata import WheelMetadata, find_metadata, parse_metadata
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

SHA256 = "ab" * 32
VALUE = WheelMetadata(
    requires=("b>=1", "c; extra == 'x'"),
    requires_python=">=3.8",
    provides_extras=("x",),
    size=77,
)


def archive(*names: str, content: bytes = b"") -> io.BytesIO:
    """A zip archive with members of those names."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as target:
        for name in names:
            target.writestr(name, content)
    return stream


def test_a_wheel_gives_its_metadata() -> None:
    """What a wheel's METADATA says comes out as a value, in the order published."""
    wheel = Wheel(
        name="Acme.Core",
        requires=("b>=1", "c; extra == 'x'"),
        extras=("x",),
        requires_python=">=3.8",
    )
    content = find_metadata(io.BytesIO(wheel.to_bytes()), "acme-core")
    assert parse_metadata(content, "acme-core", 77) == VALUE


def test_addresses_are_left_out_and_folded_lines_joined() -> None:
    """A lockfile never holds an address, whatever a wheel asks for; a requirement is one line."""
    content = (
        b"Metadata-Version: 2.1\nName: a\nVersion: 1\n"
        b"Requires-Dist: b[x] @ git+https://host.example/b ; extra == 'dev'\n"
        b"Requires-Dist: c (>=1.0,\n  <2)\n\nThe description: https://a.example\n"
    )
    found = parse_metadata(content, "a", 1)
    assert found.requires == ('b[x]; extra == "dev"', "c (>=1.0, <2)")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has no Name"),
        (b"Name: other\nVersion: 1\n", "is that of 'other'"),
        (b"Name: a\nRequires-Dist: b >=> 1\n", "requires 'b >=> 1', which is not a valid"),
        (b"Name: a\nRequires-Dist: \xff\xfe\n", "Requires-Dist is not a text"),
    ],
)
def test_wrong_metadata_is_said_to_be_wrong(content: bytes, words: str) -> None:
    """METADATA that cannot be relied on is refused with a reason that fits into a message."""
    with pytest.raises(ValueError, match=words):
        parse_metadata(content, "a", 1)


@pytest.mark.parametrize(
    ("wheel", "words"),
    [
        (io.BytesIO(b"no zip at all"), "not a readable zip archive"),
        (io.BytesIO(b""), "not a readable zip archive"),
        (io.BytesIO(Wheel(name="a").to_bytes()[:-40]), "not a readable zip archive"),
        (archive("a/METADATA"), "has no METADATA of its package"),
        (archive("x/a-1.dist-info/METADATA"), "has no METADATA of its package"),
        (archive("b-1.dist-info/METADATA", "c-1.dist-info/METADATA"), "has no METADATA"),
        (archive("a-1.dist-info/METADATA", content=bytes(17 << 20)), "METADATA is too long"),
    ],
    ids=["no-zip", "empty", "truncated", "none", "deep", "of-others", "long"],
)
def test_a_broken_wheel_is_said_to_be_broken(wheel: io.BytesIO, words: str) -> None:
    """A wheel that cannot be read is a reason, never a traceback."""
    with pytest.raises(ValueError, match=words):
        find_metadata(wheel, "a")


def test_vendored_metadata_is_not_taken_for_the_packages() -> None:
    """Of several dist-info folders the package's own counts."""
    wheel = archive("b-1.dist-info/METADATA", "A-1.dist-info/METADATA")
    assert find_metadata(wheel, "a") == b""


def test_the_cache_remembers(tmp_path: Path) -> None:
    """What was read of a wheel once is not read again: it goes by the wheel's sha256."""
    cache = MetadataCache(folder=tmp_path)
    assert cache.get(SHA256) is None
    cache.put(SHA256, VALUE, lifetime=math.inf)
    later = MetadataCache(folder=tmp_path)
    assert cache.get(SHA256) == later.get(SHA256) == VALUE
    assert later.get("cd" * 32) is None
    assert [path.name for path in (tmp_path / "ab").iterdir()] == [f"{SHA256}.json"]


def test_what_only_an_index_said_lasts_as_long_as_it_says(tmp_path: Path) -> None:
    """And never where the clock has gone back."""

    def at(seconds: float) -> MetadataCache:
        return MetadataCache(folder=tmp_path, clock=lambda: 1000.0 + seconds)

    at(0.0).put(SHA256, VALUE, lifetime=60.0)
    for seconds, found in ((0.0, VALUE), (59.0, VALUE), (60.0, None), (-1.0, None)):
        assert at(seconds).get(SHA256) == found


def test_what_holds_for_no_time_lasts_for_one_command(tmp_path: Path) -> None:
    """An index that says nothing of it is asked again by the next one."""
    cache = MetadataCache(folder=tmp_path)
    cache.put(SHA256, VALUE, lifetime=0.0)
    assert cache.get(SHA256) == VALUE
    assert MetadataCache(folder=tmp_path).get(SHA256) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"format": 2}', b'{"format": 1, "size": "1"}', b"\xff"],
)
def test_a_corrupt_entry_counts_as_none(tmp_path: Path, content: bytes) -> None:
    """A cache that was cut off or is of another format is read anew, not believed."""
    MetadataCache(folder=tmp_path).put(SHA256, VALUE, lifetime=math.inf)
    (tmp_path / "ab" / f"{SHA256}.json").write_bytes(content)
    assert MetadataCache(folder=tmp_path).get(SHA256) is None


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    """Losing the cache costs time and nothing else."""
    (tmp_path / "file").touch()
    cache = MetadataCache(folder=tmp_path / "file")
    cache.put(SHA256, VALUE, lifetime=math.inf)
    assert cache.get(SHA256) == VALUE
    assert MetadataCache(folder=tmp_path / "file").get(SHA256) is None
