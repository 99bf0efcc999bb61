"""Which packages of a host a driver is locked with, at which versions."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from envbuild.declaration.driver import inherited_name
from envbuild.errors import Problem, UsageError
from envbuild.imports.host_packages import HostPackage
from envbuild.lockfile.lockfile import INHERITED, LockedPackage
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from envbuild.declaration.driver import Driver, Inherit
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.target.target import Target


@value
class HostLists:
    """Where `lock` learns what hosts have."""

    given: tuple[tuple[str | None, tuple[HostPackage, ...]], ...] = ()
    """The lists of `--host-packages`, each with the variant that it is for; None for every driver and variant."""

    ask: Callable[[str], tuple[HostPackage, ...] | None] | None = None
    """The packages of a Python of this host, by its path; None if it is not here."""

    file: str = "drivers.toml"
    """The declaration's file, for messages."""

    def given_for(self, variant: str | None) -> tuple[HostPackage, ...] | None:
        """The list that a variant gets; None without one."""
        lists = dict(self.given)
        return lists.get(variant, lists.get(None))


def inherited_packages(
    driver: Driver, targets: tuple[Target, ...], previous: Lockfile | None, lists: HostLists
) -> tuple[LockedPackage, ...]:
    """The host's packages that a driver takes, ordered by name and version; those of a variant for its targets.

    Versions come from `--host-packages`, else from the lockfile if the variant still names the same packages,
    else from the declaration if it has all of them, else from the named Python if this host has it.
    UsageError if none knows them, or lacks a package.
    """
    found: dict[tuple[str, str, tuple[str, ...]], set[Target]] = {}
    for variant, inherit in driver.inherits:
        own = {target for target in targets if target.variant == variant}
        for package in _packages(driver, variant, inherit, previous, lists):
            key = (package.name, package.version, package.requires)
            found.setdefault(key, set()).update(own)
    return tuple(
        LockedPackage(
            name=name,
            version=version,
            index=INHERITED,
            targets=tuple(target for target in targets if target in on),
            requires=requires,
            required_by=(),
            files=(),
        )
        for (name, version, requires), on in sorted(found.items(), key=lambda item: item[0])
    )


def _packages(
    driver: Driver,
    variant: str | None,
    inherit: Inherit,
    previous: Lockfile | None,
    lists: HostLists,
) -> Iterator[HostPackage]:
    """What one variant takes."""
    given = lists.given_for(variant)
    locked = _locked(previous, variant, inherit)
    if given is None and locked is not None:
        yield from locked
        return
    declared = tuple(_declared(inherit.packages))
    if given is not None:
        there: tuple[HostPackage, ...] | None = given
    elif len(declared) == len(inherit.packages):
        there = declared
    else:
        there = lists.ask(inherit.python) if lists.ask is not None else None
    if there is None:
        raise _unknown(driver, inherit, lists.file)
    known = {package.name: package for package in (*there, *declared)}
    _check_there(driver, inherit, known, {package.name: package for package in there}, lists.file)
    patterns = [inherited_name(one) for one in inherit.packages]
    for name, package in known.items():
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            yield package


def _locked(
    previous: Lockfile | None, variant: str | None, inherit: Inherit
) -> tuple[HostPackage, ...] | None:
    """What the lockfile has for a variant; None if that inherited other packages, or was not locked."""
    if previous is None or previous.inputs.inherit_in(variant) != inherit.packages:
        return None
    if all(target.variant != variant for target in previous.targets):
        return None
    return tuple(
        HostPackage(name=one.name, version=one.version, requires=one.requires)
        for one in previous.inherited
        if any(target.variant == variant for target in one.targets)
    )


def host_reasons(now: Iterable[LockedPackage], previous: Lockfile) -> tuple[str, ...]:
    """Why a lockfile no longer has what its hosts have."""
    before, after = _by_variant(previous.inherited), _by_variant(now)
    reasons: dict[str, None] = {}
    for name, variant in sorted({*before, *after}, key=lambda key: (key[0], key[1] or "")):
        was, is_now = before.get((name, variant)), after.get((name, variant))
        if was is None or is_now is None:
            words = f"is {'new' if was is None else 'gone'}"
        elif was.version != is_now.version:
            words = f"{was.version} became {is_now.version}"
        elif was.requires != is_now.requires:
            reasons[f"inherit: the requirements of the host's {name} changed"] = None
            continue
        else:
            continue
        reasons[f"inherit: the host's {name} {words}"] = None
    return tuple(reasons)


def _by_variant(
    packages: Iterable[LockedPackage],
) -> dict[tuple[str, str | None], LockedPackage]:
    return {
        (package.name, target.variant): package
        for package in packages
        for target in package.targets
    }


def _declared(packages: Iterable[str]) -> Iterator[HostPackage]:
    for package in packages:
        name, _, version = package.partition("==")
        if version:
            yield HostPackage(name=name, version=version)


def _check_there(
    driver: Driver,
    inherit: Inherit,
    known: Mapping[str, HostPackage],
    there: Mapping[str, HostPackage],
    file: str,
) -> None:
    """UsageError for a package by its whole name that the list lacks or has at another version."""
    problems = []
    for package in inherit.packages:
        name, _, version = package.partition("==")
        found = there.get(name)
        if "*" not in name and name not in known:
            problems.append((f"the host's list has no {name}", "remove it, or correct the list"))
        elif version and found is not None and found.version != version:
            words = f"{name} is declared as {version}, and the host's list has {found.version}"
            problems.append((words, "correct one of them"))
    if problems:
        raise UsageError(_problem(driver, inherit, file, words, hint) for words, hint in problems)


def _unknown(driver: Driver, inherit: Inherit, file: str) -> UsageError:
    python = inherit.python
    words = f"the host's versions are unknown: {python} is not a Python of this host"
    hint = (
        f"run `{python} -m pip inspect > host.json` on such a host, "
        f"and here `envbuild lock --host-packages {inherit.list_name} {driver.name}`"
    )
    return UsageError(_problem(driver, inherit, file, words, hint))


def _problem(driver: Driver, inherit: Inherit, file: str, message: str, hint: str) -> Problem:
    key = f"drivers.{driver.name}.{inherit.key}"
    return Problem(file=file, line=inherit.line, key=key, message=message, hint=hint)
