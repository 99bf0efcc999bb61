"""Check the declaration's rules across drivers against the lockfiles."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from envbuild.conflicts.meeting import have_common_variants, shared_targets
from envbuild.conflicts.same_source import is_sourced, same_source, version_words
from envbuild.errors import Problem
from envbuild.finding import Code, Finding
from envbuild.lockfile.soundness import check_soundness
from envbuild.lockfile.text import package_line
from envbuild.requirement.parse import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.conflicts.meeting import Meeting
    from envbuild.declaration.declaration import Agree, Coexist, Declaration
    from envbuild.lockfile.lockfile import LockedPackage, Lockfile

_SHOWN = 5


def check_rules(
    declaration: Declaration, lockfiles: Mapping[str, Lockfile], folder: str
) -> tuple[Finding, ...]:
    """Every rule that the lockfiles break; a driver without a lockfile breaks none.

    `folder` is the lockfiles' folder, as findings name it.
    """
    found = list(_coexist_findings(declaration, lockfiles))
    for agree in declaration.agree:
        found += _agree_findings(declaration, agree, lockfiles, folder)
    return tuple(found)


def rule_problems(
    declaration: Declaration, lockfiles: Mapping[str, Lockfile]
) -> tuple[Problem, ...]:
    """Rules about a package that none of their drivers has, once all of these are locked."""
    return tuple(
        Problem(
            file=declaration.file,
            line=agree.line,
            key="agree.packages",
            message=f"no driver of this rule has the package {package!r}",
            hint="check its spelling, or remove it from the rule",
        )
        for agree in declaration.agree
        if all(driver in lockfiles for driver in agree.drivers)
        for package in agree.packages
        if not _holders(agree, package, lockfiles)
    )


def coexist_groups(declaration: Declaration) -> tuple[tuple[str, ...], ...]:
    """Drivers that are locked together: rules that share a driver count as one rule."""
    groups: list[set[str]] = []
    for rule in declaration.coexist:
        together = set(rule.drivers)
        apart = []
        for group in groups:
            if group & together:
                together |= group
            else:
                apart.append(group)
        groups = [*apart, together]
    order = [driver.name for driver in declaration.drivers]
    return tuple(tuple(sorted(group, key=order.index)) for group in groups)


def rule_reasons(
    declaration: Declaration, lockfiles: Mapping[str, Lockfile]
) -> dict[str, tuple[str, ...]]:
    """The rules for which a driver must be locked again, by driver."""
    reasons: dict[str, tuple[str, ...]] = {}
    for _, pair, apart in _pairs_apart(declaration, lockfiles):
        for driver in pair:
            reasons[driver] = (*reasons.get(driver, ()), apart)
    for agree in declaration.agree:
        for package in agree.packages:
            if agreement(agree, package, lockfiles):
                said = f"{package} must be the same version in {', '.join(agree.drivers)}"
                for driver in _holders(agree, package, lockfiles):
                    reasons[driver] = (*reasons.get(driver, ()), said)
    return reasons


def agreement(rule: Agree, package: str, lockfiles: Mapping[str, Lockfile]) -> tuple[str, ...]:
    """The versions that drivers of a rule could agree on, the newest first; empty if they agree.

    With variants they are without local versions, as `2.9.0+cu130` and `2.9.0+cpu` differ from variant to variant.
    """
    apart = _apart_packages(rule.drivers, package, lockfiles)
    versions = {
        one.version for found in apart.values() for locked in found.values() for one in locked
    }
    if any(lockfiles[name].inputs.variants for name in rule.drivers if name in lockfiles):
        versions = {parse_version(version).public for version in versions}
    return tuple(sorted(versions, key=parse_version, reverse=True))


def coexist_problems(
    declaration: Declaration, lockfiles: Mapping[str, Lockfile]
) -> tuple[Problem, ...]:
    """The problems of a joint resolution: no common target, or pins that a driver's own rules forbid."""
    problems = [
        Problem(
            file=declaration.file,
            line=rule.line,
            key="coexist.drivers",
            message=apart,
            hint="give both the same Pythons, platforms and variants, or remove one from the rule",
        )
        for rule, _, apart in _pairs_apart(declaration, lockfiles)
    ]
    together = {driver for rule in declaration.coexist for driver in rule.drivers}
    for driver in sorted(together & lockfiles.keys()):
        for finding in check_soundness(lockfiles[driver], driver):
            message = f"locked together with others, {finding.message}"
            hint = "another driver has an override that this one lacks; add it here too"
            problems.append(Problem(message=message, hint=hint))
    return tuple(problems)


def _holders(rule: Agree, package: str, lockfiles: Mapping[str, Lockfile]) -> tuple[str, ...]:
    """The rule's drivers that have the package locked."""
    return tuple(
        driver
        for driver in rule.drivers
        if driver in lockfiles
        and any(entry.name == package for entry in lockfiles[driver].every_package)
    )


