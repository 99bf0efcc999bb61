"""Whole values for property tests, each as the rest of the program could make it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from envbuild.lockfile.lockfile import (
    HeldBack,
    Inputs,
    LockedBuild,
    LockedFile,
    LockedPackage,
    LockedVariant,
    Lockfile,
)
from envbuild.lockfile.warnings import REASONS
from envbuild.target.target import Platform, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

names = st.from_regex(r"[a-z0-9]{1,5}(-[a-z0-9]{1,5}){0,2}", fullmatch=True)
"""Packages, indexes and drivers."""

versions = st.from_regex(
    r"([1-9]!)?[0-9]{1,2}(\.[0-9]{1,3}){0,3}((a|rc)[1-9])?(\+[a-z0-9]{1,5})?", fullmatch=True
)
commands = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,8}", fullmatch=True)
sha256s = st.integers(0, 2**256 - 1).map(lambda number: f"{number:064x}")
texts = st.builds(
    "{}{}{}".format,
    names,
    st.sampled_from(["", "[extra]", ">=1.2,<3", " (>=2.*)", "!=1.0; python_version < '3.11'"]),
    st.one_of(
        st.just(""),
        st.text(st.sampled_from("aäßñжλ中"), min_size=1, max_size=9).map(
            lambda word: f' ; os_name == "{word}"'
        ),
    ),
).filter(lambda text: text.count(";") < 2)
"""Requirements, with any letter that UTF-8 knows in what their markers compare with."""

pythons = st.integers(8, 20).map(lambda minor: f"3.{minor}")
platforms = st.one_of(
    st.builds(
        Platform,
        arch=st.sampled_from(["x86_64", "aarch64"]),
        system=st.sampled_from(["manylinux", "musllinux"]),
        major=st.integers(1, 2),
        minor=st.integers(0, 40),
    ),
    st.builds(
        Platform,
        arch=st.sampled_from(["x86_64", "arm64"]),
        system=st.just("macosx"),
        major=st.integers(11, 26),
        minor=st.integers(0, 9),
    ),
)


def tuples_of(
    items: st.SearchStrategy[str], *, least: int = 0
) -> st.SearchStrategy[tuple[str, ...]]:
    """A few different items in any order."""
    return st.lists(items, min_size=least, max_size=3, unique=True).map(tuple)


@st.composite
def locked_files(draw: st.DrawFn, targets: tuple[Target, ...]) -> tuple[LockedFile, ...]:
    """Files that share the targets out among them, in any number from one to one for each."""
    groups: dict[int, list[Target]] = {}
    for target in targets:
        groups.setdefault(draw(st.integers(0, 2)), []).append(target)
    return tuple(
        LockedFile(
            name=draw(
                st.from_regex(
                    r"[A-Za-z0-9][A-Za-z0-9!+._-]{0,9}\.(whl|tar\.gz|zip)", fullmatch=True
                )
            ),
            size=draw(st.integers(0, 10**12)),
            sha256=draw(sha256s),
            targets=tuple(taking),
        )
        for taking in groups.values()
    )


@st.composite
def locked_packages(draw: st.DrawFn, targets: Sequence[Target]) -> tuple[LockedPackage, ...]:
    """Packages with one version, or with two that share the targets out."""
    packages: list[LockedPackage] = []
    for name in sorted(draw(st.lists(names, max_size=3, unique=True))):
        border = draw(st.integers(0, len(targets)))
        parts = [part for part in (targets[:border], targets[border:]) if part]
        packages += [draw(locked_package(name, tuple(part))) for part in parts]
    return tuple(packages)


@st.composite
def locked_package(draw: st.DrawFn, name: str, targets: tuple[Target, ...]) -> LockedPackage:
    """A version of a package for some targets."""
    return LockedPackage(
        name=name,
        version=draw(versions),
        index=draw(names),
        targets=targets,
        requires=draw(st.lists(texts, max_size=3).map(tuple)),
        required_by=draw(tuples_of(st.one_of(st.just("."), names))),
        files=draw(locked_files(targets)),
        yanked=draw(st.sampled_from((None, "", "it is broken"))),
    )


bindings = st.dictionaries(names, tuples_of(names), max_size=2).map(lambda one: tuple(one.items()))
variants = st.lists(
    st.builds(
        LockedVariant,
        name=st.sampled_from(("cuda13", "cpu", "rocm-7")),
        requires=tuples_of(texts.filter(lambda text: ".*" not in text)),
        indexes=bindings,
    ),
    max_size=2,
    unique_by=lambda one: one.name,
).map(tuple)


@st.composite
def inputs(draw: st.DrawFn) -> Inputs:
    """What a driver may ask for."""
    lines = tuples_of(texts.filter(lambda text: ".*" not in text))
    return Inputs(
        requires=draw(lines),
        constraints=draw(lines),
        overrides=draw(lines),
        python=draw(tuples_of(pythons, least=1)),
        platforms=draw(tuples_of(platforms.map(str), least=1)),
        exclude_newer=draw(st.one_of(st.none(), st.sampled_from(["2026-11-01", "7 days"]))),
        exclude_newer_packages=draw(st.sampled_from([(), (("acme", None), ("b", "7 days"))])),
        allow_sdist=draw(tuples_of(names)),
        version_of=draw(names),
        indexes=draw(bindings),
        variants=draw(variants),
    )


@st.composite
def lockfiles(draw: st.DrawFn) -> Lockfile:
    """Any lockfile that keeps its rules: one version and one file of a package for each target."""
    from envbuild.target.target import parse_target

    asked = draw(inputs())
    targets = tuple(
        parse_target(f"{python}-{platform}{end}")
        for python in asked.python
        for platform in asked.platforms
        for end in [f"@{variant.name}" for variant in asked.variants] or [""]
    )
    return Lockfile(
        driver=draw(names),
        version=draw(versions),
        inputs=asked,
        targets=targets,
        packages=draw(locked_packages(targets)),
        builds=draw(st.lists(locked_builds(targets), max_size=2).map(tuple)),
        held_back=draw(st.lists(held_back(targets), max_size=2).map(tuple)),
    )


@st.composite
def locked_builds(draw: st.DrawFn, targets: tuple[Target, ...]) -> LockedBuild:
    """A build on all targets or on the first, with wheels of different packages."""
    taking = draw(st.sampled_from((targets, targets[:1])))
    files = tuple(
        LockedFile(
            name=f"{name.replace('-', '_')}-1.0-py3-none-any.whl",
            size=draw(st.integers(0, 10**12)),
            sha256=draw(sha256s),
            targets=draw(st.sampled_from((taking, taking[:1]))),
        )
        for name in draw(st.lists(names, max_size=3, unique=True))
    )
    declared = tuples_of(texts.filter(lambda text: ".*" not in text))
    return LockedBuild(
        package=draw(names),
        version=draw(versions),
        targets=taking,
        requires=draw(declared),
        added=draw(declared),
        options=draw(st.just("") | sha256s),
        files=files,
    )


def held_back(targets: tuple[Target, ...]) -> st.SearchStrategy[HeldBack]:
    """Something that was passed over on all targets or on the first."""
    return st.builds(
        HeldBack,
        package=names,
        locked=versions,
        passed_over=st.none() | versions,
        reason=st.sampled_from(REASONS),
        blockers=tuples_of(names),
        targets=st.sampled_from((targets, targets[:1])),
    )
