"""Check that a lockfile's content is valid, and small enough to work with.

A correct digest only proves that the text is complete; anybody can compute one.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

from envbuild.requirement.parse import holds, parse_requirement, parse_version
from envbuild.target.target import MOST_TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.lockfile.lockfile import Inputs, LockedFile, LockedPackage, Lockfile
    from envbuild.target.target import Target

_MOST_PACKAGES = 4000
_MOST_LINES = 5000
"""The most requirements, and constraints, of a driver."""

_MOST_OVERRIDES = 20
"""The most overrides of one package."""

_MOST_WORK = 100_000
"""The most requirements of all packages, times the targets; and times the extras requested of each."""

_LONGEST = 4000
_MOST_PARENTHESES = 40

_QUOTED = r"""(?:"{0}"|'{0}')"""
_NUMBERS = _QUOTED.format("[0-9][0-9.*]*+")
_WORDS = _QUOTED.format("[A-Za-z_][A-Za-z0-9_. -]*+")
_OPERATOR = r" ?(?:==|!=|<=|>=|<|>|not in|in) ?"
_COMPARISON = (
    rf"(?:(?:python_version|python_full_version|implementation_version){_OPERATOR}{_NUMBERS}"
    r"|(?:extra|os_name|sys_platform|platform_machine|platform_system|implementation_name"
    rf"|platform_python_implementation){_OPERATOR}{_WORDS})"
)
_PLAIN = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*+ ?(?:\[[A-Za-z0-9._, -]*+\])?+ ?"
    r"(?:\([<>=!~][A-Za-z0-9.,<>=!~*+ _-]*+\)|[<>=!~][A-Za-z0-9.,<>=!~*+ _-]*+)?+"
    rf"(?: ?; ?\(*+{_COMPARISON}\)*+(?: (?:and|or) \(*+{_COMPARISON}\)*+)*+)?+"
)
"""Nearly all published requirements match, and a match can be evaluated without error."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def check_content(lockfile: Lockfile) -> None:
    """ValueError says which text is invalid."""
    _check_amounts(lockfile)
    for text in (*lockfile.inputs.all_requires, *lockfile.inputs.constraints):
        _check_declared(text, lockfile.targets)
    _check_overrides(lockfile)
    parse_version(lockfile.version)
    for package in lockfile.every_package:
        parse_version(package.version)
        for text in package.requires:
            _check_published(text, lockfile.targets)
    for build in lockfile.builds:
        parse_version(build.version)
        for text in (*build.requires, *build.added):
            _check_declared(text, build.targets)
    for held in lockfile.held_back:
        parse_version(held.locked)
        parse_version(held.passed_over or held.locked)
    _check_extras(lockfile.every_package, lockfile.inputs)


def _check_amounts(lockfile: Lockfile) -> None:
    inputs = lockfile.inputs
    packages = lockfile.every_package
    texts = sum(len(package.requires) for package in packages)
    for amount, most, what in (
        (len(packages), _MOST_PACKAGES, "packages"),
        (len(lockfile.builds), _MOST_PACKAGES, "builds"),
        (sum(len(one.files) for one in lockfile.builds), _MOST_LINES, "files to build with"),
        (sum(len(one.requires) for one in lockfile.builds), _MOST_LINES, "build requirements"),
        (len(lockfile.held_back), _MOST_LINES, "versions that were passed over"),
        (sum(len(held.blockers) for held in lockfile.held_back), _MOST_LINES, "blockers"),
        (len(lockfile.targets), MOST_TARGETS, "targets"),
        (len(inputs.all_requires), _MOST_LINES, "requirements of the driver"),
        (len(inputs.constraints), _MOST_LINES, "constraints"),
        (len(inputs.overrides), _MOST_LINES, "overrides"),
        (texts * len(lockfile.targets), _MOST_WORK, "requirements, for each of its targets"),
    ):
        if amount > most:
            raise ValueError(f"it has {amount} {what}, but at most {most} are allowed")


@cache
def _check_declared(text: str, targets: tuple[Target, ...]) -> None:
    """A driver's requirements become lines for a resolver, so each must be a valid requirement."""
    from packaging.requirements import Requirement

    _check_length(text)
    if Requirement(text).url is not None or text[:1] == "-":
        raise ValueError(f"{text!r} is not a requirement on a version")
    _check_published(text, targets)


def _check_overrides(lockfile: Lockfile) -> None:
    counted: dict[str, int] = {}
    for text in lockfile.inputs.overrides:
        _check_declared(text, lockfile.targets)
        name = parse_requirement(text).name
        counted[name] = counted.get(name, 0) + 1
        if counted[name] > _MOST_OVERRIDES:
            raise ValueError(f"{name} has more than {_MOST_OVERRIDES} overrides")


