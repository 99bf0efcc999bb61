"""The specifiers that bound a version from below and from above."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from envbuild.requirement.parse import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from packaging.specifiers import Specifier
    from packaging.version import Version


@dataclass(frozen=True, slots=True)
class _Limit:
    version: Version
    inclusive: bool


def binding_specifiers(specifiers: Iterable[str]) -> tuple[frozenset[str], frozenset[str]]:
    """The specifiers with the lowest upper bound and those with the highest lower bound.

    Empty if nothing bounds that side; `!=` bounds neither.
    """
    texts = tuple(dict.fromkeys(specifiers))
    uppers = [(text, limit) for text in texts for limit in _upper(text)]
    lowers = [(text, limit) for text in texts for limit in _lower(text)]
    tightest = min((_upper_key(limit) for _, limit in uppers), default=None)
    highest = max((_lower_key(limit) for _, limit in lowers), default=None)
    return (
        frozenset(text for text, limit in uppers if _upper_key(limit) == tightest),
        frozenset(text for text, limit in lowers if _lower_key(limit) == highest),
    )


def _upper_key(limit: _Limit) -> tuple[Version, bool]:
    return limit.version, limit.inclusive


def _lower_key(limit: _Limit) -> tuple[Version, bool]:
    return limit.version, not limit.inclusive


def _upper(text: str) -> Iterator[_Limit]:
    for specifier in _clauses(text):
        if specifier.operator in ("<", "<=", "==", "==="):
            if specifier.version.endswith(".*"):
                yield _Limit(_next_prefix(specifier.version.removesuffix(".*")), inclusive=False)
            else:
                exact = specifier.operator != "<"
                yield _Limit(parse_version(specifier.version), inclusive=exact)
        elif specifier.operator == "~=":
            prefix = specifier.version.rpartition(".")[0]
            yield _Limit(_next_prefix(prefix), inclusive=False)


def _lower(text: str) -> Iterator[_Limit]:
    for specifier in _clauses(text):
        if specifier.operator in (">", ">=", "==", "===", "~="):
            version = specifier.version.removesuffix(".*")
            yield _Limit(parse_version(version), inclusive=specifier.operator != ">")


def _next_prefix(text: str) -> Version:
    """The first version after a prefix: `1.2` → `1.3`."""
    version = parse_version(text)
    release = (*version.release[:-1], version.release[-1] + 1)
    epoch = f"{version.epoch}!" if version.epoch else ""
    return parse_version(epoch + ".".join(map(str, release)))


@cache
def _clauses(text: str) -> tuple[Specifier, ...]:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion

    try:
        found = tuple(SpecifierSet(text))
        for specifier in found:
            parse_version(specifier.version.removesuffix(".*"))
    except (InvalidSpecifier, InvalidVersion):
        return ()
    return found
