"""Which interpreter a driver gets."""

from __future__ import annotations

import pytest

from envbuild.target.target import Interpreter, choose_interpreter


def python(version: str, path: str | None = None, *, shareable: bool = True) -> Interpreter:
    """An interpreter that was found."""
    minor = version.split(".")[1]
    return Interpreter(
        path=path or f"/usr/bin/python{version}",
        version=version,
        cache_tag=f"cpython-3{minor}",
        size=1,
        mtime_ns=1,
        shareable=shareable,
    )


FOUND = (
    python("3.11.2"),
    python("3.12.9"),
    python("3.12.10"),
    python("3.13.0", shareable=False),
)


def chosen(*requests: str, prefer_shareable: bool = False) -> str | None:
    """The version that is chosen among FOUND."""
    found = choose_interpreter(FOUND, requests, prefer_shareable=prefer_shareable)
    return None if found is None else found.version


def test_the_highest_patch_release_answers_a_minor_request() -> None:
    """Releases are compared as numbers: 3.12.10 is newer than 3.12.9."""
    assert chosen("3.12") == "3.12.10"


def test_a_full_version_is_taken_at_its_word() -> None:
    """A request that names a patch release gets that one or nothing."""
    assert chosen("3.12.9") == "3.12.9"
    assert chosen("3.12.1") is None


def test_the_order_of_preference_beats_the_newer_version() -> None:
    """The declaration's order decides, not the age of a Python."""
    assert chosen("3.11", "3.12") == "3.11.2"


def test_a_request_without_an_interpreter_gives_way_to_the_next() -> None:
    """Several requests exist so that any machine has one."""
    assert chosen("3.14", "3.12", "3.11") == "3.12.10"


def test_no_interpreter_is_a_value() -> None:
    """'None fits' is an answer that the caller deals with."""
    assert chosen("3.9") is None
    assert choose_interpreter((), ("3.12",), prefer_shareable=True) is None


def test_a_shared_store_prefers_what_every_user_can_start() -> None:
    """A second choice that the service's user can start beats a first choice that it cannot."""
    assert chosen("3.13", "3.12") == "3.13.0"
    assert chosen("3.13", "3.12", prefer_shareable=True) == "3.12.10"


def test_a_shared_store_takes_an_unshareable_one_rather_than_none() -> None:
    """Preference is no prohibition: without a shareable one, the other is used."""
    assert chosen("3.13", prefer_shareable=True) == "3.13.0"


@pytest.mark.parametrize("turned", [False, True])
def test_the_path_decides_between_equal_versions(turned: bool) -> None:
    """Neither `PATH` nor the order of discovery decides, so that every caller gets the same key."""
    twins = (python("3.12.1", "/opt/b/python3.12"), python("3.12.1", "/opt/a/python3.12"))
    found = choose_interpreter(twins[:: -1 if turned else 1], ("3.12",), prefer_shareable=False)
    assert found is not None
    assert found.path == "/opt/a/python3.12"


def test_3_1_is_not_3_11() -> None:
    """Requests are compared number by number, never as text."""
    assert not python("3.11.2").answers("3.1")
    assert not python("3.1.1").answers("3.11")
