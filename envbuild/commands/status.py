"""`envbuild status`: the state of one store, on one screen."""

from __future__ import annotations

import os
from collections import Counter
from posixpath import basename

from envbuild.commands.host_report import drift_of_now, running_processes
from envbuild.commands.verify import verify
from envbuild.errors import HostError
from envbuild.store.guard import require_store
from envbuild.store.last_run import LastRun, probed_file, read_run, verified_file
from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.commands.host_report import RunningProcesses
    from envbuild.commands.lock_result import DriverLock
    from envbuild.finding import Finding
    from envbuild.store.manifest import Manifest, ManifestDriver
    from envbuild.store.store import Store
    from envbuild.store.verifier import Verifier


@value
class DriverStatus:
    """A driver that is declared, or that the current generation has."""

    name: str
    version: str | None
    """What is installed; None if the current generation does not have it."""

    variant: str | None
    locked: str | None
    """The version in its lockfile; None without one, or without a declaration."""

    stale: tuple[str, ...]
    """Why `lock` would lock it again; empty if its lockfile is fresh, or if there is no declaration."""

    due: bool
    """Whether its lockfile is not what the installed environment was built from."""

    outdated: int | None
    """How many of its direct requirements have newer versions; None if no index was asked."""

    probes: LastRun | None
    """What the last probes of its environment found; None if none ran."""

    drift: int
    """How many differences from what was built there are."""


@value
class Disk:
    """What the store takes, and what is left, in bytes."""

    environments: int
    """The files of all environments that have a receipt; those that several share count for each."""

    count: int
    """How many environments these are."""

    free: int
    size: int
    """Of the file system."""


@value
class Status:
    """The result of `envbuild status`."""

    host: str
    created: str
    store: str
    generation: int | None
    """None before the first sync."""

    generation_created: str | None
    declared: bool
    """Whether there is a declaration; without one, nothing is said of lockfiles."""

    drivers: tuple[DriverStatus, ...]
    drift: tuple[Finding, ...]
    """What differs from what was built, by mode, size, times and inode."""

    running: tuple[RunningProcesses, ...]
    disk: Disk | None
    """None if there is no store yet."""

    verified: LastRun | None
    """The last `verify` of all files; None if there was none."""

    @property
    def needs_attention(self) -> bool:
        """Whether something is stale, due, outdated or changed, runs from an old environment, or has failed."""
        return (
            bool(self.drift)
            or any(not one.current for one in self.running)
            or any(_needs(one) for one in self.drivers)
            or (self.verified is not None and self.verified.failed > 0)
        )


def _needs(driver: DriverStatus) -> bool:
    failed = driver.probes is not None and driver.probes.failed > 0
    return bool(driver.stale) or driver.due or bool(driver.outdated) or failed


def status(
    store: Store,
    verifier: Verifier,
    locks: tuple[DriverLock, ...] | None,
    outdated: Mapping[str, int] | None,
    *,
    host: str,
    created: str,
) -> Status:
    """Look at a store, which may be empty.

    `locks` are the declared drivers, None without a declaration;
    `outdated` says how many requirements of a driver are behind, None if no index was asked.
    HostError for a folder that is not a store.
    """
    manifest = _manifest(store)
    if manifest is None:
        return Status(
            host=host,
            created=created,
            store=str(store.root),
            generation=None,
            generation_created=None,
            declared=locks is not None,
            drivers=tuple(_drivers(store, None, locks or (), outdated, {})),
            drift=(),
            running=(),
            disk=None,
            verified=None,
        )
    verified = verify(str(store.root), verifier, quick=True)
    drift = tuple(drift_of_now(verified.findings, manifest))
    counts = Counter(finding.subject for finding in drift)
    return Status(
        host=host,
        created=created,
        store=str(store.root),
        generation=manifest.generation,
        generation_created=manifest.created,
        declared=locks is not None,
        drivers=tuple(_drivers(store, manifest, locks or (), outdated, counts)),
        drift=drift,
        running=running_processes(store),
        disk=_disk(store),
        verified=read_run(verified_file(store.cache)),
    )


def _manifest(store: Store) -> Manifest | None:
    """The current generation; None before the first sync."""
    try:
        empty = not os.listdir(store.root)  # noqa: PTH208
    except FileNotFoundError:
        empty = True
    except OSError:
        empty = False
    if empty:
        return None
    require_store(store.root)
    return store.read_current()


def _drivers(
    store: Store,
    manifest: Manifest | None,
    locks: tuple[DriverLock, ...],
    outdated: Mapping[str, int] | None,
    drift: Mapping[str, int],
) -> Iterator[DriverStatus]:
    installed = {one.name: one for one in manifest.drivers} if manifest is not None else {}
    declared = {one.driver: one for one in locks}
    for name in dict.fromkeys((*declared, *installed)):
        entry, locked = installed.get(name), declared.get(name)
        folder = basename(entry.environment) if entry is not None else ""
        yield DriverStatus(
            name=name,
            version=entry.version if entry is not None else None,
            variant=entry.variant if entry is not None else None,
            locked=locked.version if locked is not None else None,
            stale=locked.reasons if locked is not None else (),
            due=bool(locks) and _is_due(entry, locked),
            outdated=None if outdated is None else outdated.get(name),
            probes=read_run(probed_file(store.cache, folder)) if folder else None,
            drift=drift.get(folder, 0),
        )


def _is_due(entry: ManifestDriver | None, locked: DriverLock | None) -> bool:
    """Whether `sync` would change it; not said of a driver that must be locked first, or is not for this host."""
    if locked is None:
        return True  # it is declared no more
    return entry is not None and bool(locked.digest) and entry.lock != locked.digest


def _disk(store: Store) -> Disk:
    sizes = []
    for receipt in (store.root / "receipts").glob("*.json"):
        try:
            sizes.append(store.receipt_size(receipt.stem))
        except HostError:  # `verify` reports it
            continue
    found = os.statvfs(store.root)
    return Disk(
        environments=sum(sizes),
        count=len(sizes),
        free=found.f_bavail * found.f_frsize,
        size=found.f_blocks * found.f_frsize,
    )
