"""Parse requirements, constraints, overrides and package names into normal form."""

from __future__ import annotations

import re

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidName, canonicalize_name

from envbuild.declaration.driver import DeclaredRequirement
from envbuild.declaration.toml.table import Place, TextError, text
from envbuild.errors import shorten
from envbuild.target.target import parse_target

_FORM = """write it like 'vllm>=0.11,<0.12' or 'uvicorn[standard]; python_version < "3.13"'"""
_LONGEST = 4000
_SOME_HOST = parse_target("3.12-x86_64-manylinux_2_28").marker_environment()
_MOST_PARENTHESES = 40
_ENDLESS_NUMBER = re.compile(r"\d{65}")
_NAME = re.compile(r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^]]*\]\s*)?")
_ARCHIVE = re.compile(r"\.(whl|zip|tar\.gz)$")
_PATH = re.compile(r"[./~]|.*://", re.DOTALL)
_VERSION = re.compile(r"v?\d[A-Za-z0-9.+!]*")
_LITERAL = re.compile(r"'[^']*'|\"[^\"]*\"")
_MEANINGLESS = re.compile(r"\b(extra|extras|dependency_groups)\b")

_HINTS = (
    (
        re.compile(r"=\s*(?P<sign>[<>!~])\s*(?P<rest>[^=\s].*)"),
        "did you mean '{name}{sign}={rest}'?",
    ),
    (re.compile(r"=\s*(?P<rest>[^=\s].*)"), "did you mean '{name}=={rest}'?"),
    (re.compile(r"(?P<rest>v?\d\S*)"), "did you mean '{name}=={rest}'?"),
    (
        re.compile(r"[^;]*?\^.*"),
        "instead of `^` write both ends: '{name}>=1.2,<2'",
    ),
    (re.compile(r"~\s*(?P<rest>[^=\s].*)"), "did you mean '{name}~={rest}'?"),
    (re.compile(r"[^;]*\s#.*"), "write the comment outside the quotes"),
)
"""The text after the name in common mistakes, and the hint for each."""


def parse_requirement(text: str) -> Requirement:
    """A requirement, its names in normal form (PEP 503, PEP 685); TextError says what is wrong."""
    if text.lstrip().startswith("-"):
        raise TextError(
            f"{text!r} is an option of pip, not a requirement",
            hint="list the requirements themselves",
        )
    _refuse_endless(text)
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise _not_a_requirement(text, str(error)) from None
    if requirement.url is not None and _VERSION.fullmatch(requirement.url):
        hint = f"did you mean '{requirement.name}=={requirement.url}'?"
        raise TextError(f"{text!r} is not a requirement", hint=hint)
    if requirement.url is not None or _ARCHIVE.search(requirement.name):
        raise _by_url(canonicalize_name(requirement.name) if requirement.url else "PACKAGE")
    if requirement.marker and _MEANINGLESS.search(_LITERAL.sub("", str(requirement.marker))):
        raise TextError(
            f"the marker of {text!r} needs an extra, but a driver has no extras",
            hint="declare the requirement without that marker",
        )
    _refuse_meaningless(text, requirement)
    requirement.name = canonicalize_name(requirement.name)
    requirement.extras = {canonicalize_name(extra) for extra in requirement.extras}
    return requirement


def _refuse_endless(text: str) -> None:
    """Refuse numbers and parentheses that no package has, and that reach Python's limits."""
    if len(text) > _LONGEST or _ENDLESS_NUMBER.search(text) or text.count("(") > _MOST_PARENTHESES:
        raise TextError(
            f"{shorten(text, 80)!r} is too long for a requirement",
            hint=f"at most {_LONGEST} characters, 64 digits in a row and {_MOST_PARENTHESES} "
            "parentheses are allowed",
        )


def _refuse_meaningless(text: str, requirement: Requirement) -> None:
    """A marker can be well formed and still compare what cannot be compared."""
    if requirement.marker is None:
        return
    try:
        requirement.marker.evaluate({**_SOME_HOST, "extra": ""})
    except ValueError as error:
        words = f"the marker of {text!r} cannot be evaluated"
        raise TextError(words, detail=str(error)) from None


def _not_a_requirement(text: str, reason: str) -> TextError:
    if not text.strip():
        return TextError("a requirement is missing between the quotes", hint=_FORM)
    if _PATH.match(text.lstrip()):
        return _by_url("PACKAGE")
    return TextError(f"{text!r} is not a requirement", hint=_better(text) or _FORM, detail=reason)


def _by_url(name: str) -> TextError:
    """A URL or a path as a requirement; it may have a password, so it is not repeated."""
    return TextError(
        "a requirement cannot be a URL or a path, because lockfiles have no addresses",
        hint="write only the package's name here, and its place under [sources]: "
        f'{name} = {{ url = "https://…/….whl" }}',
    )


def _better(text: str) -> str | None:
    name = _NAME.match(text)
    if name is None:
        return None
    for slip, hint in _HINTS:
        match = slip.fullmatch(text, name.end())
        if match is not None:
            written = name[0].replace(" ", "")
            return hint.format(name=written, **match.groupdict())
    return None


def read_requirement(value: object, place: Place) -> DeclaredRequirement | None:
    """A reader of one element of `requires`."""
    requirement = text(parse_requirement)(value, place)
    if requirement is None:
        return None
    return DeclaredRequirement(text=str(requirement), name=requirement.name, line=place.line)


def parse_constraint(text: str) -> str:
    """A constraint in normal form: a name and its range, perhaps with a marker."""
    constraint = parse_requirement(text)
    if constraint.extras:
        raise TextError(
            f"{text!r} has extras, but a constraint only bounds versions",
            hint="write extras in `requires`",
        )
    if not constraint.specifier:
        raise TextError(
            f"{text!r} bounds nothing",
            hint=f"give it a range, such as '{constraint.name}>=1.2'",
        )
    return str(constraint)


def parse_override(text: str) -> str:
    """An override in normal form: it replaces each requirement on that package."""
    return str(parse_requirement(text))


def parse_package(text: str) -> str:
    """A package's name, normalised (PEP 503)."""
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName:
        raise TextError(
            f"{text!r} is not the name of a package",
            hint="just the name, without version, extras or marker",
        ) from None


def parse_versions(text: str, *, kind: str, example: str) -> str:
    """A range of an accelerator's versions, as a specifier in normal form (PEP 440)."""
    _refuse_endless(text)
    try:
        specifier = str(SpecifierSet(text))
    except InvalidSpecifier:
        specifier = ""
    if not specifier:
        number = re.search(r"\d+(\.\d+)*", text)
        example = f">={number[0]}" if number else example
        raise TextError(
            f"{text!r} is not a range of versions", hint=f'write it like {kind} = "{example}"'
        )
    return specifier
