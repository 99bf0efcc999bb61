"""Which platforms can be locked for, and what is said of the others."""

from __future__ import annotations

import pytest

from envbuild.declaration.toml.document import parse_declaration
from envbuild.errors import DeclarationError
from envbuild.target.platform_range import known_platform, nearest_platform
from envbuild.target.target import parse_platform, parse_target
from envbuild.target.wheel_choice import unfit_versions


def declare(platform: str) -> str:
    """A declaration for one platform."""
    return f'version = 1\n[drivers.a]\nrequires = ["a"]\nplatforms = ["{platform}"]\n'


@pytest.mark.parametrize(
    ("written", "nearest"),
    [
        ("x86_64-manylinux_2_41", "x86_64-manylinux_2_40"),
        ("x86_64-manylinux_3_0", "x86_64-manylinux_2_40"),
        ("x86_64-manylinux_2_4", "x86_64-manylinux_2_5"),
        ("aarch64-manylinux_2_12", "aarch64-manylinux_2_17"),
        ("aarch64-manylinux2010", "aarch64-manylinux_2_17"),
        ("x86_64-musllinux_1_3", "x86_64-musllinux_1_2"),
        ("aarch64-musllinux_2_0", "aarch64-musllinux_1_2"),
        ("x86_64-musllinux_0_9", "x86_64-musllinux_1_0"),
        ("arm64-macosx_10_15", "arm64-macosx_11_0"),
    ],
)
def test_what_cannot_be_locked_for_is_refused_with_the_nearest(written: str, nearest: str) -> None:
    """A declaration error names file, line, key and the platform to write instead."""
    with pytest.raises(DeclarationError) as caught:
        parse_declaration(declare(written), file="drivers.toml")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("drivers.toml", 4)
    assert problem.key == "drivers.a.platforms[0]"
    assert f"{written!r} cannot be locked for" in problem.message
    assert f"write {nearest!r}" in (problem.hint or "")
    assert nearest_platform(parse_platform(nearest)) == parse_platform(nearest)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("x86_64-manylinux1", "x86_64-manylinux_2_5"),
        ("x86_64-manylinux2010", "x86_64-manylinux_2_12"),
        ("aarch64-manylinux2014", "aarch64-manylinux_2_17"),
        ("x86_64-manylinux_2_27", "x86_64-manylinux_2_27"),
        ("x86_64-musllinux_1_0", "x86_64-musllinux_1_0"),
    ],
)
def test_a_legacy_name_is_the_glibc_that_it_means(written: str, meant: str) -> None:
    """PEP 600: manylinux1, manylinux2010 and manylinux2014 are glibc 2.5, 2.12 and 2.17."""
    declaration = parse_declaration(declare(written), file="drivers.toml")
    assert declaration.drivers[0].platforms == (meant,)


@pytest.mark.parametrize("arch", ["x86_64", "aarch64"])
def test_the_platform_that_uv_is_asked_about_takes_every_wheel(arch: str) -> None:
    """uv is never asked about an older library, which would miss wheels that fit."""
    oldest = 5 if arch == "x86_64" else 17
    for minor in range(oldest, 41):
        platform = parse_platform(f"{arch}-manylinux_2_{minor}")
        assert known_platform(platform).minor >= minor
    for minor in range(3):
        musl = parse_platform(f"{arch}-musllinux_1_{minor}")
        assert known_platform(musl) == parse_platform(f"{arch}-musllinux_1_2")


def test_versions_without_a_fitting_wheel_are_left_out_by_name() -> None:
    """What has no wheel at all, and a version of which a local one fits, cannot be left out so."""
    names = (
        "a-1.0-py3-none-manylinux_2_17_x86_64.whl",
        "a-2.0-py3-none-manylinux_2_28_x86_64.whl",
        "a-3.0-py3-none-manylinux_2_28_x86_64.whl",
        "a-3.0+cpu-py3-none-any.whl",
        "a-4.0+gpu-py3-none-manylinux_2_28_x86_64.whl",
        "a-5.0.tar.gz",
    )
    target = parse_target("3.12-x86_64-manylinux_2_20")
    assert unfit_versions(names, target) == ("2.0", "4.0+gpu")
