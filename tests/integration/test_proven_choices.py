"""What is proven of uv's choices is what uv chooses, and where two targets differ it is asked for both."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.resolution.resolution import KnownPackage, Pin
from tests.support.index_server import IndexServer, Offer
from tests.support.resolving import (
    ARM,
    FOR_ARM,
    FOR_BOTH,
    FOR_X86,
    NEWER,
    PURE,
    X86,
    Answer,
    Z,
    request_of,
    resolve,
    runs,
)
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.resolution.resolution import ResolveRequest
    from tests.support.resolving import Answer


def of_b(found: Iterable[Answer], part: int) -> list[str]:
    """The version (0) or the file (1) of the package `b` on each target."""
    return [pins["b"][part] if isinstance(pins, dict) else pins for pins in found]


def app(*requires: str) -> Wheel:
    """What the driver requires; uv is asked for it, because one requirement on `z` admits more than the other."""
    return Wheel(name="app", requires=(*requires, "z", "z<2"))


def of_tags(name: str, version: str, *tags: str, requires: tuple[str, ...] = ()) -> list[Wheel]:
    """A version with a wheel for each of these tags."""
    return [Wheel(name=name, version=version, tag=tag, requires=requires) for tag in tags]


ALIKE: dict[str, list[Wheel]] = {
    "pure wheels": [app("b", "c>=1"), Wheel(name="b", version="1"), Wheel(name="c", version="2")],
    "a wheel for each": [app("b"), *of_tags("b", "1", *FOR_BOTH)],
    "markers with one result": [
        app("b; platform_machine != 's390x'", "c; sys_platform == 'win32'"),
        Wheel(name="b"),
    ],
    "an old version for one alone": [
        app("b"),
        *of_tags("b", "2", *FOR_BOTH),
        *of_tags("b", "1", FOR_ARM),
    ],
    "a newer version for the first alone, which no requirement admits": [
        app("b<3"),
        *of_tags("b", "3", FOR_X86),
        *of_tags("b", "2", *FOR_BOTH),
    ],
    "a newer version for the second alone, which no requirement admits": [
        app("b<3"),
        *of_tags("b", "3", FOR_ARM),
        *of_tags("b", "2", *FOR_BOTH),
    ],
    "a marker of an extra that nobody requests": [
        app("b"),
        Wheel(name="b", requires=("c; extra == 'x' and platform_machine == 'x86_64'",)),
    ],
    "a conflict": [
        app("b", "c<2"),
        Wheel(name="b", version="2", requires=("c>=2",)),
        Wheel(name="b", version="1"),
        *of_tags("c", "2", *FOR_BOTH),
        *of_tags("c", "1.1", *FOR_BOTH),
        *of_tags("c", "1", *FOR_BOTH),
    ],
    "a conflict, and an old version for the second alone": [
        app("b", "c<2"),
        Wheel(name="b", version="2", requires=("c>=2",)),
        Wheel(name="b", version="1"),
        *of_tags("c", "1.2", *FOR_BOTH),
        *of_tags("c", "1.1", *FOR_BOTH),
        *of_tags("c", "1", FOR_ARM),
    ],
}


@pytest.mark.parametrize("case", ALIKE)
def test_uv_is_asked_once_for_targets_that_are_alike(case: str) -> None:
    """Their pins follow from the first one's; each still gets its own wheels."""
    assert runs(ALIKE[case], X86, ARM) == 1


