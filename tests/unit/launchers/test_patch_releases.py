"""The condition under which an export asks for a package."""

from __future__ import annotations

import pytest
from packaging.markers import Marker

from envbuild.launchers.patch_releases import package_marker
from envbuild.lockfile.soundness import packages_here
from envbuild.target.target import parse_target
from envbuild.value import replace
from tests.support.values import make_driver, make_lockfile, make_package

LINUX, ARM = "x86_64-manylinux_2_28", "aarch64-manylinux_2_28"
REQUIRES = (
    'from-some; python_full_version >= "3.11.4"',
    'before; python_full_version < "3.11.4"',
    'between; python_full_version > "3.11.2" and python_full_version <= "3.11.5"',
    'but-one; python_full_version != "3.11.3"',
    'always; python_full_version >= "3.8.1"',
    'always; platform_release >= "6"',
)
OLD = ("before", "between", "deep")
"""Needed on 3.11 alone."""

NAMES = ("from-some", "before", "between", "but-one", "always", "deep")


@pytest.mark.parametrize("pythons", [("3.11",), ("3.12", "3.11"), ("3.11.3",)])
@pytest.mark.parametrize("platforms", [(LINUX,), (LINUX, ARM)])
def test_it_holds_where_a_host_needs_the_package(
    pythons: tuple[str, ...], platforms: tuple[str, ...]
) -> None:
    """The marker of an export is true on just the patch releases on which `sync` installs the package."""
    driver = make_driver("asr", python=pythons, platforms=platforms)
    targets = tuple(parse_target(f"{python}-{on}") for python in pythons for on in platforms)
    more = {"from-some": ('deep; python_full_version < "3.11.7"',)}
    old = tuple(target for target in targets if target.python != "3.12")
    packages = tuple(
        make_package(name, requires=more.get(name, ()), targets=old if name in OLD else targets)
        for name in NAMES
    )
    asr = make_package("asr", requires=REQUIRES, targets=targets)
    lockfile = make_lockfile(driver, asr, *packages)
    for target in targets:
        for patch in range(10):
            python = f"{'.'.join(target.python.split('.')[:2])}.{patch}"
            if target.has_patch and target.python != python:
                continue
            here = replace(target, python=python, kernel=("6.1", "#1"))
            needed = {package.name for package in packages_here(lockfile, target, here)}
            for package in lockfile.packages_for(target):
                text = package_marker(package, lockfile)
                environment = here.marker_environment() | {"extra": ""}
                holds = text is None or Marker(text).evaluate(environment)
                if not target.has_patch:
                    assert holds is (package.name in needed), (package.name, python, text)
                assert holds or package.name not in needed


def test_what_is_needed_everywhere_has_none() -> None:
    """A marker that decides nothing on the target's hosts is left out."""
    driver = make_driver("asr", python=("3.11",))
    targets = (parse_target(f"3.11-{LINUX}"),)
    always = make_package("always", targets=targets)
    asr = make_package("asr", requires=REQUIRES[-2:], targets=targets)
    lockfile = make_lockfile(driver, always, asr)
    assert package_marker(always, lockfile) is None
