"""Toy fleets of three drivers over a toy index, each with its lockfiles."""

from __future__ import annotations

from hypothesis import assume
from hypothesis import strategies as st

from tests.support.fleets import TARGET, Index, ToyFleet, toy_fleet

NAMES = ("a", "b", "c", "d")

VERSIONS = ("1.0", "2.0", "3.0")

MARKERS = ("", "", "", "", "; python_version >= '3.12'", "; python_version < '3.12'")

SPECIFIERS = ("", ">=2", "<3", "==1.0", "==2.0", "<2", ">=3", "!=2.0", "==3.0")


@st.composite
def requirements(draw: st.DrawFn, names: tuple[str, ...], *, extra: bool = True) -> str:
    """A requirement on one of the packages, at times with an extra or for an extra."""
    name = draw(st.sampled_from(names))
    asked = draw(st.sampled_from(("", "", "", "[x]")))
    marker = draw(st.sampled_from((*MARKERS, "; extra == 'x'") if extra else MARKERS[:1]))
    return f"{name}{asked}{draw(st.sampled_from(SPECIFIERS))}{marker}"


@st.composite
def indexes(draw: st.DrawFn) -> Index:
    """Every package in up to three versions, each asking for up to three others."""
    index: Index = {}
    for name in NAMES:
        others = tuple(other for other in NAMES if other != name)
        versions = draw(st.lists(st.sampled_from(VERSIONS), min_size=1, max_size=3, unique=True))
        index[name] = {
            version: tuple(draw(st.lists(requirements(others), max_size=3)))
            for version in sorted(versions)
        }
    return index


@st.composite
def fleets(draw: st.DrawFn, *, overrides: bool = True, python: str = TARGET.python) -> ToyFleet:
    """Three drivers that can each be locked."""
    drivers: dict[str, dict[str, object]] = {}
    for name in ("first", "second", "third"):
        lines = draw(
            st.lists(
                requirements(NAMES, extra=False),
                min_size=1,
                max_size=2,
                unique_by=lambda text: text[0],
            )
        )
        drivers[name] = {"requires": lines}
        for key in ("constraints", "overrides")[: 2 if overrides else 1]:
            texts = draw(st.lists(requirements(NAMES, extra=False), max_size=1))
            bounding = [text for text in texts if len(text) > 1 and "[" not in text]
            if draw(st.integers(0, 3)) == 0 and bounding:
                drivers[name][key] = bounding
    fleet = toy_fleet(draw(indexes()), drivers, python=python)
    assume(fleet is not None)
    assert fleet is not None
    return fleet
