"""The resolvers of drivers: one file each, found as the files of this folder."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, cast

from envbuild.value import value

if TYPE_CHECKING:
    from envbuild.declaration.driver import Driver


@value
class ResolverKind:
    """A resolver that a driver can name with `resolver`."""

    name: str
    module: str
    """Imported when the resolver is first asked.

    Its `make_resolver` takes a `ResolverTools` and gives a `Resolver`; both are in `resolution.resolution`.
    """

    refuses: tuple[str, ...] = ()
    """Keys of a driver that it does not support, as the file spells them."""

    only_here: bool = False
    """Whether it resolves only for targets whose Python and platform this host has."""


@cache
def all_resolvers() -> tuple[ResolverKind, ...]:
    """Every resolver, ordered by name."""
    names = sorted(module.name for module in iter_modules(__path__))
    modules = (import_module(f"{__name__}.{name}") for name in names)
    return tuple(cast("ResolverKind", module.RESOLVER) for module in modules)


def find_resolver(name: str) -> ResolverKind:
    """The resolver with that name; KeyError if there is none."""
    return {kind.name: kind for kind in all_resolvers()}[name]


def other_resolver(name: str) -> ResolverKind:
    """The resolver that judges what another one has locked: uv, or of the others the first for uv."""
    others = [kind for kind in all_resolvers() if kind.name != name]
    return next((kind for kind in others if kind.name == "uv"), others[0])


def refused_keys(kind: ResolverKind, driver: Driver) -> tuple[str, ...]:
    """The keys of a driver, below it, that a resolver does not support."""
    names = [name for name, _ in driver.origins]
    names += (inherit.key for _, inherit in driver.inherits)
    return tuple(
        dict.fromkeys(
            name if name.startswith("variants.") else key
            for key in kind.refuses
            for name in names
            if name == key or name.startswith(f"{key}.") or _is_of_variant(name, key)
        )
    )


def _is_of_variant(name: str, key: str) -> bool:
    return name.startswith("variants.") and name.endswith(f".{key}")
