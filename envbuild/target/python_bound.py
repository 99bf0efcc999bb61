"""What `Requires-Python` says about the patch releases of one minor version.

Resolvers look only at minor versions and ignore upper bounds, which are often guesses of the publisher.
A clause that names a patch release is not a guess: it decides which hosts can use a lockfile.
"""

from __future__ import annotations

import re
from functools import cache

from envbuild.target.target import minor_of

_CLAUSE = re.compile(r"(?P<operator>[<>=!~]+)\s*(?P<minor>3\.\d+)(?:\.(?P<patch>\d+))?")
_ALWAYS_EXACT = (">", "!=")
"""These operators exclude single patch releases even if they name none: `>3.11` means `>3.11.0`."""


@cache
def patch_clauses(requires_python: str, minor: str) -> tuple[str, ...]:
    """The clauses that separate patch releases of a minor version (`3.11`); all others are dropped."""
    found = []
    for clause in map(str.strip, requires_python.split(",")):
        match = _CLAUSE.fullmatch(clause)
        if match is None or match["minor"] != minor:
            continue
        if int(match["patch"] or 0) or match["operator"] in _ALWAYS_EXACT:
            found.append(clause)
    return tuple(found)


@cache
def admits_python(requires_python: str, version: str) -> bool:
    """Whether the clauses admit a full version, such as `3.11.2`."""
    from packaging.specifiers import SpecifierSet

    clauses = patch_clauses(requires_python, minor_of(version))
    return not clauses or SpecifierSet(",".join(clauses)).contains(version)


def python_hint(package: str, version: str) -> str:
    """The hint for a host whose patch release of Python is excluded by a locked package."""
    return (
        "install another patch release of that Python, or lock another version: "
        f'constraints = ["{package}!={version}"]'
    )
