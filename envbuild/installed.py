"""Whether what is installed in one environment fits together, and fits what was declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.finding import Finding
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


@value
class Distribution:
    """One installed package."""

    name: str
    """Normalised (PEP 503)."""

    version: str
    requires: tuple[str, ...]
    """Its own `Requires-Dist`, as published."""


def unmet_requirements(
    driver: str,
    distributions: Iterable[Distribution],
    python_version: str,
    overridden: Iterable[str] = (),
) -> Iterator[Finding]:
    """Every requirement of an installed package that what is installed does not meet.

    Requirements of extras are left out: nobody wrote down which extras were asked for.
    So are packages that the declaration `overridden`.
    """
    installed = {item.name: item.version for item in distributions}
    environment = _marker_environment(python_version)
    free = set(overridden)
    for item in distributions:
        for text in item.requires:
            message = _unmet(text, installed, environment, free)
            if message is not None:
                yield Finding(
                    code="requirement",
                    subject=driver,
                    message=f"{item.name} {item.version} {message}",
                    hint="lock and sync; or declare an override, if it is known to work",
                )


def outside_range(
    driver: str, requires: Iterable[str], installed: Mapping[str, str]
) -> Iterator[Finding]:
    """Every range of the declaration that what is installed does not meet."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    for text in requires:
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        version = installed.get(name)
        if version is not None and not requirement.specifier.contains(version, prereleases=True):
            message = f"{name} {version} is installed, and drivers.toml asks for {text}"
            yield Finding(
                code="range", subject=driver, message=message, hint="run `envbuild lock` and `sync`"
            )


def _unmet(
    text: str, installed: Mapping[str, str], environment: dict[str, str], free: set[str]
) -> str | None:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return None
    name = canonicalize_name(requirement.name)
    if name in free or (
        requirement.marker is not None and not requirement.marker.evaluate(environment)
    ):
        return None
    version = installed.get(name)
    if version is None:
        return f"asks for {requirement.name}{requirement.specifier}, which is not installed"
    if not requirement.specifier.contains(version, prereleases=True):
        return f"asks for {requirement.name}{requirement.specifier}, and {version} is installed"
    return None


def _marker_environment(python_version: str) -> dict[str, str]:
    """This host's markers, for another Python than envbuild's own."""
    from packaging.markers import default_environment

    return {
        **{key: str(value) for key, value in default_environment().items()},
        "python_version": ".".join(python_version.split(".")[:2]),
        "python_full_version": python_version,
        "implementation_version": python_version,
        "extra": "",
    }