def _check_published(text: str, targets: tuple[Target, ...]) -> None:
    """A published requirement: a name, perhaps extras, a range (an old form too), a marker that can be evaluated."""
    if not _is_plain(text):
        _check_unusual(text, targets)


@cache
def _is_plain(text: str) -> bool:
    """Whether it is of the usual form, which is valid on every target."""
    return len(text) <= _LONGEST and _PLAIN.fullmatch(text) is not None and _is_balanced(text)


@cache
def _check_unusual(text: str, targets: tuple[Target, ...]) -> None:
    _check_length(text)
    if "@" in text.partition(";")[0]:
        raise ValueError(f"{text!r} names an address")
    marker = parse_requirement(text).marker
    for target in targets:
        holds(marker, target)
        holds(marker, target, "extra")


def _is_balanced(text: str) -> bool:
    """Whether parentheses are balanced."""
    depth = 0
    for character in text if "(" in text or ")" in text else "":
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return False
    return depth == 0 and text.count("(") <= _MOST_PARENTHESES


def _check_length(text: str) -> None:
    if len(text) > _LONGEST:
        raise ValueError(f"{text[:80]!r} is longer than {_LONGEST} characters")
    if text.count("(") > _MOST_PARENTHESES:
        raise ValueError(f"{text[:80]!r} has more than {_MOST_PARENTHESES} parentheses")
    if _CONTROL.search(text):
        raise ValueError(f"{text[:80]!r} has control characters")


def _check_extras(packages: tuple[LockedPackage, ...], inputs: Inputs) -> None:
    """Limit the extras: each requested extra means one more pass over a package's requirements."""
    asked: dict[str, set[str]] = {}
    lists: Iterable[tuple[str, ...]] = (
        inputs.all_requires,
        inputs.overrides,
        *(package.requires for package in packages),
    )
    for texts in lists:
        for text in texts:
            if "[" in text:
                wanted = parse_requirement(text)
                asked.setdefault(wanted.name, set()).update(wanted.extras)
    work = sum(len(package.requires) * len(asked.get(package.name, ())) for package in packages)
    if work > _MOST_WORK:
        raise ValueError("too many extras are requested of its packages")


def check_targets(owner: str, targets: tuple[Target, ...]) -> None:
    """Check that something has at least one target, and none twice."""
    if not targets:
        raise ValueError(f"{owner} has no target")
    if len(set(targets)) < len(targets):
        raise ValueError(f"{owner} names a target twice")


def check_files(package: str, targets: tuple[Target, ...], files: tuple[LockedFile, ...]) -> None:
    """Check that each of a package's targets has exactly one of its files."""
    if len(files) == 1 and files[0].targets is targets:
        return
    if len(files) > len(targets):
        raise ValueError(f"{package} has {len(files)} files for {len(targets)} targets")
    taken = Counter(target for file in files for target in file.targets)
    for target in targets:
        if taken[target] != 1:
            raise ValueError(f"{target} takes {taken[target]} files of {package}, not one")


def check_built(package: str, files: tuple[LockedFile, ...], built: tuple[LockedFile, ...]) -> None:
    """Check that each target has at most one wheel that was built, and only where it takes a source."""
    sources = {t for file in files if not file.name.endswith(".whl") for t in file.targets}
    for target, count in Counter(target for file in built for target in file.targets).items():
        if count > 1:
            raise ValueError(f"{target} takes {count} built wheels of {package}, not one")
        if target not in sources:
            raise ValueError(f"{target} takes a wheel of {package}, which is not built")


def check_requirements(
    package: str, targets: tuple[Target, ...], files: tuple[LockedFile, ...]
) -> None:
    """Check that a build has one wheel of each package that it requires, on each of its targets."""
    from envbuild.target.wheel_choice import parse_wheel_name

    names = ((parse_wheel_name(file.name)[0], t) for file in files for t in file.targets)
    for (name, target), count in Counter(names).items():
        if count > 1 or target not in targets:
            raise ValueError(f"the build of {package} has {count} wheels of {name} on {target}")


def check_packages(packages: tuple[LockedPackage, ...]) -> None:
    """Check that a package has one version on each target."""
    counted = Counter(package.name for package in packages)
    seen: dict[str, set[Target]] = {}
    for package in packages:
        if counted[package.name] == 1:
            continue
        known = seen.setdefault(package.name, set())
        for target in package.targets:
            if target in known:
                raise ValueError(f"{package.name} is locked twice for {target}")
            known.add(target)


def refuse_address(text: str) -> None:
    """A lockfile must not have addresses of files, so that any mirror can be used."""
    if "://" not in text:
        return
    for line in text.splitlines():
        if "://" in line:
            raise ValueError(f"there is an address in {line.strip()!r}")
