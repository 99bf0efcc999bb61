"""`[drivers.NAME.variants.VARIANT]`: one driver for several kinds of hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.declaration.driver import Variant, merge_requires
from envbuild.declaration.toml.index import index_name
from envbuild.declaration.toml.inherit import INHERIT
from envbuild.declaration.toml.requirement_set import read_requires
from envbuild.declaration.toml.table import Key, Place, Table, kind, list_of, read_table, text
from envbuild.declaration.toml.target import read_accelerator, torch_backend
from envbuild.target.target import parse_variant
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.declaration.driver import Inherit
    from envbuild.declaration.toml.requirement_set import Sets
    from envbuild.target.accelerator import Accelerator

ACCELERATOR = Key("accelerator", read_accelerator)
TORCH_BACKEND = Key("torch-backend", text(torch_backend))
INDEXES = Key("indexes", list_of(text(index_name), unique=True))
REQUIRES = Key("requires", read_requires)
VARIANT_KEYS: tuple[Key[object], ...] = (ACCELERATOR, INDEXES, TORCH_BACKEND, REQUIRES, INHERIT)

_FORM = '[drivers.NAME.variants.VARIANT] with accelerator = { cuda = ">=13.0" }'


def read_variants(value: object, place: Place) -> tuple[tuple[str, Table], ...] | None:
    """A reader of a driver's variants: each name with its table, in the order of the file."""
    if not isinstance(value, dict):
        place.wrong(f"must be a table, not {kind(value)}", hint=f"a variant is {_FORM}")
        return None
    if not value:
        place.wrong("no variant is declared", hint=f"add one: {_FORM}")
    found = []
    for name, inner in value.items():
        text(parse_variant)(name, place.at(name))
        table = read_table(inner, place.at(name), VARIANT_KEYS, hint=f"a variant is {_FORM}")
        if table is not None:
            found.append((name, table))
    return tuple(found)


VARIANTS = Key("variants", read_variants)


def merge_variants(
    inherited: tuple[Variant, ...], table: Table, sets: Sets, accelerator: Accelerator | None
) -> tuple[Variant, ...]:
    """The inherited variants and the driver's own, those of one name merged; what no host can have is noted.

    `accelerator` is the driver's.
    """
    merged = {variant.name: variant for variant in inherited}
    own = table.get(VARIANTS) or ()
    for name, inner in own:
        merged[name] = _merge(merged.get(name), name, inner, sets)
    variants = tuple(merged.values())
    if own or table.has(ACCELERATOR):
        _check_reachable(variants, table.place.at(VARIANTS.name), accelerator)
    return variants


def _merge(inherited: Variant | None, name: str, table: Table, sets: Sets) -> Variant:
    own = Variant(
        name=name,
        line=table.place.line,
        accelerator=table.get(ACCELERATOR),
        indexes=table.get(INDEXES) or (),
        torch_backend=table.get(TORCH_BACKEND),
        requires=sets.expand(table.get(REQUIRES) or ()),
        inherit=_inherit(name, table),
    )
    if inherited is None:
        return own
    return replace(
        own,
        accelerator=own.accelerator or inherited.accelerator,
        indexes=tuple(dict.fromkeys((*inherited.indexes, *own.indexes))),
        torch_backend=own.torch_backend or inherited.torch_backend,
        requires=merge_requires(inherited.requires, own.requires),
        inherit=own.inherit or inherited.inherit,
    )


def _inherit(name: str, table: Table) -> Inherit | None:
    inherit = table.get(INHERIT)
    return replace(inherit, key=f"{VARIANTS.name}.{name}.{inherit.key}") if inherit else None


def _check_reachable(
    variants: tuple[Variant, ...], place: Place, driver: Accelerator | None
) -> None:
    """Note each variant that no host would get, whatever it has."""
    for number, variant in enumerate(variants):
        at, wanted = place.at(variant.name), variant.accelerator
        for key, ranges in _bounds(wanted, driver):
            if not _is_possible(ranges):
                hint = "widen the range"
                if driver is not None and wanted is not None and driver.kind == wanted.kind:
                    hint += f"; a host must also have what the driver requires, {driver}"
                at.at(ACCELERATOR.name, key).wrong(
                    f"no version is {ranges}, so no host can have it", hint=hint
                )
        earlier = next((one for one in variants[:number] if _covers(one, variant)), None)
        if earlier is not None and earlier.accelerator == wanted:
            at.wrong(
                f"the variants '{earlier.name}' (line {earlier.line}) and '{variant.name}' "
                f"(line {variant.line}) require the same: {wanted or 'no accelerator'}",
                hint="a host takes the first one that fits it; let the two require different accelerators",
            )
        elif earlier is not None:
            at.wrong(
                f"no host gets the variant '{variant.name}': each host that fits it "
                f"gets '{earlier.name}' (line {earlier.line})",
                hint=f"put it above '{earlier.name}'",
            )


def _bounds(wanted: Accelerator | None, driver: Accelerator | None) -> Iterator[tuple[str, str]]:
    """Each key of an accelerator with its range; a host must have what the driver asks for as well."""
    if wanted is None:
        return
    same = driver if driver is not None and driver.kind == wanted.kind else None
    for key, field in ((wanted.kind, "versions"), ("compute", "compute")):
        ranges = [one for item in (wanted, same) if item and (one := getattr(item, field))]
        if ranges:
            yield key, ",".join(ranges)


def _covers(earlier: Variant, later: Variant) -> bool:
    """Whether every host that has what the later one asks for has what the earlier one asks for."""
    one, other = earlier.accelerator, later.accelerator
    if one is None or one == other:
        return True
    if other is None or one.kind != other.kind:
        return False
    return (
        _includes(one.versions, other.versions)
        and _includes(one.compute, other.compute)
        and set(one.features) <= set(other.features)
    )


def _includes(wide: str, narrow: str) -> bool:
    """Whether a range is plainly within another: both have a lower end, and the wide one nothing else."""
    from packaging.specifiers import SpecifierSet

    if wide in ("", narrow):
        return True
    if any(clause.operator != ">=" for clause in SpecifierSet(wide)):
        return False
    lowest = (
        one.version for one in SpecifierSet(narrow) if one.operator in (">=", "==", "~=", ">")
    )
    return any(SpecifierSet(wide).contains(version.rstrip(".*")) for version in lowest)


def _is_possible(versions: str) -> bool:
    """Whether some version is in a range."""
    from packaging.specifiers import SpecifierSet

    wanted = SpecifierSet(versions)
    ends = [clause.version.removesuffix(".*") for clause in wanted]
    tried = ("0.1", *ends, *(f"{end}.0.1" for end in ends), "9999999")
    return any(wanted.contains(version, prereleases=True) for version in tried)
