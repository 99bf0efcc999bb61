"""A hand-made venv: its packages, which of them were requested, and its commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.imports.draft import Draft
from envbuild.lockfile.first_pins import FirstPin
from envbuild.requirement.parse import parse_requirement
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.imports.direct import SourceTable

_TOOLS = ("pip", "setuptools", "wheel", "uv")
"""Tools that make and fill venvs; a venv is seldom made for them."""


@value
class VenvPackage:
    """A package in a venv, from its dist-info."""

    name: str
    """Normalised (PEP 503)."""

    version: str
    requires: tuple[str, ...]
    requested: bool | None
    """Whether it was named when it was installed (PEP 376); None if its installer does not tell."""

    commands: tuple[str, ...]
    by_url: bool
    """Whether it came from a URL or a path (PEP 610), so that no index has it."""

    source: SourceTable = ()
    """This place as a source; empty if it cannot be one."""


def read_installed(name: str, python: str | None, found: Iterable[VenvPackage]) -> Draft:
    """A venv → a driver with the requested packages, at the versions in the venv.

    Where the installer does not tell, these are the packages that no other one requires.
    """
    packages = {package.name: package for package in found if package.name not in _TOOLS}
    needed = {
        _package_of(text)
        for package in packages.values()
        for text in package.requires
        if "extra ==" not in text
    }
    unneeded = [package for package in packages.values() if package.name not in needed]
    roots = [
        package
        for package in packages.values()
        if package.requested or (package.requested is None and package in unneeded)
    ]
    roots = roots or unneeded
    placed = [package for package in packages.values() if package.source]
    left_out = tuple(
        f"{package.name}: it came from a URL or a path; put its wheel into a folder, "
        "and bind it there with an [[index]]"
        for package in packages.values()
        if package.by_url and not package.source
    )
    kept = [package for package in roots if package.source or not package.by_url]
    commands = [command for package in kept for command in package.commands]
    binary = _binary(name, commands)
    owners = (package.name for package in kept if binary in package.commands)
    return Draft(
        name=name,
        requires=tuple(
            package.name if package.source else f"{package.name}=={package.version}"
            for package in kept
        ),
        binary=binary,
        version_of=_unless_first(next(owners, None), kept),
        python=python,
        pins=tuple(
            FirstPin(name=package.name, version=package.version)
            for package in packages.values()
            if not package.by_url
        ),
        sources=tuple((package.name, package.source) for package in placed),
        left_out=left_out,
        notes=("the versions are those of the venv: widen them if you want other versions",),
    )


def _package_of(text: str) -> str | None:
    """The package of a published requirement; None if the text is invalid."""
    try:
        return parse_requirement(text).name
    except ValueError:
        return None


def _unless_first(package: str | None, kept: list[VenvPackage]) -> str | None:
    """The package that has the command, unless the version is that of the first requirement anyway."""
    return None if package is None or package == kept[0].name else package


def _binary(name: str, commands: list[str]) -> str | None:
    return name if name in commands else next(iter(commands), None)
