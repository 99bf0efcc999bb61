"""Targets, platforms and hosts: how they are written, what runs where, and which Python a driver gets."""

from __future__ import annotations

import pytest
from packaging.markers import Marker, default_environment

from envbuild.target.target import (
    Host,
    Interpreter,
    Platform,
    Target,
    choose_interpreter,
    parse_platform,
    parse_python,
    parse_target,
)
from tests.support.values import ARM, HOST, LINUX, MAC


@pytest.mark.parametrize(
    "text",
    [
        "x86_64-manylinux_2_28",
        "aarch64-manylinux_2_17",
        "x86_64-musllinux_1_2",
        "arm64-macosx_14_0",
        "x86_64-macosx_10_15",
    ],
)
def test_a_platform_is_written_as_it_is_read(text: str) -> None:
    """Every text has one spelling, so that targets can be compared as texts."""
    assert str(parse_platform(text)) == text
    assert str(parse_target(f"3.12.4-{text}")) == f"3.12.4-{text}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x86_64",
        "linux_x86_64",
        "x86_64-manylinux_2",
        "x86_64-manylinux_2_028",
        "x86_64-manylinux_02_28",
        "x86_64-manylinux_2_28\n",
        " x86_64-manylinux_2_28",
        "x86_64-manylinux_٢_٢٨",
        "riscv64-manylinux_2_28",
        "x86_64-win_amd64",
        "X86_64-manylinux_2_28",
    ],
)
def test_what_is_no_platform_says_how_one_is_written(text: str) -> None:
    """The message shows what to write."""
    with pytest.raises(ValueError, match="written like 'x86_64-manylinux_2_28'"):
        parse_platform(text)


@pytest.mark.parametrize("text", ["arm64-manylinux_2_28", "aarch64-macosx_14_0"])
def test_a_processor_has_its_systems_own_name(text: str) -> None:
    """macOS says arm64 where Linux says aarch64; the message names what there is."""
    with pytest.raises(ValueError, match="knows the processor as x86_64 or"):
        parse_platform(text)


@pytest.mark.parametrize("text", ["3.8", "3.12", "3.12.0", "3.13.11"])
def test_a_python_is_a_request(text: str) -> None:
    """A minor version, or an exact one."""
    assert parse_python(text) == text


@pytest.mark.parametrize(
    "text", ["3", "3.", "3.012", "3.12.", "3.12.04", "4.0", "2.7", "python3.12", "3.12\n", "3.١٢"]
)
def test_what_is_no_python_is_refused(text: str) -> None:
    """Nothing is guessed from something else."""
    with pytest.raises(ValueError, match=r"written like '3\.12'"):
        parse_python(text)


def test_a_python_of_long_ago_is_refused() -> None:
    """uv and the packages of today know none older."""
    with pytest.raises(ValueError, match=r"3\.8 is the oldest"):
        parse_python("3.7")


def test_a_target_evaluates_every_marker() -> None:
    """No variable that a published marker may ask for is missing."""
    for target in (LINUX, MAC):
        assert set(target.marker_environment()) == set(default_environment())


@pytest.mark.parametrize(
    ("target", "marker", "holds"),
    [
        (LINUX, "sys_platform == 'linux' and platform_machine == 'x86_64'", True),
        (ARM, "platform_machine == 'aarch64' and os_name == 'posix'", True),
        (MAC, "sys_platform == 'darwin' and platform_system == 'Darwin'", True),
        (MAC, "platform_machine == 'arm64'", True),
        (LINUX, "python_version < '3.13' and python_full_version >= '3.12'", True),
        (LINUX, "platform_python_implementation != 'CPython'", False),
        (LINUX, "implementation_name == 'cpython'", True),
    ],
)
def test_markers_hold_as_on_such_a_host(target: Target, marker: str, holds: bool) -> None:
    """What is locked for a target is what its own interpreter would have asked for."""
    assert Marker(marker).evaluate({**target.marker_environment(), "extra": ""}) == holds


def test_a_patch_release_counts_where_it_is_asked_for() -> None:
    """A request without one counts as the newest there can be."""
    assert (
        parse_target("3.12-x86_64-manylinux_2_28").marker_environment()["python_full_version"]
        == "3.12.99"
    )
    exact = parse_target("3.12.4-x86_64-manylinux_2_28").marker_environment()
    assert (exact["python_full_version"], exact["python_version"]) == ("3.12.4", "3.12")


@pytest.mark.parametrize(
    ("platform", "runs"),
    [
        ("x86_64-manylinux_2_28", True),
        ("x86_64-manylinux_2_36", True),
        ("x86_64-manylinux_2_37", False),
        ("aarch64-manylinux_2_28", False),
        ("x86_64-musllinux_1_2", False),
        ("x86_64-macosx_13_0", False),
    ],
)
def test_a_host_runs_what_its_system_library_knows(platform: str, runs: bool) -> None:
    """Wheels for an older library run, those for a newer one, another processor or system do not."""
    assert HOST.runs(parse_platform(platform)) == runs


def test_a_host_is_written_like_a_platform() -> None:
    """A message can say what a host is in the words of `drivers.toml`."""
    assert str(HOST) == "x86_64-manylinux_2_36"
    odd = Host(arch="riscv64", system="freebsd", system_version=(14, 1))
    assert not odd.runs(Platform(arch="x86_64", system="manylinux", major=2, minor=5))


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
