"""Requirements as packages publish them; each text is parsed once in a process, and quickly.

A fleet's lockfiles repeat the same few thousand texts.
`packaging.requirements` needs thirty times as long, so it parses only what the pattern here does not match.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from envbuild.target.target import LAST_PATCH, Target
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from packaging.markers import Marker
    from packaging.specifiers import SpecifierSet
    from packaging.version import Version

    from envbuild.target.target import Platform

_PATTERN = re.compile(
    r"\s*+(?P<name>(?>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?))"
    r"\s*+(?:\[(?P<extras>[A-Za-z0-9._,\s-]*+)\])?+"
    r"\s*+(?P<open>\()?+(?P<specifier>[^@;()\[\]]*+)(?(open)\))"
    r"\s*+(?:;(?P<marker>.*))?",
    re.DOTALL,
)
"""The pattern never backtracks (`*+`, `(?>…)`), so its time is linear in the text's length."""

_ONE_EXTRA = re.compile(
    r"(?P<rest>(?:(?!\bextra\b).)* and )?extra\s*==\s*(?P<quote>['\"])(?P<extra>[A-Za-z0-9._-]+)(?P=quote)",
    re.DOTALL,
)
_SEPARATORS = re.compile(r"[-_.]+")
_OPERAND = r"""(?:"[^"]*"|'[^']*'|[a-z_]+)"""
COMPARISON = re.compile(rf"({_OPERAND}) (not in|in|[<>=!~]+) ({_OPERAND})")
"""One comparison of a marker, as `packaging` writes it."""

GIVEN = 'os_name == "posix"'
"""A comparison that is true on every target."""

_NEVER = 'os_name == ""'
_PYTHON_VARIABLES = ("python_full_version", "implementation_version")
_KERNEL_VARIABLES = ("platform_release", "platform_version")
_PATCH = re.compile(r"\d+\.\d+\.(\d+)")


@value
class PublishedRequirement:
    """One requirement; its marker is not parsed yet."""

    name: str
    """Normalised (PEP 503)."""

    extras: tuple[str, ...]
    """Normalised (PEP 685), in order."""

    specifier: str
    """As published, such as `<5,>=4.55.2`; empty for any version."""

    marker: str
    """As published; empty if it always holds."""


@cache
def normalized_name(name: str) -> str:
    """The name normalised as in PEP 503."""
    return _SEPARATORS.sub("-", name).lower()


@cache
def parse_requirement(text: str) -> PublishedRequirement:
    """Requirement text → value; ValueError if it is invalid."""
    match = _PATTERN.fullmatch(text)
    if match is None:
        return _parse_slowly(text)
    extras = (part.strip() for part in (match["extras"] or "").split(","))
    return PublishedRequirement(
        name=normalized_name(match["name"]),
        extras=tuple(sorted({normalized_name(extra) for extra in extras if extra})),
        specifier=match["specifier"].strip(),
        marker=(match["marker"] or "").strip(),
    )


def _parse_slowly(text: str) -> PublishedRequirement:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise ValueError(f"{text!r} is not a requirement: {error}") from error
    return PublishedRequirement(
        name=normalized_name(requirement.name),
        extras=tuple(sorted(map(normalized_name, requirement.extras))),
        specifier=str(requirement.specifier),
        marker=str(requirement.marker or ""),
    )


def is_requirement(text: str) -> bool:
    """Whether a text is a valid requirement with a valid marker, if it has one."""
    try:
        wanted = parse_requirement(text)
        return not wanted.marker or _marker(wanted.marker) is not None
    except ValueError:
        return False


def holds(marker: str, target: Target, extra: str = "") -> bool:
    """Whether a marker holds on a target with one extra, or with none.

    On a lockfile's target it holds if it holds on some host of that target: see `settle`.
    """
    return not marker or marker_judge(target)(marker, extra)


def marker_judge(target: Target) -> Callable[[str, str], bool]:
    """`holds` for one target: a function of marker and extra, for who asks it for many markers."""
    return _marker_judge(target.python, target.platform, target.kernel)


@lru_cache(maxsize=256)
def _marker_judge(
    python: str, platform: Platform, kernel: tuple[str, str] | None
) -> Callable[[str, str], bool]:
    """One for all variants: no marker tells them apart."""
    target = Target(python=python, platform=platform, kernel=kernel)
    environment = target.marker_environment()

    @cache
    def evaluate(marker: str, extra: str) -> bool:
        return _marker(settle(marker, target)).evaluate(environment | {"extra": extra})

    @cache
    def judge(marker: str, extra: str) -> bool:
        if not marker:
            return True
        if "extra" not in marker:
            return evaluate(marker, "")
        named = _extra_needed(marker)
        return (named is None or named == extra) and evaluate(marker, extra)

    return judge


