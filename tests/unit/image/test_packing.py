"""The bytes of a layer."""

from __future__ import annotations

import io
import os
import tarfile
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import HostError
from envbuild.image.members import Member
from envbuild.image.packing import LAYER, pack_layer
from envbuild.release.compression import decompress

if TYPE_CHECKING:
    from pathlib import Path


def member(path: Path, name: str, content: bytes) -> Member:
    """A file on the disk that the image has under a name."""
    file = path / name.replace("/", "-")
    file.write_bytes(content)
    return Member(
        path=name,
        mode=0o444,
        source=str(file),
        size=len(content),
        sha256=sha256(content).hexdigest(),
        same=sha256(content).hexdigest(),
    )


def test_a_layer_says_nothing_of_the_host(scratch: Path) -> None:
    """No owner, no time but the one that was given, the digest of the tar and of the compressed bytes."""
    members = (
        Member(path="env", mode=0o555),
        member(scratch, "env/a", b"one\n"),
        member(scratch, "env/b", b"one\n"),
        Member(path="env/link", mode=0o777, target="a"),
    )
    packed = pack_layer(members, scratch / "layer", title="x", time=7)
    content = (scratch / "layer").read_bytes()
    assert packed.blob.media_type == LAYER
    assert (packed.blob.digest, packed.blob.size) == (
        f"sha256:{sha256(content).hexdigest()}",
        len(content),
    )
    plain = decompress(content, most=1 << 20)
    assert packed.diff_id == f"sha256:{sha256(plain).hexdigest()}"
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        entries = archive.getmembers()
        assert [(e.name, e.type, e.mode, e.mtime, e.uid, e.uname) for e in entries] == [
            ("env", tarfile.DIRTYPE, 0o555, 7, 0, ""),
            ("env/a", tarfile.REGTYPE, 0o444, 7, 0, ""),
            ("env/b", tarfile.LNKTYPE, 0o444, 7, 0, ""),
            ("env/link", tarfile.SYMTYPE, 0o777, 7, 0, ""),
        ]
        assert entries[2].linkname == "env/a"
    for source in scratch.glob("env-*"):
        os.utime(source, (99, 99))
    again = pack_layer(members, scratch / "again", title="x", time=7)
    assert again.blob == packed.blob


@pytest.mark.parametrize("change", [b"two\n", b"longer\n", None])
def test_a_changed_file_never_gets_into_an_image(scratch: Path, change: bytes | None) -> None:
    """What is not as its receipt says is named."""
    one = member(scratch, "env/a", b"one\n")
    (scratch / "env-a").unlink()
    if change is not None:
        (scratch / "env-a").write_bytes(change)
    with pytest.raises(HostError) as error:
        pack_layer((one,), scratch / "layer", title="x", time=0)
    assert str(scratch / "env-a") in str(error.value)
    assert "verify --repair" in str(error.value)


def test_long_and_foreign_names_keep_their_bytes(scratch: Path) -> None:
    """A name of more than a hundred characters, and one that is not ASCII."""
    name = f"env/{'ä' * 120}/{'x' * 200}"
    pack_layer((member(scratch, "env/q", b""),), scratch / "layer", title="x", time=0)
    source = member(scratch, "env/long", b"1")._replace(path=name)
    pack_layer((source,), scratch / "layer", title="x", time=0)
    plain = decompress((scratch / "layer").read_bytes(), most=1 << 20)
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        assert archive.getnames() == [name]
