"""Which packages of a host a driver is locked with, at which versions."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from envbuild.declaration.declaration import inherited_name
from envbuild.errors import Problem, UsageError
from envbuild.imports.host_packages import HostPackage
from envbuild.lockfile.lockfile import INHERITED, LockedPackage
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from envbuild.declaration.declaration import Driver
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.target.target import Target


@value
class HostLists:
    """Where `lock` learns what hosts have."""

    given: tuple[HostPackage, ...] | None = None
    """The packages of `--host-packages`; None without it."""

    ask: Callable[[str], tuple[HostPackage, ...] | None] | None = None
    """The packages of a Python of this host, by its path; None if it is not here."""

    file: str = "drivers.toml"
    """The declaration's file, for messages."""


def inherited_packages(
    driver: Driver, targets: tuple[Target, ...], previous: Lockfile | None, lists: HostLists
) -> tuple[LockedPackage, ...]:
    """The host's packages that a driver takes, ordered by name.

    Versions come from `--host-packages`, else from the lockfile if the driver still names the same packages,
    else from the declaration if it has all of them, else from the named Python if this host has it.
    UsageError if none knows them, or lacks a package.
    """
    if driver.inherit is None:
        return ()
    named = driver.inherit.packages
    if lists.given is None and previous is not None and previous.inputs.inherit == named:
        return previous.inherited
    declared = tuple(_declared(named))
    if lists.given is not None:
        there: tuple[HostPackage, ...] | None = lists.given
    elif len(declared) == len(named):
        there = declared
    else:
        there = lists.ask(driver.inherit.python) if lists.ask is not None else None
    if there is None:
        raise _unknown(driver, lists.file)
    known = {package.name: package for package in (*there, *declared)}
    _check_there(driver, known, {package.name: package for package in there}, lists.file)
    patterns = [inherited_name(one) for one in named]
    return tuple(
        LockedPackage(
            name=name,
            version=package.version,
            index=INHERITED,
            targets=targets,
            requires=package.requires,
            required_by=(),
            files=(),
        )
        for name, package in sorted(known.items())
        if any(fnmatchcase(name, pattern) for pattern in patterns)
    )


def host_reasons(now: Iterable[LockedPackage], previous: Lockfile) -> tuple[str, ...]:
    """Why a lockfile no longer has what its hosts have."""
    before = {package.name: package for package in previous.inherited}
    after = {package.name: package for package in now}
    reasons = []
    for name in sorted({*before, *after}):
        was, is_now = before.get(name), after.get(name)
        if was is None or is_now is None:
            reasons.append(f"inherit: the host's {name} is {'new' if was is None else 'gone'}")
        elif was.version != is_now.version:
            reasons.append(f"inherit: the host's {name} {was.version} became {is_now.version}")
        elif was.requires != is_now.requires:
            reasons.append(f"inherit: the requirements of the host's {name} changed")
    return tuple(reasons)


def _declared(packages: Iterable[str]) -> Iterator[HostPackage]:
    for package in packages:
        name, _, version = package.partition("==")
        if version:
            yield HostPackage(name=name, version=version)


def _check_there(
    driver: Driver,
    known: Mapping[str, HostPackage],
    there: Mapping[str, HostPackage],
    file: str,
) -> None:
    """UsageError for a package by its whole name that the list lacks or has at another version."""
    problems = []
    for package in driver.inherit.packages if driver.inherit is not None else ():
        name, _, version = package.partition("==")
        found = there.get(name)
        if "*" not in name and name not in known:
            problems.append((f"the host's list has no {name}", "remove it, or correct the list"))
        elif version and found is not None and found.version != version:
            words = f"{name} is declared as {version}, and the host's list has {found.version}"
            problems.append((words, "correct one of them"))
    if problems:
        raise UsageError(_problem(driver, file, words, hint) for words, hint in problems)


def _unknown(driver: Driver, file: str) -> UsageError:
    python = driver.inherit.python if driver.inherit is not None else ""
    return UsageError(
        _problem(
            driver,
            file,
            f"nothing says which versions the host has: {python} is not a Python of this host",
            f"run `{python} -m pip inspect > host.json` on such a host, "
            f"and here `envbuild lock --host-packages host.json {driver.name}`",
        )
    )


def _problem(driver: Driver, file: str, message: str, hint: str) -> Problem:
    line = dict(driver.origins).get("inherit", driver.line)
    return Problem(
        file=file, line=line, key=f"drivers.{driver.name}.inherit", message=message, hint=hint
    )
