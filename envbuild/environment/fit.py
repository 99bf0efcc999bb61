"""Whether what is installed in one environment fits together, and fits what was declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.finding import Code, Finding
from envbuild.lockfile.soundness import Asked, judge
from envbuild.requirement.parse import admits, parse_requirement
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.target.target import Target


@value
class Distribution:
    """One installed package, as its own METADATA has it."""

    name: str
    """Normalised (PEP 503)."""

    version: str
    requires: tuple[str, ...]
    """Its own `Requires-Dist`, as published but for line breaks."""

    requires_python: str = ""
    """Its own `Requires-Python`."""


def unmet_requirements(
    driver: str,
    distributions: Iterable[Distribution],
    here: Target,
    requires: Iterable[str] = (),
    overrides: tuple[str, ...] = (),
) -> Iterator[Finding]:
    """Every requirement of an installed package that what is installed does not meet on this host.

    `requires` and `overrides` are the declaration's, where there is one: whose extras count, and what is overridden.
    """
    installed = {item.name: item for item in distributions}
    extras = (text for text in requires if parse_requirement(text).name in installed)
    asked = Asked(driver=driver, requires=(*installed, *extras), overrides=overrides)
    for unmet in judge(asked, installed.values(), here):
        if unmet.asker is not None:
            yield Finding(
                code=Code.REQUIREMENT,
                subject=driver,
                message=unmet.message,
                hint="lock and sync; or declare an override, if it is known to work",
            )


def outside_range(
    driver: str, requires: Iterable[str], installed: Mapping[str, str]
) -> Iterator[Finding]:
    """Every range of the declaration that what is installed does not meet."""
    for text in requires:
        wanted = parse_requirement(text)
        version = installed.get(wanted.name)
        if version is not None and not admits(wanted.specifier, version):
            message = f"{wanted.name} {version} is installed, and drivers.toml asks for {text}"
            yield Finding(
                code=Code.RANGE,
                subject=driver,
                message=message,
                hint="run `envbuild lock` and `sync`",
            )
