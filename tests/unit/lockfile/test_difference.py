"""What a new lockfile changes, as a reviewer is told."""

from __future__ import annotations

from envbuild.lockfile.difference import Change, compare_lockfiles
from tests.support.values import ARM, LINUX, make_driver, make_lockfile, make_package

DRIVER = make_driver("asr", platforms=(str(LINUX.platform), str(ARM.platform)))
TWO = (LINUX, ARM)


def test_added_removed_and_moved_are_told_apart() -> None:
    """Each package whose versions differ is listed once, in name order, and nothing else is."""
    before = make_lockfile(
        DRIVER,
        make_package("asr", "1.0", targets=TWO),
        make_package("gone", "1.0", targets=TWO),
        make_package("same", "1.0", targets=TWO),
    )
    after = make_lockfile(
        DRIVER,
        make_package("asr", "2.0", targets=TWO),
        make_package("new", "1.0", targets=TWO),
        make_package("same", "1.0", targets=TWO),
    )
    changes = compare_lockfiles(before, after)
    assert [(change.package, change.kind) for change in changes] == [
        ("asr", "moved"),
        ("gone", "removed"),
        ("new", "added"),
    ]
    assert changes[0] == Change(package="asr", before=("1.0",), after=("2.0",))


def test_everything_is_new_in_a_first_lockfile() -> None:
    """A driver's first lock shows what it brings."""
    found = compare_lockfiles(None, make_lockfile(DRIVER))
    assert found == (Change(package="asr", before=(), after=("1.0",)),)


def test_a_version_of_one_target_alone_is_shown() -> None:
    """A package that moves on one platform and stays on another has moved."""
    before = make_lockfile(DRIVER, make_package("asr", "1.0", targets=TWO))
    after = make_lockfile(
        DRIVER,
        make_package("asr", "1.0", targets=(ARM,)),
        make_package("asr", "2.0", targets=(LINUX,)),
    )
    assert compare_lockfiles(before, after) == (
        Change(package="asr", before=("1.0",), after=("1.0", "2.0")),
    )


def test_one_version_in_two_entries_is_one_version() -> None:
    """Files of one version that ask for different things are no move."""
    before = make_lockfile(DRIVER, make_package("asr", "1.0", targets=TWO))
    after = make_lockfile(
        DRIVER,
        make_package("asr", "1.0", targets=(ARM,)),
        make_package("asr", "1.0", targets=(LINUX,), requires=("b",)),
    )
    assert compare_lockfiles(before, after) == ()
