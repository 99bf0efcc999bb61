"""How the targets' answers make one lockfile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.errors import UnsatisfiableError
from envbuild.lockfile.freshness import inputs_of
from envbuild.lockfile.parse import parse_lockfile
from envbuild.lockfile.text import render_lockfile
from envbuild.resolution.merging import merge_resolutions
from envbuild.resolution.resolution import PublishedMetadata, Resolution
from envbuild.value import replace
from tests.support.values import (
    ARM,
    LINUX,
    MAC,
    make_declaration,
    make_driver,
    make_metadata,
    make_resolution,
    make_resolved,
)

if TYPE_CHECKING:
    from envbuild.lockfile.lockfile import LockedPackage, Lockfile

DRIVER = make_driver("asr", platforms=(str(LINUX.platform), str(ARM.platform)))


def merge(
    *resolutions: Resolution,
    metadata: dict[str, PublishedMetadata] | None = None,
    **changes: object,
) -> Lockfile:
    """The lockfile of `DRIVER`, changed as said, out of some resolutions."""
    driver = replace(DRIVER, **changes)
    return merge_resolutions(
        driver=driver.name,
        inputs=inputs_of(driver, make_declaration(driver)),
        resolutions=resolutions,
        metadata=make_metadata(*resolutions) if metadata is None else metadata,
    )


def named(lockfile: Lockfile, name: str) -> tuple[LockedPackage, ...]:
    """The lockfile's entries for a package."""
    return tuple(package for package in lockfile.packages if package.name == name)


def test_what_all_targets_take_stands_once() -> None:
    """A pure wheel that every target takes is one package with one file for all of them."""
    one, two = (make_resolution(make_resolved("asr"), target=target) for target in (LINUX, ARM))
    (package,) = merge(one, two).packages
    assert package.targets == (LINUX, ARM)
    assert [file.targets for file in package.files] == [(LINUX, ARM)]


def test_each_target_takes_its_own_wheel() -> None:
    """A native package is one entry with a wheel for each processor, in name order."""
    wheels = {
        LINUX: make_resolved("asr", tag="cp312-cp312-manylinux_2_28_x86_64"),
        ARM: make_resolved("asr", tag="cp312-cp312-manylinux_2_28_aarch64"),
    }
    lockfile = merge(*(make_resolution(file, target=target) for target, file in wheels.items()))
    (package,) = lockfile.packages
    assert [(file.name, file.targets) for file in package.files] == [
        (wheels[ARM].file, (ARM,)),
        (wheels[LINUX].file, (LINUX,)),
    ]


def test_targets_may_take_different_versions() -> None:
    """Each target is resolved for itself: what one needs older does not hold the other back."""
    one = make_resolution(make_resolved("asr"), make_resolved("torch", "2.10.0"), target=LINUX)
    two = make_resolution(make_resolved("asr"), make_resolved("torch", "2.9.0"), target=ARM)
    found = named(merge(one, two), "torch")
    assert [(p.version, p.targets) for p in found] == [("2.9.0", (ARM,)), ("2.10.0", (LINUX,))]


def test_wheels_that_publish_different_requirements_stand_apart() -> None:
    """What is locked beside a target is what its own file says, not what another platform's says."""
    one = make_resolution(make_resolved("asr"), target=LINUX)
    two = make_resolution(make_resolved("asr", tag="py3-none-manylinux_2_28_aarch64"), target=ARM)
    metadata = {
        one.files[0].sha256: PublishedMetadata(requires=("a",), size=1),
        two.files[0].sha256: PublishedMetadata(requires=("b",), size=2),
    }
    lockfile = merge(one, two, metadata=metadata)
    assert [(p.requires, p.targets) for p in lockfile.packages] == [
        (("a",), (LINUX,)),
        (("b",), (ARM,)),
    ]
    assert [p.requires for p in lockfile.packages_for(ARM)] == [("b",)]


def test_who_asks_is_recorded() -> None:
    """Every package says who brings it: the driver's own line, or the packages that require it."""
    files = [make_resolved(name) for name in ("asr", "idna", "rich", "urllib3")]
    resolution = make_resolution(*files)
    metadata = make_metadata(
        resolution,
        asr=("urllib3", 'rich; extra == "pretty"', 'idna; sys_platform == "win32"'),
        urllib3=("idna>=3",),
        rich=("idna",),
    )
    lockfile = merge(resolution, metadata=metadata)
    assert {p.name: p.required_by for p in lockfile.packages} == {
        "asr": (".",),
        "idna": ("urllib3",),
        "rich": (),
        "urllib3": ("asr",),
    }


