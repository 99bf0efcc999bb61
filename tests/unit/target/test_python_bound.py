"""What one minor version of Python and all kernels leave open in a marker."""

from __future__ import annotations

import pytest

from envbuild.requirement.parse import holds, settled_requirement
from envbuild.target.python_bound import admits_python, patch_clauses
from envbuild.target.target import parse_target
from envbuild.value import replace

ANY = parse_target("3.11-x86_64-manylinux_2_28")
HERE = replace(ANY, python="3.11.2", kernel=("6.1.0-28-amd64", "#1 SMP Debian 6.1.119-1"))
"""A host of ANY."""


@pytest.mark.parametrize(
    ("marker", "anywhere", "here"),
    [
        ('python_full_version >= "3.11.1"', True, True),
        ('python_full_version < "3.11.1"', True, False),
        ('python_full_version > "3.11"', True, True),
        ('python_full_version == "3.11"', True, False),
        ('"3.11.4" <= python_full_version', True, False),
        ('python_full_version in "3.11.2, 3.11.3"', True, True),
        ('python_full_version not in "3.11.2"', True, False),
        ('python_full_version ~= "3.11.2"', True, True),
        ('python_full_version == "3.11.*"', True, True),
        ('python_full_version < "3.8.1"', False, False),
        ('python_full_version >= "3.12.0a1"', False, False),
        ('implementation_version >= "3.11.3"', True, False),
        ('platform_release >= "6"', True, True),
        ('platform_release >= "7"', True, False),
        ('platform_release == "6.1.0-28-amd64"', True, True),
        ('platform_release != "6.1.0-28-amd64"', True, False),
        ('"Debian" in platform_version', True, True),
        ('"Ubuntu" in platform_version', True, False),
        ('python_full_version >= "3.11.1" and sys_platform == "win32"', False, False),
        ('python_full_version >= "3.11.9" or sys_platform == "linux"', True, True),
        ('platform_release >= "6" and python_full_version < "3.11.2"', True, False),
    ],
)
def test_it_holds_where_it_does_on_some_host(marker: str, anywhere: bool, here: bool) -> None:
    """A target's lockfile covers every host that it is for; a host's own answer is its own."""
    assert holds(marker, ANY) == anywhere
    assert holds(marker, HERE) == here


def test_a_kernel_counts_as_number_and_as_text() -> None:
    """Installers differ in how they compare releases: what one of them installs is there."""
    assert holds('platform_release >= "5"', replace(HERE, kernel=("6.1-amd64", "")))
    assert holds('platform_release >= "5"', replace(HERE, kernel=("10.1", "")))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("beta>=1", "beta>=1"),
        ('beta; python_version > "3"', 'beta; python_version > "3"'),
        ('beta[x] >=1 ;python_full_version<"3.11.1"', 'beta[x] >=1; os_name == "posix"'),
        ('beta; python_full_version < "3.8.1"', 'beta; os_name == ""'),
        (
            'beta; extra == "x" and platform_release > "5"',
            'beta; extra == "x" and os_name == "posix"',
        ),
        (
            'beta; sys_platform == "python_full_version"',
            'beta; sys_platform == "python_full_version"',
        ),
    ],
)
def test_a_resolver_is_told_what_some_host_needs(text: str, said: str) -> None:
    """What is open is decided before a resolver decides it for one host; the rest stays as published."""
    assert settled_requirement(text, ANY) == said


@pytest.mark.parametrize(
    ("bound", "clauses"),
    [
        (">=3.8", ()),
        (">=3.11.1", (">=3.11.1",)),
        (">=3.11.0,<4", ()),
        (">3.11", (">3.11",)),
        ("<3.11", ()),
        ("<=3.11", ()),
        ("!=3.11.*,>=3.9", ()),
        ("!=3.11.4, !=3.12.1", ("!=3.11.4",)),
        ("<3.11.9", ("<3.11.9",)),
        (">=3.10.5", ()),
        ("nonsense", ()),
        ("", ()),
    ],
)
def test_what_tells_patch_releases_apart(bound: str, clauses: tuple[str, ...]) -> None:
    """Only clauses that name a patch release of the minor version count; others are a resolver's."""
    assert patch_clauses(bound, "3.11") == clauses


@pytest.mark.parametrize(
    ("bound", "version", "admitted"),
    [
        (">=3.11.1", "3.11.0", False),
        (">=3.11.1", "3.11.1", True),
        (">=3.11.1", "3.12.0", True),
        ("<3.11", "3.11.2", True),
        ("!=3.9.7,>=3.8", "3.9.7", False),
    ],
)
def test_a_host_is_refused_by_its_patch_release(bound: str, version: str, admitted: bool) -> None:
    """Upper bounds on minor versions are guesses, as uv reads them."""
    assert admits_python(bound, version) == admitted
