"""Over made-up indexes, what is proven of uv's choices is what uv chooses."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.examples import examples
from tests.support.index_server import IndexServer
from tests.support.resolving import (
    ARM,
    FOR_ARM,
    FOR_BOTH,
    FOR_X86,
    MAC,
    NEWER,
    PURE,
    X86,
    request_of,
    resolve,
)
from tests.support.wheels import Wheel

NAMES = "abcd"

VERSIONS = ("1", "1.1", "1.1+cpu", "2", "2.1rc1", "3")

TAGS = (PURE, FOR_X86, FOR_ARM, "cp313-cp313-manylinux_2_17_x86_64", "cp312-abi3-macosx_11_0_arm64")

RANGES = ("", "", "<2", ">=2", "==1.1", "!=3", "<3", "<3", ">1", ">=1,<2.2", "<=2")

MARKERS = (
    *("",) * 6,
    "; platform_machine == 'x86_64'",
    "; python_version >= '3.13'",
    "; extra == 'x'",
    "; extra == 'x' and sys_platform == 'darwin'",
)


@dataclass(frozen=True)
class Made:
    """A made-up index: wheels, and how each is shown."""

    wheels: tuple[tuple[Wheel, str | None], ...]
    requires: tuple[str, ...]

    def fill(self, index: IndexServer) -> None:
        """Have an index hold it."""
        for wheel, yanked in self.wheels:
            index.add(wheel, yanked=yanked)


@st.composite
def requirements(draw: st.DrawFn) -> str:
    """A requirement on one of the packages."""
    extra = draw(st.sampled_from(("", "", "", "[x]")))
    parts = (
        st.sampled_from(NAMES),
        st.just(extra),
        st.sampled_from(RANGES),
        st.sampled_from(MARKERS),
    )
    return "".join(map(draw, parts))


@st.composite
def made_up(draw: st.DrawFn) -> Made:
    """A few packages with versions, each with some wheels, whose requirements conflict now and then."""
    wheels: list[tuple[Wheel, str | None]] = [
        (Wheel(name=name, version="0.9"), None) for name in NAMES if draw(st.integers(0, 5))
    ]
    for name in NAMES:
        for version in draw(st.lists(st.sampled_from(VERSIONS), min_size=1, unique=True)):
            requires = tuple(draw(st.lists(requirements(), max_size=2)))
            for tag in draw(st.sampled_from(((PURE,), (PURE,), FOR_BOTH, TAGS[1:], TAGS[1:3]))):
                if draw(st.integers(0, 11)) == 0:
                    continue
                wheel = Wheel(
                    name=name,
                    version=version,
                    tag=tag,
                    requires=requires if draw(st.integers(0, 19)) else (),
                    requires_python=draw(st.sampled_from((None, None, None, ">=3.13", "<3.13"))),
                    extras=("x",),
                )
                wheels.append((wheel, draw(st.sampled_from((None,) * 9 + ("bad",)))))
    return Made(tuple(wheels), tuple(draw(st.lists(requirements(), min_size=1, max_size=3))))


@settings(max_examples=examples(4), deadline=None, suppress_health_check=list(HealthCheck))
@given(made_up())
def test_proven_pins_are_what_uv_chooses(made: Made) -> None:
    """Over made-up indexes, for every target, whichever came before it."""
    targets = (X86, ARM, NEWER, MAC)
    with IndexServer() as index, tempfile.TemporaryDirectory() as folder:
        made.fill(index)
        request = request_of(*made.requires)
        found, _ = resolve(index, Path(folder, "a"), request, targets, proofs=True)
        expected, _ = resolve(index, Path(folder, "b"), request, targets, proofs=False)
    assert found == expected