DIFFERENT: dict[str, list[Wheel]] = {
    "a marker of the processor": [app("b; platform_machine == 'aarch64'"), Wheel(name="b")],
    "a marker deeper down": [
        app("b"),
        Wheel(name="b", requires=("c<2; platform_machine == 'x86_64'", "c")),
        Wheel(name="c", version="1"),
        Wheel(name="c", version="2"),
    ],
    "a marker of a requested extra": [
        app("b[x]"),
        Wheel(name="b", requires=("c; extra == 'x' and platform_machine == 'aarch64'",)),
        Wheel(name="c"),
    ],
    "a newer version for the second alone": [
        app("b"),
        *of_tags("b", "2", FOR_ARM),
        *of_tags("b", "1", *FOR_BOTH),
    ],
    "a newer version for the first alone": [
        app("b"),
        *of_tags("b", "2", FOR_X86),
        *of_tags("b", "1", *FOR_BOTH),
    ],
    "METADATA that differs between wheels": [
        app("b"),
        *of_tags("b", "1", FOR_X86),
        *of_tags("b", "1", FOR_ARM, requires=("c",)),
        Wheel(name="c"),
    ],
    "a conflict whose end only the second has": [
        app("b", "c"),
        Wheel(name="b", version="2", requires=("c<2",)),
        Wheel(name="b", version="1"),
        *of_tags("c", "2", *FOR_BOTH),
        *of_tags("c", "1", FOR_ARM),
    ],
    "a pre-release, and a final version for the second alone": [
        app("b"),
        *of_tags("b", "2rc1", *FOR_BOTH),
        *of_tags("b", "1", FOR_ARM),
    ],
    "a build number": [
        app("b"),
        *of_tags("b", "1", FOR_X86),
        Wheel(name="b", version="1", tag=FOR_ARM, build="2", requires=("c",)),
        *of_tags("b", "1", FOR_ARM),
        Wheel(name="c"),
    ],
}


@pytest.mark.parametrize("case", DIFFERENT)
def test_uv_is_asked_again_for_a_target_that_differs(case: str) -> None:
    """Whatever may change its choice for the second target, uv itself decides there."""
    assert runs(DIFFERENT[case], X86, ARM) == 2


PYTHONS: dict[str, tuple[list[Wheel], int]] = {
    "alike": ([app("b"), Wheel(name="b", requires_python=">=3.9")], 1),
    "a marker": ([app("b; python_version < '3.13'"), Wheel(name="b")], 2),
    "an open marker": ([app("b; python_full_version < '3.12.5'"), Wheel(name="b")], 1),
    "a bound from below": (
        [app("b"), Wheel(name="b", version="2", requires_python=">=3.13"), Wheel(name="b")],
        2,
    ),
    "a bound from above": (
        [app("b"), Wheel(name="b", version="2", requires_python="<3.13"), Wheel(name="b")],
        2,
    ),
    "a wheel of one Python": (
        [app("b"), *of_tags("b", "2", "cp313-none-any"), *of_tags("b", "1", PURE)],
        2,
    ),
}


@pytest.mark.parametrize("case", PYTHONS)
def test_pythons_are_compared_as_platforms_are(case: str) -> None:
    """Requires-Python of pages and of METADATA, tags and markers."""
    wheels, expected = PYTHONS[case]
    assert runs(wheels, X86, NEWER) == expected


