"""Requirements as wheels of all ages publish them."""

from __future__ import annotations

import pytest

from envbuild.requirement.graph import active_edges
from envbuild.requirement.parse import admits, parse_requirement
from envbuild.wheelcache.metadata import parse_metadata
from tests.support.values import LINUX
from tests.support.wheels import Wheel


def published(requirement: str) -> tuple[str, ...]:
    """What is locked of a wheel that asks for one thing."""
    return parse_metadata(Wheel(name="a", requires=(requirement,)).metadata(), "a", 1).requires


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("six>=1.*", "six>=1.*"),
        ("six (>=1.0.*)", "six (>=1.0.*)"),
        ("six>=1.0,", "six>=1.0"),
        ("six>=dev", "six>=dev"),
        ("six[x]>=1.*; extra == 'y'", "six[x]>=1.*; extra == 'y'"),
        ("six; python_version >= '3.*'", "six; python_version >= '3.*'"),
        ('six>=1; python_version > "2.7", ', 'six>=1; python_version > "2.7"'),
    ],
)
def test_requirements_from_before_pep_440_are_kept(text: str, kept: str) -> None:
    """A package that uv resolves can be locked, however old its way of writing is."""
    assert published(text) == (kept,)
    wanted = parse_requirement(kept)
    assert wanted.name == "six"
    assert admits(wanted.specifier, "1.17.0")
    assert all(edge.package == "six" for edge in active_edges((kept,), {}, LINUX))


@pytest.mark.parametrize(
    "text", ['six>="1.0"', "six>='1.0'", "six (>=1.0', '')", 'six (>="1.0", <"2"); extra == "y"']
)
def test_quotes_around_versions_are_taken_away(text: str) -> None:
    """What resolvers read past is locked without it, so that everybody who reads it later can."""
    (kept,) = published(text)
    bare = kept.partition(";")[0]
    assert "'" not in bare
    assert '"' not in bare
    assert admits(parse_requirement(kept).specifier, "1.5")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "six seven",
        "six>=1; nonsense",
        "six>=1; python_version",
        "six>" + "=" * 5000,
        ">=1",
        "six @",
    ],
)
def test_what_is_no_requirement_is_refused(text: str) -> None:
    """A wheel that asks for nonsense is the index's fault, said before anything is locked."""
    with pytest.raises(ValueError, match="which is not a valid requirement"):
        parse_metadata(f"Name: a\nRequires-Dist: {text}\n".encode(), "a", 1)


@pytest.mark.parametrize(
    "marker",
    [
        "python_version ~= '3'",
        "sys_platform == 'win32' and sys_platform ~= 'linux'",
        "extra ~= 'x'",
        "'a' < 'b'",
    ],
)
def test_a_marker_without_an_answer_is_refused(marker: str) -> None:
    """No installer can say whether such a requirement holds, so it is not found out while locking."""
    with pytest.raises(ValueError, match="whose marker compares what cannot be compared"):
        published(f"six; {marker}")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("six @ https://packages.example.com/six-1.0-py3-none-any.whl", "six"),
        ("six[x] @ git+https://h.example/six ; extra == 'y'", 'six[x]; extra == "y"'),
        ("six @ file:///srv/six.whl", "six"),
    ],
)
def test_addresses_are_left_out(text: str, kept: str) -> None:
    """A package may say where it wants another one from; a lockfile never does."""
    assert published(text) == (kept,)


def test_an_address_in_another_place_is_refused() -> None:
    """What cannot be left out is the wheel's fault, and no bug of the lockfile's writer."""
    with pytest.raises(ValueError, match="has an address"):
        published("six===https://packages.example.com")
