"""How a folder becomes a store, and which one cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from envbuild.errors import HostError, UsageError
from envbuild.posix.abilities import SCRATCH
from envbuild.store.guard import MARKER
from envbuild.store.marker import check_environment_path, check_store_path
from envbuild.store.store import Store
from tests.support.plain_user import as_plain_user


@pytest.fixture
def made(store: Path) -> Store:
    """A store that has been prepared."""
    found = Store(root=store)
    found.prepare()
    return found


def test_a_folder_becomes_a_store(store: Path) -> None:
    """Preparing makes the folder with all that lies in it, and doing it again changes nothing."""
    found = Store(root=store)
    assert not found.exists()
    found.prepare()
    assert found.exists()
    before = {path: path.lstat().st_mtime_ns for path in store.rglob("*")}
    found.prepare()
    assert {path: path.lstat().st_mtime_ns for path in store.rglob("*")} == before


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_preparing_leaves_the_umask_as_it_was(store: Path, mask: int) -> None:
    """What the process makes afterwards has the modes that its user wants."""
    before = os.umask(mask)
    try:
        Store(root=store).prepare()
    finally:
        left = os.umask(before)
    assert left == mask


@pytest.mark.parametrize("name", ["notes.txt", ".git", "current", "pythons"])
def test_a_folder_with_other_things_is_no_store(store: Path, name: str) -> None:
    """Somebody's files are never mixed with a store, and nothing of them is touched."""
    store.mkdir()
    (store / name).write_text("mine")
    with pytest.raises(HostError, match="has other files and is not a store"):
        Store(root=store).prepare()
    assert [path.name for path in store.iterdir()] == [name]
    assert (store / name).read_text() == "mine"


def test_what_another_command_tries_there_is_no_other_thing(store: Path) -> None:
    """Commands that make the store at the same time each try its file system; a killed one leaves its folder."""
    (store / f"{SCRATCH}x").mkdir(parents=True)
    Store(root=store).prepare()
    assert (store / MARKER).is_file()


def test_an_empty_folder_may_become_a_store(store: Path) -> None:
    """A folder that an administrator made beforehand is taken."""
    store.mkdir(mode=0o750)
    Store(root=store).prepare()
    assert Store(root=store).exists()


def test_a_store_may_be_a_link(store: Path, scratch: Path) -> None:
    """The path stays what the user said; where it leads is the host's affair."""
    (scratch / "real").mkdir()
    store.symlink_to("real")
    found = Store(root=store)
    found.prepare()
    assert (scratch / "real" / MARKER).is_file()
    assert str(found.environment("x")) == f"{store}/envs/x"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format": 2}', "format 2 is newer"),
        ('{"format": 99, "more": 1}', "format 99 is newer"),
        ("", "marker is damaged"),
        ("{}", "marker is damaged"),
    ],
)
def test_a_store_of_another_format_is_refused(made: Store, text: str, message: str) -> None:
    """An older envbuild does not write into what a newer one made."""
    (made.root / MARKER).write_text(text)
    with pytest.raises(HostError, match=message) as caught:
        made.prepare()
    assert caught.value.problems[0].file == str(made.root / MARKER)


def test_a_file_in_the_way_is_a_host_error(store: Path) -> None:
    """Where the store would be, there is a file: said in words."""
    store.write_text("")
    with pytest.raises(HostError, match="cannot write the store"):
        Store(root=store).prepare()


def test_a_store_that_cannot_be_written_says_whose_it_is(made: Store) -> None:
    """A user without rights is told what to do, and nothing is changed."""
    made.root.chmod(0o555)

    def prepare() -> None:
        with pytest.raises(HostError) as caught:
            made.prepare()
        assert "run as the user who owns the store" in (caught.value.problems[0].hint or "")

    assert as_plain_user(made.root, prepare) == 0
    made.root.chmod(0o755)


def test_a_store_below_a_folder_of_others_cannot_be_made(scratch: Path) -> None:
    """A path where the user may not make anything is a host error, not a bug."""
    closed = scratch / "closed"
    closed.mkdir(mode=0o555)

    def prepare() -> None:
        with pytest.raises(HostError, match="cannot write the store"):
            Store(root=closed / "deep" / "store").prepare()

    assert as_plain_user(closed, prepare) == 0


@pytest.mark.parametrize(
    "path",
    [
        "/srv/with blank",
        "/srv/ü",
        "/srv/%i",
        "/srv/a:b",
        "/srv/a\nb",
        '/srv/"',
        "/srv/$HOME",
        "/s'",
    ],
)
def test_a_path_that_units_cannot_carry_is_refused(path: str) -> None:
    """Odd characters are said at once, and not by systemd at three in the morning."""
    with pytest.raises(UsageError, match="characters that unit files cannot carry"):
        check_store_path(Path(path))


@pytest.mark.parametrize("path", ["opt-envbuild", "a-b_c.d+e/F1"])
def test_letters_digits_and_a_few_signs_are_accepted(scratch: Path, path: str) -> None:
    """A store below such a path is made."""
    root = scratch / path
    Store(root=root).prepare()
    assert (root / MARKER).is_file()


def test_a_path_is_refused_before_anything_is_made(scratch: Path) -> None:
    """A store that cannot be leaves no folder behind."""
    with pytest.raises(UsageError):
        Store(root=scratch / "odd path").prepare()
    assert not (scratch / "odd path").exists()


@pytest.mark.parametrize(("length", "fits"), [(112, True), (113, True), (114, False), (200, False)])
def test_a_path_too_long_for_a_scripts_first_line_is_refused(length: int, fits: bool) -> None:
    """uv wraps longer interpreter lines in a shell; 113 is the longest that it does not, as tried."""
    environment = Path("/" + "e" * (length - 1))
    if fits:
        check_environment_path(environment)
        return
    with pytest.raises(UsageError, match=f"{length - 113} characters? too long"):
        check_environment_path(environment)
