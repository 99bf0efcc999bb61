"""Archives of others: what is written, and what is refused."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from envbuild.posix.unpacking import unpack_tar

if TYPE_CHECKING:
    from pathlib import Path

FILE, LINK, HARD, FOLDER = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE


def unpack(
    folder: Path,
    *entries: tuple[str, bytes, str],
    mode: int = 0o640,
    time: float = 0,
    top: str = "",
) -> Path:
    """A folder in which an archive with these names, kinds, and texts or targets was unpacked."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, text in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.mtime = kind, mode, time
            if kind == FILE:
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text.encode()))
            else:
                entry.linkname = text
                archive.addfile(entry)
    into = folder / "into"
    into.mkdir()
    with tarfile.open(fileobj=io.BytesIO(content.getvalue()), mode="r:*") as archive:
        unpack_tar(archive, into, most_bytes=1 << 20, most_files=100, top=top)
    return into


def test_files_folders_and_links_are_written(tmp_path: Path) -> None:
    """Links of both kinds too, in whatever order they come."""
    into = unpack(
        tmp_path,
        ("./a/link", LINK, "deep/file"),
        ("./a/deep/file", FILE, "text"),
        ("./a/hard", HARD, "./a/deep/file"),
        ("./a/empty", FOLDER, ""),
        ("./a/up", LINK, "../a/deep"),
    )
    assert (into / "a/link").read_text() == (into / "a/hard").read_text() == "text"
    assert (into / "a/empty").is_dir()
    assert (into / "a/up/file").read_text() == "text"


def test_the_later_of_two_files_counts(tmp_path: Path) -> None:
    """As `tar` has it."""
    into = unpack(tmp_path, ("a/x", FILE, "a long first one"), ("a/x", FILE, "second"))
    assert (into / "a/x").read_text() == "second"


@pytest.mark.parametrize(
    ("mode", "kept"), [(0o6777, 0o755), (0o100, 0o755), (0o666, 0o644), (0, 0o644)]
)
def test_modes_are_plain(tmp_path: Path, mode: int, kept: int) -> None:
    """Executable or not, and nothing else of it."""
    assert (
        unpack(tmp_path, ("a/x", FILE, ""), mode=mode).joinpath("a/x").stat().st_mode & 0o7777
        == kept
    )


@pytest.mark.parametrize(
    ("time", "kept"), [(1_600_000_000, 1_600_000_000), (0, 315_532_800), (1e20, (1 << 32) - 1)]
)
def test_times_stay_where_a_zip_archive_can_have_them(
    tmp_path: Path, time: float, kept: int
) -> None:
    """`make` decides by them what it makes again."""
    assert (
        int(unpack(tmp_path, ("a/x", FILE, ""), time=time).joinpath("a/x").stat().st_mtime) == kept
    )


@pytest.mark.parametrize(
    "entries",
    [
        [("../x", FILE, "")],
        [("a/../../x", FILE, "")],
        [("/x", FILE, "")],
        [("a/x", LINK, "/etc/passwd")],
        [("a/x", LINK, "../../x")],
        [("x", LINK, "..")],
        [("a/x", HARD, "../x")],
        [("a/x", HARD, "a/y")],
        [("a/x", LINK, "y"), ("a/h", HARD, "a/x")],
        [("a/x", tarfile.FIFOTYPE, "")],
        [("a/x", tarfile.CHRTYPE, "")],
        [("a/d/l", LINK, "../.."), ("a/d/l/m", LINK, "../../x")],
        [("a/l", LINK, ".."), ("a/l/y", FILE, "")],
        [("a/x", FILE, ""), ("a/x/y", FILE, "")],
        [("a/x", FOLDER, ""), ("a/x", FILE, "")],
        [("a/" + "n" * 300, FILE, "")],
        [(f"a/{number}", FILE, "") for number in range(101)],
        [("a/x", FILE, "x" * ((1 << 20) + 1))],
    ],
    ids=lambda entries: " ".join(
        f"{name[:9]}{kind.decode()}{to[:9]}" for name, kind, to in entries
    )[:60],
)
def test_what_leaves_the_folder_or_never_ends_is_refused(
    tmp_path: Path, entries: list[tuple[str, bytes, str]]
) -> None:
    """Before anything is written elsewhere."""
    with pytest.raises((ValueError, tarfile.TarError)):
        unpack(tmp_path, *entries)
    assert [path.name for path in tmp_path.iterdir()] == ["into"]


def test_one_folder_can_be_asked_for(tmp_path: Path) -> None:
    """What lies beside it is refused, and so is a link to that."""
    with pytest.raises(ValueError, match="outside"):
        unpack(tmp_path, ("b/x", FILE, ""), top="a")
    (tmp_path / "into").rmdir()
    with pytest.raises(ValueError, match="outside"):
        unpack(tmp_path, ("a/x", LINK, "../b"), top="a")
