"""What lies in the folder of lockfiles before `envbuild lock`: stale, edited, damaged, newer or of nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.commands.lock import check_locks
from envbuild.errors import (
    HostError,
    NewerFormatError,
)
from envbuild.value import replace
from tests.support.locking import FakeIndex, content, lock
from tests.support.values import make_declaration, make_driver

if TYPE_CHECKING:
    from envbuild.lockfile.folder import LockFolder

ASR = make_driver("asr")


GATEWAY = make_driver("gateway")


@pytest.mark.parametrize("damage", [b"edited = 1\n", b"<<<<<<< ours\n", b"\xff\xfe"])
def test_a_damaged_lockfile_is_locked_anew(
    folder: LockFolder, index: FakeIndex, damage: bytes
) -> None:
    """`lock` is the way out of an edit or a merge conflict, as the message of the others says."""
    lock(folder, index, ASR)
    before = content(folder, "asr")
    (folder.path / "asr.toml").write_bytes(before + damage)
    result = lock(folder, index, ASR)
    assert content(folder, "asr") == before
    assert not result.drivers[0].fresh


def test_a_newer_format_is_never_overwritten(folder: LockFolder, index: FakeIndex) -> None:
    """An older envbuild does not undo what a newer one wrote; every such lockfile is named."""
    lock(folder, index, ASR, GATEWAY)
    for driver in folder.drivers():
        path = folder.path / f"{driver}.toml"
        path.write_bytes(path.read_bytes().replace(b"format = 1", b"format = 2"))
    before = content(folder, "asr")
    with pytest.raises(NewerFormatError) as caught:
        lock(folder, index, ASR, GATEWAY)
    assert [problem.file for problem in caught.value.problems] == [
        "locks/asr.toml",
        "locks/gateway.toml",
    ]
    assert content(folder, "asr") == before


def test_a_format_that_is_none_is_locked_anew(folder: LockFolder, index: FakeIndex) -> None:
    """A file that was emptied, or never was a lockfile, is no newer format."""
    folder.path.mkdir()
    (folder.path / "asr.toml").write_bytes(b"")
    assert lock(folder, index, ASR).exit_code == 0
    assert folder.read("asr") is not None


def test_checking_says_what_is_stale_and_writes_nothing(
    folder: LockFolder, index: FakeIndex
) -> None:
    """`lock --check` is exit code 1 with the reasons, and asks no index."""
    lock(folder, index, ASR)
    changed = replace(ASR, version_of="idna")
    declaration = make_declaration(changed, GATEWAY)
    before = content(folder, "asr")
    result = check_locks(declaration, folder, ())
    assert result.exit_code == 1
    assert [(d.driver, d.reasons) for d in result.drivers] == [
        ("asr", ("version-of: asr became idna",)),
        ("gateway", ("there is no lockfile",)),
    ]
    assert content(folder, "asr") == before
    assert folder.drivers() == ("asr",)


def test_checking_a_fresh_fleet_is_exit_code_0(folder: LockFolder, index: FakeIndex) -> None:
    """A pull request that changes no declaration passes, and each lockfile's digest is known."""
    lock(folder, index, ASR)
    result = check_locks(make_declaration(ASR), folder, ())
    assert result.exit_code == 0
    stored = folder.read("asr")
    assert stored is not None
    assert result.drivers[0].digest == stored.digest


def test_an_edited_lockfile_is_stale_to_the_check(folder: LockFolder, index: FakeIndex) -> None:
    """CI notices a lockfile that somebody changed by hand."""
    lock(folder, index, ASR)
    (folder.path / "asr.toml").write_bytes(content(folder, "asr") + b"# a word\n")
    result = check_locks(make_declaration(ASR), folder, ())
    assert result.exit_code == 1
    assert "its digest does not match" in result.drivers[0].reasons[0]


def test_lockfiles_of_nobody_are_told(folder: LockFolder, index: FakeIndex) -> None:
    """A driver that was removed leaves its lockfile, which is said and not deleted."""
    lock(folder, index, ASR, GATEWAY)
    result = lock(folder, index, ASR)
    assert result.undeclared == ("locks/gateway.toml",)
    assert folder.drivers() == ("asr", "gateway")


def test_a_folder_that_cannot_be_written_is_a_host_error(
    folder: LockFolder, index: FakeIndex
) -> None:
    """Where the folder would be, there is a file: said with the lockfile's name."""
    folder.path.write_bytes(b"")
    with pytest.raises(HostError, match=r"locks/asr\.toml: cannot"):
        lock(folder, index, ASR)


def test_another_drivers_lockfile_is_none(folder: LockFolder, index: FakeIndex) -> None:
    """A lockfile that was copied under another driver's name is not that driver's."""
    lock(folder, index, ASR)
    (folder.path / "gateway.toml").write_bytes(content(folder, "asr"))
    result = check_locks(make_declaration(ASR, GATEWAY), folder, ("gateway",))
    assert result.drivers[0].reasons == ("the lockfile belongs to asr",)
