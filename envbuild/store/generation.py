"""Make the next manifest from the plan, the built environments and the current manifest."""

from __future__ import annotations

from posixpath import basename
from typing import TYPE_CHECKING

from envbuild import __version__
from envbuild.declaration.placeholders import split_at_cache
from envbuild.environment.activation import places_in
from envbuild.store.manifest import Manifest, ManifestDriver
from envbuild.store.shims import name_shims
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from envbuild.store.plan import Plan, Wanted


def next_manifest(
    *,
    plan: Plan,
    built: tuple[Wanted, ...],
    failed: Collection[str],
    current: Manifest | None,
    number: int,
    created: str,
    store: str,
    size_of: Callable[[str], int],
) -> Manifest:
    """The manifest of the next generation.

    `built` are the wanted drivers with valid environments; drivers in `failed` stay as they were.
    `created` is UTC, `store` the store's absolute path, `size_of` gives an environment's bytes.
    The declaration's digest is recorded only if every driver was wanted and none failed.
    """
    before = {driver.name: driver for driver in current.drivers} if current is not None else {}
    fresh = {
        wanted.driver.name: _entry(
            wanted,
            before=before.get(wanted.driver.name),
            created=created,
            store=store,
            size=size_of(wanted.environment),
        )
        for wanted in built
    }
    named = plan.declaration is None
    stays = {name: old for name, old in before.items() if named or name in failed}
    entries = stays | fresh
    # a renewed driver keeps its position, so that no other driver's shim is renamed
    order = entries if named else (wanted.driver.name for wanted in plan.wanted)
    names = [name for name in order if name in entries]
    shims = name_shims(entries[name] for name in names)
    recorded = current.declaration if current is not None else None
    return Manifest(
        generation=number,
        created=created,
        envbuild=__version__,
        declaration=recorded if plan.declaration is None or failed else plan.declaration,
        drivers=tuple(replace(entries[name], shims=shims[name], shim=name) for name in names),
    )


def says_the_same(one: Manifest, other: Manifest) -> bool:
    """Whether two manifests differ at most in number, date and writer."""
    return one.drivers == other.drivers and one.declaration == other.declaration


def moved_manifest(
    manifest: Manifest,
    store: str,
    number: int,
    keys: Mapping[str, tuple[str, str]],
    size_of: Callable[[str], int],
) -> Manifest:
    """The manifest of a generation in the store that its own one is moved to.

    `store` is the new store's absolute path; `keys` has the new folder name and key of each environment,
    by the old folder name; `size_of` gives the new environment's bytes.
    """
    drivers = (
        _moved_entry(driver, store, *keys[basename(driver.environment)], size_of)
        for driver in manifest.drivers
    )
    return replace(manifest, generation=number, drivers=tuple(drivers))


def _moved_entry(
    driver: ManifestDriver, store: str, name: str, key: str, size_of: Callable[[str], int]
) -> ManifestDriver:
    before, after = driver.environment, f"{store}/envs/{name}"

    def moved(text: str) -> str:
        return text.replace(before, after)

    return replace(
        driver,
        key=key,
        environment=after,
        binary=moved(driver.binary),
        stable_binary=f"{store}/current/{driver.name}/bin/{basename(driver.stable_binary)}",
        python=moved(driver.python),
        env=tuple((variable, moved(text)) for variable, text in driver.env),
        size=size_of(name),
    )


def _entry(
    wanted: Wanted, *, before: ManifestDriver | None, created: str, store: str, size: int
) -> ManifestDriver:
    environment = f"{store}/envs/{wanted.environment}"
    driver = wanted.driver
    places = places_in(environment, wanted.interpreter.version)
    unmoved = before is not None and (before.version, before.key) == (wanted.version, wanted.key)
    return ManifestDriver(
        name=driver.name,
        version=wanted.version,
        key=wanted.key,
        lock=wanted.lock,
        environment=environment,
        binary=f"{environment}/bin/{driver.binary}",
        stable_binary=f"{store}/current/{driver.name}/bin/{driver.binary}",
        python=f"{environment}/bin/python",
        python_version=wanted.interpreter.version,
        commands=driver.commands,
        shims=(),
        env=tuple(
            (name, "{cache}".join(split_at_cache(value, places))) for name, value in driver.env
        ),
        packages=tuple(
            sorted(
                (
                    *((file.package, file.version) for file in wanted.files),
                    *((one.name, one.version) for one in wanted.derivation.inherited),
                )
            )
        ),
        size=size,
        preferred=wanted.preferred,
        variant=wanted.target.variant,
        since=before.since if before is not None and unmoved else created,
    )
