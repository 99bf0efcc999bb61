"""`inherit`: packages that a driver takes from a Python of the host, at the version that the host has."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from packaging.version import Version

from envbuild.declaration.driver import Inherit, inherited_name
from envbuild.declaration.toml.table import Key, Place, TextError, list_of, read_table, text

if TYPE_CHECKING:
    from envbuild.declaration.driver import Driver
    from envbuild.declaration.toml.table import Table

_PATTERN = re.compile(r"[a-z0-9*]([a-z0-9*-]*[a-z0-9*])?")
_LONGEST = 200
_HINT = 'write inherit = { python = "/usr/bin/python3", packages = ["torch", "nvidia-*"] }'


def _python(written: str) -> str:
    if not written.startswith("/") or "\0" in written:
        raise TextError(
            f"{written!r} is not an absolute path", hint="name the Python, such as /usr/bin/python3"
        )
    return written


def _package(written: str) -> str:
    """A name, a pattern with `*`, or `NAME==VERSION`."""
    name, equal, version = written.partition("==")
    pattern = canonicalize_name(name.strip())
    if len(written) > _LONGEST or _PATTERN.fullmatch(pattern) is None:
        raise TextError(f"{written[:80]!r} is neither a package nor a pattern", hint=_HINT)
    if not pattern.strip("*"):
        raise TextError(f"{written!r} matches every package of the host", hint="name the packages")
    if not equal:
        return pattern
    if "*" in pattern or "*" in version:
        raise TextError(f"{written!r} has a version and a `*`", hint="write NAME==VERSION")
    try:
        Version(version.strip())
    except ValueError as error:
        raise TextError(
            f"{written!r} has no version: {error}", hint="write NAME==VERSION"
        ) from None
    return f"{pattern}=={version.strip()}"


_PYTHON = Key("python", text(_python))
_PACKAGES = Key("packages", list_of(text(_package), filled=True, unique=True))
INHERIT_KEYS: tuple[Key[object], ...] = (_PYTHON, _PACKAGES)


def read_inherit(value: object, place: Place) -> Inherit | None:
    """Read `{ python = "PATH", packages = ["NAME"] }`."""
    table = read_table(value, place, (_PYTHON, _PACKAGES), hint=_HINT)
    if table is None:
        return None
    for key in (_PYTHON, _PACKAGES):
        if not table.has(key):
            place.wrong(f"has no `{key.name}`", hint=_HINT)
    python, packages = table.get(_PYTHON), table.get(_PACKAGES)
    if python is None or packages is None:
        return None
    return Inherit(python=python, packages=packages, line=place.line)


INHERIT = Key("inherit", read_inherit)


def check_inherit(driver: Driver, table: Table) -> None:
    """Report keys that say another origin of what the driver, or one of its variants, inherits."""
    if driver.inherit is not None:
        _check(driver, driver.inherit, driver.torch_backend, table.place)
    for variant in driver.variants:
        # a variant's own `inherit` counts before the driver's `torch-backend`, and not before its own
        inherit = variant.inherit or (driver.inherit if variant.torch_backend else None)
        if inherit is not None:
            _check(driver, inherit, variant.torch_backend, table.place)


def _check(driver: Driver, inherit: Inherit, torch_backend: str | None, place: Place) -> None:
    place = place.at(*inherit.key.split("."))
    if driver.python_source == "store":
        place.wrong(
            "packages of a host's Python need that Python, but `python-source` selects the store's",
            hint="remove `python-source`, or `inherit`",
        )
    others = {
        "allow-sdist": driver.allow_sdist,
        "torch-backend": ("torch",) if torch_backend else (),
    }
    for key, names in others.items():
        for name in names:
            if any(fnmatchcase(name, inherited_name(one)) for one in inherit.packages):
                place.wrong(
                    f"{name} is the host's, and `{key}` says that it comes from elsewhere",
                    hint=f"remove it from one of them, or `{key}`",
                )
