"""`envbuild report`: what this host has, for a table of many hosts and for monitoring."""

from __future__ import annotations

from collections import Counter
from posixpath import basename
from typing import TYPE_CHECKING

from envbuild.commands.ps import ps
from envbuild.commands.verify import verify
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.finding import Finding
    from envbuild.release.record import ReleaseRecord, SeenRelease
    from envbuild.store.manifest import Manifest
    from envbuild.store.store import Store
    from envbuild.store.verifier import Verifier


@value
class ReportedDriver:
    """A driver of the current generation."""

    name: str
    version: str
    variant: str | None
    key: str
    environment: str
    """The folder's name."""

    content: str | None
    """The content digest; None if its receipt cannot be read."""

    python_version: str
    drift: int
    """How many differences from what was built there are."""


@value
class RunningProcesses:
    """The processes of one environment."""

    driver: str | None
    """None if no generation has the environment."""

    version: str | None
    current: bool
    count: int


@value
class HostReport:
    """The result of `envbuild report`."""

    host: str
    created: str
    envbuild: str
    uv: str
    store: str
    manifest: Manifest
    release: SeenRelease | None
    """The release that the current generation was made from."""

    drivers: tuple[ReportedDriver, ...]
    drift: tuple[Finding, ...]
    """What differs from what was built, by size, mode, times and inode."""

    running: tuple[RunningProcesses, ...]
    findings: tuple[Finding, ...]
    """What doctor found."""


def report(
    store: Store,
    verifier: Verifier,
    record: ReleaseRecord,
    findings: tuple[Finding, ...],
    *,
    host: str,
    created: str,
    tools: tuple[str, str],
) -> HostReport:
    """Look at the current generation, as `verify --quick` does, and at what runs.

    `findings` are doctor's, `tools` the versions of envbuild and uv.
    NoError before the first sync.
    """
    manifest = store.require_current()
    verified = verify(str(store.root), verifier, quick=True)
    counts = Counter(finding.subject for finding in verified.findings)
    return HostReport(
        host=host,
        created=created,
        envbuild=tools[0],
        uv=tools[1],
        store=str(store.root),
        manifest=manifest,
        release=record.of_generation(manifest.generation),
        drivers=tuple(_drivers(manifest, verifier, counts)),
        drift=tuple(drift_of_now(verified.findings, manifest)),
        running=running_processes(store),
        findings=findings,
    )


def _drivers(
    manifest: Manifest, verifier: Verifier, counts: Counter[str]
) -> Iterator[ReportedDriver]:
    for driver in manifest.drivers:
        name = basename(driver.environment)
        yield ReportedDriver(
            name=driver.name,
            version=driver.version,
            variant=driver.variant,
            key=driver.key,
            environment=name,
            content=verifier.content(name),
            python_version=driver.python_version,
            drift=counts[name],
        )


def drift_of_now(findings: Iterable[Finding], manifest: Manifest) -> Iterator[Finding]:
    """The findings about the current generation: what old ones have is not what runs."""
    current = {basename(driver.environment) for driver in manifest.drivers}
    current |= {"current", f"generation {manifest.generation}"}
    return (finding for finding in findings if finding.subject in current)


def running_processes(store: Store) -> tuple[RunningProcesses, ...]:
    """The processes of each environment of the store; errors as in `ps`."""
    counts = Counter((one.driver, one.version, one.current) for one in ps(store))
    return tuple(
        RunningProcesses(driver=driver, version=version, current=current, count=count)
        for (driver, version, current), count in counts.items()
    )