@cache
def outcomes(marker: str, target: Target, extras: frozenset[str]) -> tuple[bool, ...]:
    """Whether a marker holds as a resolver decides it, with the newest patch release of the target's Python.

    Without an extra first, then with each of the extras. ValueError if it compares what cannot be compared.
    """
    if not marker:
        return (True,)
    from packaging.markers import UndefinedComparison, UndefinedEnvironmentName

    environment = _environment(target)
    asked = ("", *sorted(extras)) if "extra" in marker else ("",)
    try:
        return tuple(_marker(marker).evaluate(environment | {"extra": one}) for one in asked)
    except (UndefinedComparison, UndefinedEnvironmentName) as error:
        raise ValueError(str(error)) from error


@cache
def _extra_needed(marker: str) -> str | None:
    """The extra that a marker needs, if the text has the usual simple form."""
    match = _ONE_EXTRA.fullmatch(marker)
    if match is None or " or " in (match["rest"] or ""):
        return None
    return normalized_name(match["extra"])


def is_open(text: str) -> bool:
    """Whether the marker, or a requirement's marker, depends on something that only a host knows."""
    return any(variable in text for variable in (*_PYTHON_VARIABLES, *_KERNEL_VARIABLES))


@cache
def settle(marker: str, target: Target) -> str:
    """The marker with every comparison decided that depends on the host.

    Without a patch release in the target, `python_full_version` and `implementation_version` compare as true
    if they are true for some patch release; `platform_release` and `platform_version`, if for some kernel.
    So a lockfile has the packages for every host of its target.
    The host then decides with its own target, which has a patch release and a kernel.
    Kernel versions are compared both as numbers and as text, because installers differ in that;
    the result holds if either comparison does.
    """
    if not is_open(marker):
        return marker

    def decided(found: re.Match[str]) -> str:
        if not is_open(re.sub(r"\"[^\"]*\"|'[^']*'", "", found[0])):
            return found[0]
        return GIVEN if _may_hold(found, target) else _NEVER

    return COMPARISON.sub(decided, str(_marker(marker)))


def settled_requirement(text: str, target: Target) -> str:
    """A requirement with its marker settled: the text that a resolver gets for the target."""
    if not is_open(text):
        return text
    bare, _, marker = text.partition(";")
    return f"{bare.strip()}; {settle(marker.strip(), target)}"


def settled_requirements(texts: Iterable[str], target: Target) -> tuple[str, ...]:
    """Requirements as a resolver gets them for the target."""
    return tuple(settled_requirement(text, target) for text in texts)


def _may_hold(comparison: re.Match[str], target: Target) -> bool:
    """Whether a comparison holds on some host of the target."""
    text = comparison[0]
    if any(variable in text for variable in _KERNEL_VARIABLES):
        return target.kernel is None or _holds_on_kernel(comparison, target)
    if target.has_patch:
        return _marker(text).evaluate(target.marker_environment())
    named = {int(patch) for patch in _PATCH.findall(text)}
    patches = {0, 1, LAST_PATCH} | {patch + step for patch in named for step in (-1, 0, 1)}
    return any(
        _marker(text).evaluate(target.marker_environment(patch)) for patch in patches if patch >= 0
    )


def _holds_on_kernel(comparison: re.Match[str], target: Target) -> bool:
    environment = target.marker_environment()
    if _marker(comparison[0]).evaluate(environment):
        return True
    left, operator, right = (
        environment.get(part, part.strip("\"'")) for part in comparison.groups()
    )
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}.get(
        operator, False
    )


@lru_cache(maxsize=256)
def _environment(target: Target) -> dict[str, str]:
    return target.marker_environment()


@cache
def _marker(text: str) -> Marker:
    from packaging.markers import InvalidMarker, Marker

    try:
        return Marker(text)
    except InvalidMarker as error:
        raise ValueError(f"{text!r} is not a marker: {error}") from error


@cache
def admits(specifier: str, version: str) -> bool:
    """Whether a specifier admits a locked version.

    A locked pre-release counts like any other version: the lock has admitted it.
    Specifiers from before PEP 440 (`>=2.*`) admit every version, as resolvers also accept them.
    """
    if not specifier:
        return True
    known = _specifier(specifier)
    return known is None or known.contains(parse_version(version), prereleases=True)


def is_newer_release(version: str, locked: str) -> bool:
    """Whether a version is a newer release than the locked one, and not only another local build of it."""
    return parse_version(parse_version(version).public) > parse_version(
        parse_version(locked).public
    )


@cache
def _specifier(text: str) -> SpecifierSet | None:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return None


@cache
def parse_version(text: str) -> Version:
    """Version text → value, parsed once in a process."""
    from packaging.version import Version

    return Version(text)
