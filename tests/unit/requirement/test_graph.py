"""Who asks for what: markers, extras and overrides, as resolvers read them."""

from __future__ import annotations

import pytest

from envbuild.requirement.graph import active_edges
from tests.support.values import ARM, LINUX, MAC


def edges(
    *requires: str, overrides: tuple[str, ...] = (), **published: tuple[str, ...]
) -> list[tuple[str, str]]:
    """Who asks for whom on `LINUX`, the driver as `.`."""
    found = active_edges(requires, published, LINUX, overrides)
    return sorted((edge.requirer or ".", edge.package) for edge in found)


def test_only_what_is_asked_for_brings_edges() -> None:
    """A package that nobody asks for on a target asks for nothing there."""
    assert edges("a", a=("b",), b=(), c=("a",)) == [(".", "a"), ("a", "b")]


def test_markers_are_judged_for_the_target() -> None:
    """One published requirement holds on one platform and not on another."""
    published = {"a": ('b; sys_platform == "linux"', 'c; platform_machine == "aarch64"')}
    by_target = {
        target: {edge.package for edge in active_edges(("a",), published, target)}
        for target in (LINUX, ARM, MAC)
    }
    assert by_target == {LINUX: {"a", "b"}, ARM: {"a", "b", "c"}, MAC: {"a"}}


def test_extras_bring_their_own_requirements() -> None:
    """An extra's requirements hold where somebody asks for the extra, and only there."""
    published = {"a": ('b; extra == "x"', "c")}
    assert edges("a", **published) == [(".", "a"), ("a", "c")]
    assert edges("a[x]", **published) == [(".", "a"), ("a", "b"), ("a", "c")]


def test_an_extra_asked_for_by_another_package_counts() -> None:
    """It does not matter who asks for the extra."""
    assert ("a", "b") in edges("a", "d", a=('b; extra == "x"',), d=("a[x]",))


def test_names_of_extras_are_compared_in_normal_form() -> None:
    """`Fast_API` and `fast-api` are one extra (PEP 685)."""
    assert ("a", "b") in edges("a[Fast_API]", a=('b; extra == "fast-api"',))


def test_an_extra_may_ask_for_the_packages_other_extras() -> None:
    """`pkg[all]` asks for `pkg[one,two]`: every requirement is found, and the walk ends."""
    found = edges("a[all]", a=('a[one]; extra == "all"', 'b; extra == "one"'))
    assert found == [(".", "a"), ("a", "a"), ("a", "b")]


def test_circles_end() -> None:
    """Packages that ask for one another are walked once."""
    assert edges("a", a=("b",), b=("a",)) == [(".", "a"), ("a", "b"), ("b", "a")]


def test_an_edge_carries_what_was_written() -> None:
    """The specifier and the text are what the chain of a conflict shows."""
    (edge,) = active_edges(("Foo.Bar[x] (>=1,<2)",), {}, LINUX)
    assert (edge.requirer, edge.package, edge.extras) == (None, "foo-bar", ("x",))
    assert (edge.specifier, edge.text) == (">=1,<2", "Foo.Bar[x] (>=1,<2)")


def test_an_override_stands_in_for_every_requirement() -> None:
    """An overridden package is asked for as the override says, whoever asks."""
    (edge, *_) = [
        edge
        for edge in active_edges(("a",), {"a": ("torch==2.7",)}, LINUX, ("torch==2.8",))
        if edge.package == "torch"
    ]
    assert (edge.specifier, edge.text, edge.override) == ("==2.8", "torch==2.7", "torch==2.8")


OVERRIDDEN = (
    ('b; sys_platform == "win32"', ("",)),
    ('b; extra == "x"', ("x",)),
    ('b; extra == "x" and sys_platform == "win32"', ("x",)),
    ('b; extra == "x" or sys_platform == "linux"', ("",)),
    ("b; python_version < '3' or extra == 'y'", ("",)),
    (
        'b; (extra == "x" and sys_platform == "win32") or (extra == "x" and os_name == "nt")',
        ("x",),
    ),
    ("b; 'win' in sys_platform and extra == 'x'", ("x",)),
    ("b; platform_version not in 'extra' and extra == 'x'", ("x",)),
)
"""A published requirement, and the extras (`""` for none) with which uv puts the override in."""


@pytest.mark.parametrize(("text", "extras"), OVERRIDDEN)
def test_an_override_takes_the_markers_place(text: str, extras: tuple[str, ...]) -> None:
    """uv overrides a requirement on every target, and keeps of its marker the extra alone."""
    for extra in ("", "x", "y"):
        wanted = "a" if not extra else f"a[{extra}]"
        expected = "" in extras or extra in extras
        found = edges(wanted, a=(text,), overrides=("b==1",))
        assert (("a", "b") in found) == expected, extra


def test_an_overrides_own_marker_is_judged() -> None:
    """An override for one platform leaves the package out on the others."""
    assert ("a", "b") not in edges("a", a=("b",), overrides=('b==1; sys_platform == "win32"',))


def test_several_overrides_of_a_package_all_stand_in() -> None:
    """Overrides that differ by marker are one override for each target."""
    overrides = ('b==1; sys_platform == "linux"', 'b==2; sys_platform == "darwin"')
    found = {
        target: {edge.specifier for edge in active_edges(("b",), {}, target, overrides)}
        for target in (LINUX, MAC)
    }
    assert found == {LINUX: {"==1"}, MAC: {"==2"}}