def test_an_extra_of_the_driver_asks() -> None:
    """`asr[pretty]` makes asr the one who asks for what the extra brings."""
    resolution = make_resolution(make_resolved("asr"), make_resolved("rich"))
    metadata = make_metadata(resolution, asr=('rich; extra == "pretty"',))
    driver = make_driver("asr", "asr[pretty]")
    lockfile = merge(resolution, metadata=metadata, requires=driver.requires)
    assert named(lockfile, "rich")[0].required_by == ("asr",)


def test_nobody_asks_for_itself() -> None:
    """An extra that is made of the package's other extras does not make it its own requirer."""
    resolution = make_resolution(make_resolved("asr"), make_resolved("rich"))
    metadata = make_metadata(resolution, asr=('asr[one]; extra == "all"', 'rich; extra == "one"'))
    driver = make_driver("asr", "asr[all]")
    lockfile = merge(resolution, metadata=metadata, requires=driver.requires)
    assert {p.name: p.required_by for p in lockfile.packages} == {"asr": (".",), "rich": ("asr",)}


def test_who_asks_is_gathered_over_all_targets() -> None:
    """A package that one target needs for one reason and another for another names both."""
    names = ("asr", "a", "b", "idna")
    resolutions = tuple(
        make_resolution(*map(make_resolved, names), target=target) for target in (LINUX, ARM)
    )
    metadata = make_metadata(
        *resolutions,
        asr=("a", "b"),
        a=('idna; platform_machine == "x86_64"',),
        b=('idna; platform_machine == "aarch64"',),
    )
    assert named(merge(*resolutions, metadata=metadata), "idna")[0].required_by == ("a", "b")


def test_the_order_of_answers_does_not_matter() -> None:
    """The same files give the same bytes, in whatever order a resolver lists them."""
    names = ("urllib3", "asr", "rich", "idna")
    metadata_of = {"asr": ("urllib3", "rich"), "urllib3": ("idna",), "rich": ("idna",)}
    texts = set()
    for order in (names, tuple(reversed(names)), ("idna", "asr", "urllib3", "rich")):
        resolutions = tuple(
            make_resolution(*map(make_resolved, order), target=target) for target in (LINUX, ARM)
        )
        lockfile = merge(*resolutions, metadata=make_metadata(*resolutions, **metadata_of))
        texts.add(render_lockfile(lockfile))
    (text,) = texts
    assert parse_lockfile(text, file="x").targets == (LINUX, ARM)


def test_addresses_are_forgotten() -> None:
    """Where a file was seen is for this run alone."""
    resolution = make_resolution(make_resolved("asr"))
    assert "://" in resolution.files[0].url
    driver = replace(DRIVER, platforms=(str(LINUX.platform),))
    assert "://" not in render_lockfile(merge(resolution, platforms=driver.platforms))


def test_the_version_is_that_of_the_package_that_names_it() -> None:
    """A driver's version is that of `version-of`, on the first target."""
    one = make_resolution(make_resolved("asr"), make_resolved("torch", "2.9.0"), target=LINUX)
    two = make_resolution(make_resolved("asr"), make_resolved("torch", "2.8.0"), target=ARM)
    assert merge(one, two, version_of="torch").version == "2.9.0"


def test_a_version_of_nothing_is_said_with_its_key() -> None:
    """A requirement whose marker does not hold cannot name the version: said with what to change."""
    with pytest.raises(UnsatisfiableError) as caught:
        merge(make_resolution(make_resolved("other"), target=MAC), version_of="asr")
    (problem,) = caught.value.problems
    assert problem.key == "drivers.asr.version-of"
    assert "is not needed on 3.12-arm64-macosx_14_0" in problem.message
    assert problem.hint == "name another package in `version-of`"


def test_versions_are_ordered_as_versions() -> None:
    """2.9 comes before 2.10, as PEP 440 has it and text has not."""
    targets = (LINUX, ARM, MAC)
    versions = ("2.10", "2.9", "2.9rc1")
    resolutions = [
        make_resolution(make_resolved("asr", version), target=target)
        for version, target in zip(versions, targets, strict=True)
    ]
    assert [p.version for p in merge(*resolutions).packages] == ["2.9rc1", "2.9", "2.10"]