def _coexist_findings(
    declaration: Declaration, lockfiles: Mapping[str, Lockfile]
) -> Iterator[Finding]:
    for rule, (first, second), apart in _pairs_apart(declaration, lockfiles):
        yield Finding(
            code=Code.RULE_COEXIST,
            subject=f"{first}, {second}",
            message=apart,
            path=declaration.file,
            line=rule.line,
            hint="run `envbuild lock`, which resolves them together; "
            f"`envbuild conflicts {first} {second}` shows the conflict",
        )


def _pairs_apart(
    declaration: Declaration, lockfiles: Mapping[str, Lockfile]
) -> Iterator[tuple[Coexist, tuple[str, str], str]]:
    """Each rule with two locked drivers of it that differ in their pins, and the reason."""
    for rule in declaration.coexist:
        for first, second in combinations(rule.drivers, 2):
            if first in lockfiles and second in lockfiles:
                apart = _apart(lockfiles[first], lockfiles[second])
                if apart is not None:
                    yield rule, (first, second), apart


def _apart(first: Lockfile, second: Lockfile) -> str | None:
    """Why two lockfiles differ in their pins, or None if they do not."""
    shared = shared_targets(first.targets, second.targets)
    if not shared:
        what = "Python and platform"
        if not have_common_variants(first.targets, second.targets):
            what = "variant"
        return f"{first.driver} and {second.driver} must coexist and share no {what}"
    differing: dict[str, tuple[str, str]] = {}
    for meetings in shared:
        for meeting in meetings.meetings:
            differing.update(_differing(first, second, meeting))
    if not differing:
        return None
    shown = [
        f"{name} {ours} and {theirs}" for name, (ours, theirs) in sorted(differing.items())[:_SHOWN]
    ]
    sourced = any("(" in words for pair in differing.values() for words in pair)
    what = "versions or sources" if sourced else "versions"
    more = f" and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
    return (
        f"{first.driver} and {second.driver} must coexist and lock different {what}: "
        f"{', '.join(shown)}{more}"
    )


def _differing(first: Lockfile, second: Lockfile, meeting: Meeting) -> dict[str, tuple[str, str]]:
    ours = {package.name: package for package in first.packages_for(meeting.first)}
    theirs = {package.name: package for package in second.packages_for(meeting.second)}
    return {
        name: (version_words(ours[name]), version_words(theirs[name]))
        for name in ours.keys() & theirs.keys()
        if not _are_same(ours[name], theirs[name])
    }


def _are_same(one: LockedPackage, other: LockedPackage) -> bool:
    return one.version == other.version and same_source(one, other)


def _agree_findings(
    declaration: Declaration, rule: Agree, lockfiles: Mapping[str, Lockfile], folder: str
) -> Iterator[Finding]:
    for package in rule.packages:
        apart = _apart_packages(rule.drivers, package, lockfiles)
        everyone = [one for found in apart.values() for locked in found.values() for one in locked]
        what = "version of one source" if any(map(is_sourced, everyone)) else "version"
        said = ";".join(_apart_words(found, variant) for variant, found in apart.items())
        concerned: dict[str, str] = {}
        for found in apart.values():
            for driver, locked in found.items():
                concerned.setdefault(driver, locked[0].version)
        for driver, version in concerned.items():
            yield Finding(
                code=Code.RULE_AGREE,
                subject=driver,
                message=f"{package} must be the same {what} everywhere "
                f"({declaration.file}:{rule.line}), but is not{said}",
                path=f"{folder}/{driver}.toml",
                line=package_line(lockfiles[driver], package, version),
                hint="run `envbuild lock`; if that does not help, add a constraint on the package",
            )


def _apart_words(found: dict[str, tuple[LockedPackage, ...]], variant: str | None) -> str:
    """`: asr 2.9.0, tts 2.8.0`, or ` for variant cpu: …`."""
    where = f" for variant {variant}" if variant is not None else ""
    drivers = (
        f"{driver} {'/'.join(dict.fromkeys(map(version_words, locked)))}"
        for driver, locked in found.items()
    )
    return f"{where}: {', '.join(drivers)}"


def _apart_packages(
    drivers: tuple[str, ...], package: str, lockfiles: Mapping[str, Lockfile]
) -> dict[str | None, dict[str, tuple[LockedPackage, ...]]]:
    """The packages that should be one version of one source and are several: for each variant, those of each driver.

    Versions of different variants need not be the same; a driver without variants is compared with each.
    """
    found: dict[str | None, dict[str, list[LockedPackage]]] = {}
    for driver in drivers:
        for entry in lockfiles[driver].every_package if driver in lockfiles else ():
            if entry.name == package:
                for variant in dict.fromkeys(target.variant for target in entry.targets):
                    found.setdefault(variant, {}).setdefault(driver, []).append(entry)
    everywhere = found.pop(None, {})
    groups = {variant: {**everywhere, **own} for variant, own in found.items()}
    return {
        variant: {driver: tuple(group[driver]) for driver in drivers if driver in group}
        for variant, group in (groups or {None: everywhere}).items()
        if not _all_same([one for locked in group.values() for one in locked])
    }


def _all_same(packages: list[LockedPackage]) -> bool:
    return all(_are_same(packages[0], one) for one in packages)