REQUESTS: dict[str, tuple[ResolveRequest, int]] = {
    "a constraint": (request_of("app", constraints=("b<2",)), 1),
    "a constraint on one target": (
        request_of("app", constraints=("b<2; platform_machine == 'aarch64'",)),
        2,
    ),
    "an override": (request_of("app", overrides=("b==1",)), 1),
    "an override on one target": (
        request_of("app", overrides=("b==1; platform_machine == 'aarch64'",)),
        2,
    ),
    "a requirement on one target": (request_of("app", "c; platform_machine == 'x86_64'"), 2),
    "pins to keep": (request_of("app", pins=(Pin(name="b", version="1"),)), 2),
    "told METADATA": (
        request_of(
            "app",
            told=(
                KnownPackage(
                    name="b",
                    version="2",
                    file="b-2-py3-none-any.whl",
                    sha256="0" * 64,
                    index="default",
                    requires=("c<2",),
                ),
            ),
        ),
        1,
    ),
    "told METADATA with a marker": (
        request_of(
            "app",
            told=(
                KnownPackage(
                    name="b",
                    version="2",
                    file="b-2-py3-none-any.whl",
                    sha256="0" * 64,
                    index="default",
                    requires=("c<2; platform_machine == 'x86_64'",),
                ),
            ),
        ),
        2,
    ),
    "an open marker of the driver's own": (
        request_of("app", "b<2; python_full_version < '3.12.5'"),
        1,
    ),
    "a limit on age": (request_of("app", exclude_newer="2026-06-01"), 1),
    "an age": (request_of("app", exclude_newer="2 days"), 1),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_requests_are_compared(case: str) -> None:
    """What a driver says beside its requirements counts as these do."""
    wheels = [app("b"), *(Wheel(name=name, version=version) for name in "bc" for version in "12")]
    request, expected = REQUESTS[case]
    assert runs(wheels, X86, ARM, request=request) == expected


def test_open_markers_of_the_driver_give_ranges_too() -> None:
    """What a driver requires on some hosts of its target is a range like any other."""
    wheels = [
        app(),
        *of_tags("b", "3", *FOR_BOTH),
        *of_tags("b", "1.5", FOR_ARM),
        *of_tags("b", "1", *FOR_BOTH),
    ]
    request = request_of("app", "b<2; python_full_version < '3.12.5'")
    assert runs(wheels, X86, ARM, request=request) == 2


def test_a_wheel_that_is_too_new_on_one_target_alone() -> None:
    """A limit on age may leave a newer version to one target."""
    wheels = [app("b"), *of_tags("b", "1", *FOR_BOTH), *of_tags("b", "2", FOR_X86)]
    late = Wheel(name="b", version="2", tag=FOR_ARM)
    with IndexServer((*wheels, *Z)) as index, tempfile.TemporaryDirectory() as folder:
        index.add(late, uploaded="2026-09-01T00:00:00Z")
        request = request_of("app", exclude_newer="2026-06-01")
        found, count = resolve(index, Path(folder), request, (X86, ARM), proofs=True)
    assert count == 2
    assert of_b(found, 0) == ["2", "1"]


def test_a_wheel_that_is_withdrawn_on_one_target_alone() -> None:
    """Yanked files are no choice, and each file is yanked by itself."""
    wheels = [app("b"), *of_tags("b", "1", *FOR_BOTH), *of_tags("b", "2", FOR_X86)]
    with IndexServer((*wheels, *Z)) as index, tempfile.TemporaryDirectory() as folder:
        index.add(Wheel(name="b", version="2", tag=FOR_ARM), yanked="broken")
        found, count = resolve(index, Path(folder), request_of("app"), (X86, ARM), proofs=True)
    assert count == 2
    assert of_b(found, 0) == ["2", "1"]


def test_nothing_is_proven_where_the_cache_may_know_more() -> None:
    """uv reads METADATA of an earlier command from its own cache, and the router does not see it."""
    with (
        IndexServer([app("b"), Wheel(name="b"), *Z]) as index,
        tempfile.TemporaryDirectory() as folder,
    ):
        counts = [
            resolve(index, Path(folder), request_of("app"), (X86, ARM), proofs=True)[1]
            for _ in range(2)
        ]
    assert counts == [1, 2]


def test_a_target_without_a_solution_proves_nothing() -> None:
    """The next one is resolved for itself."""
    wheels = [app("b"), *of_tags("b", "1", FOR_ARM)]
    assert runs(wheels, X86, ARM, X86) == 3


def test_an_index_without_digests_of_metadata() -> None:
    """METADATA of each target's own wheels is read and compared."""
    wheels = [app("b"), *of_tags("b", "1", *FOR_BOTH), *of_tags("c", "1", *FOR_BOTH)]
    for offer in (Offer(metadata_hashes=False), Offer(metadata=False)):
        with IndexServer((*wheels, *Z), offer) as index, tempfile.TemporaryDirectory() as folder:
            request = request_of("app", "c")
            found, count = resolve(index, Path(folder), request, (X86, ARM), proofs=True)
        assert count == 1
        assert of_b(found, 1) == [f"b-1-{tag}.whl" for tag in FOR_BOTH]
