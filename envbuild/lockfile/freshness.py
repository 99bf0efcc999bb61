"""Whether a lockfile still satisfies its declaration, with the reasons if it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.declaration.driver import LockingKeys
from envbuild.declaration.torch_backend import served_indexes
from envbuild.lockfile.builds import build_reasons, locked_names
from envbuild.lockfile.lockfile import Inputs, LockedVariant
from envbuild.lockfile.provided_commands import unknown_commands
from envbuild.lockfile.runnable_modules import unknown_modules
from envbuild.requirement.parse import parse_requirement
from envbuild.target.target import KNOWN_PYTHONS
from envbuild.value import field_names, replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.driver import Driver
    from envbuild.declaration.source import LockedSource
    from envbuild.lockfile.lockfile import Lockfile


def inputs_of(driver: Driver, declaration: Declaration) -> Inputs:
    """The parts of a declaration that decide a driver's lockfile."""
    return Inputs(
        requires=tuple(requirement.text for requirement in driver.requires),
        indexes=declaration.bindings(served_indexes(driver)),
        sources=tuple(source.locked for source in driver.sources),
        inherit=driver.inherit.packages if driver.inherit is not None else (),
        variants=tuple(
            LockedVariant(
                name=variant.name,
                requires=tuple(one.text for one in driver.requires_for(variant.name)),
                indexes=declaration.bindings(served_indexes(driver, variant)),
                inherit=variant.inherit.packages if variant.inherit is not None else (),
            )
            for variant in driver.variants
        ),
        **{name: getattr(driver, name) for name in field_names(LockingKeys)},
    )


def in_effect(lockfile: Lockfile, wanted: Inputs) -> Inputs:
    """The inputs, with the lockfile's own sources for packages that it neither has nor names.

    So a source in `[sources]` concerns the drivers that need its package, and no others.
    """
    locked = lockfile.inputs.sources
    if locked == wanted.sources:
        return wanted
    lines = (*wanted.all_requires, *wanted.constraints, *wanted.overrides)
    concerned = {*locked_names(lockfile), *(parse_requirement(text).name for text in lines)}
    sources = [one for one in wanted.sources if one.package in concerned]
    sources += (one for one in locked if one.package not in concerned)
    return replace(wanted, sources=tuple(sorted(sources, key=lambda one: one.package)))


def stale_reasons(lockfile: Lockfile, driver: Driver, declaration: Declaration) -> tuple[str, ...]:
    """Why the lockfile does not satisfy the driver's current declaration; empty if it does."""
    wanted = in_effect(lockfile, inputs_of(driver, declaration))
    return input_reasons(lockfile.inputs, wanted) or (
        *command_reasons(lockfile, driver),
        *build_reasons(lockfile, declaration),
    )


def input_reasons(locked: Inputs, wanted: Inputs) -> tuple[str, ...]:
    """A reason for every difference."""
    return tuple(_reasons(locked, wanted))


def command_reasons(lockfile: Lockfile, driver: Driver) -> tuple[str, ...]:
    """The reasons why a lockfile does not know whether its packages provide the driver's commands."""
    commands = (
        f"commands: it was locked before {name!r} was declared"
        for name in unknown_commands(driver, lockfile)
    )
    modules = (
        f"command: it was locked before the module {name!r} was declared"
        for name in unknown_modules(driver, lockfile)
    )
    return (*commands, *modules)


def _reasons(locked: Inputs, wanted: Inputs) -> Iterator[str]:
    for field in ("requires", *field_names(LockingKeys)):
        if field == "python" and bool(locked.python) != bool(wanted.python):
            yield f"python: {_pythons(locked)} became {_pythons(wanted)}"
            continue
        yield from _key_reasons(
            field.replace("_", "-"), getattr(locked, field), getattr(wanted, field)
        )
    if locked.indexes != wanted.indexes:
        yield "the packages that indexes are bound to changed"
    yield from _source_reasons(locked.sources, wanted.sources)
    yield from _list_reasons("inherit", locked.inherit, wanted.inherit)
    before, after = (tuple(one.name for one in side.variants) for side in (locked, wanted))
    yield from _list_reasons("variants", before, after)
    known = {one.name: one for one in locked.variants}
    for one in wanted.variants:
        then = known.get(one.name, one)
        yield from _list_reasons(f"variants.{one.name}.requires", then.requires, one.requires)
        if then.indexes != one.indexes:
            yield f"variants.{one.name}: the packages that indexes are bound to changed"
        yield from _list_reasons(f"variants.{one.name}.inherit", then.inherit, one.inherit)


def _pythons(inputs: Inputs) -> str:
    return ", ".join(inputs.python) or f"any of {KNOWN_PYTHONS[-1]} to {KNOWN_PYTHONS[0]}"


def _source_reasons(
    locked: tuple[LockedSource, ...], wanted: tuple[LockedSource, ...]
) -> Iterator[str]:
    before, after = ({one.name: one.origin for one in side} for side in (locked, wanted))
    yield from _list_reasons("sources", (*before,), (*after,))
    changed = [name for name in after if before.get(name, after[name]) != after[name]]
    if changed:
        yield f"sources: {', '.join(changed)} is declared differently"


def _key_reasons(key: str, before: object, after: object) -> Iterator[str]:
    if isinstance(before, tuple) and isinstance(after, tuple):
        yield from _list_reasons(key, *(tuple(map(_element, side)) for side in (before, after)))
    elif before != after:
        yield f"{key}: {before or 'nothing'} became {after or 'nothing'}"


def _element(element: str | tuple[str, str | None]) -> str:
    """An element of a list, or a name with its value."""
    return element if isinstance(element, str) else f"{element[0]} = {element[1] or 'false'}"


def _list_reasons(key: str, before: tuple[str, ...], after: tuple[str, ...]) -> Iterator[str]:
    added = [item for item in after if item not in before]
    removed = [item for item in before if item not in after]
    if added:
        yield f"{key}: {', '.join(added)} is new"
    if removed:
        yield f"{key}: {', '.join(removed)} is gone"
    if not added and not removed and before != after:
        yield f"{key}: the order changed"
