"""Whether an environment that was built may be switched to: its own METADATA, on this very host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.environment.installed import read_distributions
from envbuild.errors import HostError, IndexFailureError, NoError, Problem
from envbuild.lockfile.soundness import DriverLines, judge
from envbuild.requirement.parse import parse_version
from envbuild.target.python_bound import python_hint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from envbuild.environment.installed import Distribution
    from envbuild.errors import EnvbuildError
    from envbuild.lockfile.lockfile import LockedPackage
    from envbuild.lockfile.soundness import Unmet
    from envbuild.store.plan import Wanted


def refusal_of_built(wanted: Wanted, environment: Path, *, file: str) -> EnvbuildError | None:
    """Why an environment is not switched to; None where all that its packages ask for is there.

    It is read as files; no code of it runs. `file` is the declaration's, for messages.
    """
    installed = read_distributions(environment)
    differing = tuple(_differences(wanted.locked, installed))
    if differing:
        return IndexFailureError(differing)
    driver = wanted.driver
    asked = DriverLines(
        driver=driver.name,
        requires=tuple(requirement.text for requirement in driver.requires),
        constraints=driver.constraints,
        overrides=driver.overrides,
    )
    unmet = tuple(judge(asked, installed, wanted.here))
    problems = [_problem(wanted, one, file) for one in unmet]
    if not problems:
        return None
    of_host = all(one.package == "python" for one in unmet)
    return HostError(problems) if of_host else NoError(problems)


def _problem(wanted: Wanted, unmet: Unmet, file: str) -> Problem:
    name = wanted.driver.name
    hint = f"run `envbuild lock {name}`; or declare an override, if it is known to work"
    if unmet.package == "python":
        hint = python_hint(unmet.asker or name, "VERSION")
    return Problem(
        file=file,
        line=wanted.driver.line,
        key=f"drivers.{name}.requires",
        message=f"what was built for {name} is not complete: {unmet.message}",
        hint=hint,
    )


def _differences(
    locked: Iterable[LockedPackage], installed: Iterable[Distribution]
) -> Iterator[Problem]:
    """Wheels that say something else inside than what they were locked with.

    What a source distribution is built into may differ from host to host, and is judged alone.
    """
    there = {distribution.name: distribution for distribution in installed}
    for package in locked:
        found = there.get(package.name)
        file = package.files[0].name if package.files else package.name
        if found is None or not file.endswith(".whl"):
            continue
        if parse_version(found.version) != parse_version(package.version):
            yield _lie(package, f"version {package.version}", f"version {found.version}")
        elif {*found.requires} == {*package.requires}:
            continue
        elif _compared(found.requires) != _compared(package.requires):
            yield _lie(package, *_only(package.requires, found.requires))


def _lie(package: LockedPackage, before: str, now: str) -> Problem:
    names = ", ".join(dict.fromkeys(file.name for file in package.files))
    return Problem(
        message=f"index '{package.index}': what it said of {names} is not what the wheel says inside",
        detail=f"locked: {before}\nwheel: {now}",
        hint="the wheel counts, and its index must be fixed: then run "
        f"`envbuild lock --upgrade-package {package.name}`; "
        f'until then take another version: constraints = ["{package.name}!={package.version}"]',
    )


def _only(locked: tuple[str, ...], inside: tuple[str, ...]) -> tuple[str, str]:
    """What each of two lists of requirements has that the other has not, for the user."""
    before, now = _compared(locked), _compared(inside)
    return (
        ", ".join(sorted(before - now)) or "no requirement that the wheel has not",
        ", ".join(sorted(now - before)) or "no requirement that is not locked",
    )


def _compared(requires: Iterable[str]) -> frozenset[str]:
    from envbuild.wheelcache.metadata import published_requirement

    found = set()
    for text in requires:
        try:
            found.add(published_requirement(text))
        except ValueError:
            found.add(text)
    return frozenset(found)
