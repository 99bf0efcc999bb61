"""`envbuild audit`: known vulnerabilities of what is locked, or of what is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from envbuild.commands.outdated import holders
from envbuild.commands.selection import read_lockfiles, select_drivers
from envbuild.declaration.index import DEFAULT_INDEX
from envbuild.errors import IndexFailureError, Problem, UsageError
from envbuild.finding import Code, Finding
from envbuild.index.advisory import AuditedRelease
from envbuild.lockfile.chains import bounds_on, graph_edges
from envbuild.lockfile.text import package_line
from envbuild.requirement.parse import admits, is_newer_release, normalized_name, parse_version
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envbuild.commands.outdated import Holder
    from envbuild.declaration.declaration import Declaration, IgnoredAdvisory
    from envbuild.index.advisory import Advisory
    from envbuild.lockfile.folder import LockFolder
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.store.manifest import Manifest


class AdvisorySource(Protocol):
    """A source of known vulnerabilities: a database, or the indexes."""

    def advisories(
        self, releases: Sequence[AuditedRelease]
    ) -> Mapping[AuditedRelease, tuple[Advisory, ...] | None]:
        """The advisories of each release; None for one of which nothing is known."""
        ...


@value
class Vulnerability:
    """A known vulnerability of one package of a driver."""

    package: str
    version: str
    advisory: Advisory
    fixed: tuple[str, ...]
    """The fixed versions that are newer than this one, in order."""

    fitting: tuple[str, ...]
    """Those of them that every requirement on the package admits, on every target that has it."""

    held_by: tuple[Holder, ...]
    """What excludes the first fixed version, if none fits."""

    path: str | None
    line: int | None
    ignored: IgnoredAdvisory | None = None
    """The entry of `[audit] ignore` for it."""

    expired: bool = False
    """Whether that entry no longer counts."""

    @property
    def counts(self) -> bool:
        """Whether it is a finding."""
        return self.ignored is None or self.expired


@value
class AuditedDriver:
    """The result for one driver."""

    name: str
    version: str
    packages: int
    """How many packages were judged."""

    vulnerabilities: tuple[Vulnerability, ...]
    unjudged: tuple[str, ...]
    """The packages of which their index says nothing, as `name version`."""


@value
class AuditResult:
    """The result of `envbuild audit`."""

    installed: bool
    drivers: tuple[AuditedDriver, ...]
    unused: tuple[IgnoredAdvisory, ...]
    """The entries of `[audit] ignore` that are about nothing that was found."""

    file: str
    """The declaration, for messages."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The vulnerabilities that are not passed over."""
        return tuple(
            _finding(driver, one, self.file)
            for driver in self.drivers
            for one in driver.vulnerabilities
            if one.counts
        )

    @property
    def exit_code(self) -> int:
        """1 if there is a finding."""
        return 1 if self.findings else 0


@value
class Audited:
    """A driver with its packages, before they are judged."""

    name: str
    version: str
    releases: tuple[AuditedRelease, ...]
    lockfile: Lockfile | None
    """The lockfile, for requirements and lines; None for what is installed without one."""


def locked_drivers(
    declaration: Declaration, folder: LockFolder, names: tuple[str, ...]
) -> tuple[Audited, ...]:
    """The named drivers, or every enabled one, as they are locked; errors as in `read_lockfiles`."""
    found = read_lockfiles(declaration, folder, names)
    return tuple(
        Audited(
            name=name,
            version=lockfile.version,
            releases=_each(
                AuditedRelease(one.index, one.name, one.version)
                for target in lockfile.targets
                for one in lockfile.packages_for(target)
            ),
            lockfile=lockfile,
        )
        for name, lockfile in found.items()
        if not names or name in names
    )


def installed_drivers(
    manifest: Manifest, lockfiles: Mapping[str, Lockfile], names: tuple[str, ...]
) -> tuple[Audited, ...]:
    """The named drivers, or all, of the current generation; UsageError for one that it lacks."""
    known = [driver.name for driver in manifest.drivers]
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    if unknown:
        message = f"generation {manifest.generation} does not have {', '.join(unknown)}"
        hint = f"it has: {', '.join(known)}"
        raise UsageError(Problem(message=message, hint=hint))
    found = []
    for driver in manifest.drivers:
        if names and driver.name not in names:
            continue
        lockfile = lockfiles.get(driver.name)
        indexes = {one.name: one.index for one in lockfile.packages} if lockfile is not None else {}
        releases = (
            AuditedRelease(
                indexes.get(normalized_name(name), DEFAULT_INDEX), normalized_name(name), at
            )
            for name, at in driver.packages
        )
        found.append(
            Audited(
                name=driver.name,
                version=driver.version,
                releases=_each(releases),
                lockfile=lockfile,
            )
        )
    return tuple(found)


def _each(releases: Iterable[AuditedRelease]) -> tuple[AuditedRelease, ...]:
    return tuple(sorted(set(releases), key=lambda one: (one.package, one.version)))


def usable_lockfiles(declaration: Declaration, folder: LockFolder) -> dict[str, Lockfile]:
    """The lockfiles that are there; errors as in `LockFolder.read`."""
    found = ((one.name, folder.read(one.name)) for one in select_drivers(declaration, ()))
    return {name: stored.lockfile for name, stored in found if stored is not None}


def audit(
    drivers: tuple[Audited, ...],
    source: AdvisorySource,
    ignored: tuple[IgnoredAdvisory, ...],
    *,
    today: str,
    installed: bool,
    folder: LockFolder,
    file: str,
) -> AuditResult:
    """Judge every package; `today` is a day (UTC) such as `2030-12-31`.

    IndexFailureError if nothing at all could be judged.
    """
    releases = tuple(dict.fromkeys(one for driver in drivers for one in driver.releases))
    known = source.advisories(releases)
    if releases and all(known[one] is None for one in releases):
        message = "no index of these packages has data about vulnerabilities"
        hint = "name a database with --database"
        raise IndexFailureError(Problem(message=message, hint=hint))
    judge = _Judge(
        known=known,
        ignored={one.id.casefold(): one for one in ignored},
        today=today,
        folder=folder,
    )
    judged = tuple(judge.driver(one, installed=installed) for one in drivers)
    used = [one.ignored for driver in judged for one in driver.vulnerabilities if one.ignored]
    return AuditResult(
        installed=installed,
        drivers=judged,
        unused=tuple(one for one in ignored if one not in used),
        file=file,
    )


@value
class _Judge:
    known: Mapping[AuditedRelease, tuple[Advisory, ...] | None]
    ignored: Mapping[str, IgnoredAdvisory]
    """By the id, without regard to case."""

    today: str
    folder: LockFolder

    def driver(self, driver: Audited, *, installed: bool) -> AuditedDriver:
        return AuditedDriver(
            name=driver.name,
            version=driver.version,
            packages=sum(self.known[one] is not None for one in driver.releases),
            vulnerabilities=tuple(
                self._vulnerability(driver, release, advisory, installed=installed)
                for release in driver.releases
                for advisory in self.known[release] or ()
            ),
            unjudged=tuple(
                f"{one.package} {one.version}" for one in driver.releases if self.known[one] is None
            ),
        )

    def _vulnerability(
        self, driver: Audited, release: AuditedRelease, advisory: Advisory, *, installed: bool
    ) -> Vulnerability:
        lockfile, package = driver.lockfile, release.package
        fixed = _newer(advisory.fixed, release.version)
        fitting, held_by = _reachable(lockfile, package, fixed) if lockfile else ((), ())
        ignored = next(
            (found for name in sorted(advisory.names) if (found := self.ignored.get(name))), None
        )
        written = not installed and lockfile is not None
        return Vulnerability(
            package=package,
            version=release.version,
            advisory=advisory,
            fixed=fixed,
            fitting=fitting,
            held_by=held_by,
            path=self.folder.name(driver.name) if written else None,
            line=package_line(lockfile, package, release.version)
            if written and lockfile is not None
            else None,
            ignored=ignored,
            expired=ignored is not None and ignored.expires < self.today,
        )


def _newer(fixed: tuple[str, ...], version: str) -> tuple[str, ...]:
    """The versions that are newer, in order; those that are no versions are left out."""
    newer = [one for one in dict.fromkeys(fixed) if is_newer_release(one, version)]
    return tuple(sorted(newer, key=parse_version))


def _reachable(
    lockfile: Lockfile, package: str, fixed: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[Holder, ...]]:
    """The fixed versions that every requirement admits; if there is none, what excludes the first one."""
    fitting = list(fixed)
    held: dict[Holder, None] = {}
    for target in lockfile.targets:
        if all(one.name != package for one in lockfile.packages_for(target)):
            continue
        bounds = bounds_on(lockfile, graph_edges(lockfile, target), package)
        fitting = [one for one in fitting if all(admits(b.specifier, one) for b in bounds)]
        if fixed:
            held |= dict.fromkeys(holders(lockfile, target, bounds, fixed[0]))
    return tuple(fitting), () if fitting else tuple(held)


def _finding(driver: AuditedDriver, one: Vulnerability, file: str) -> Finding:
    """The vulnerability, with what can be done about it."""
    advisory = one.advisory
    aliases = f" ({', '.join(advisory.aliases)})" if advisory.aliases else ""
    severity = f", {advisory.severity.lower()}" if advisory.severity else ""
    summary = f": {advisory.summary}" if advisory.summary else ""
    message = f"{one.package} {one.version} has {advisory.id}{aliases}{severity}{summary}"
    if one.expired and one.ignored is not None:
        message += (
            f"; it was ignored until {one.ignored.expires} ({file}:{one.ignored.line}), "
            "which is over"
        )
    return Finding(
        code=Code.VULNERABLE,
        subject=driver.name,
        message=message,
        path=one.path,
        line=one.line,
        hint=remedy(driver.name, one),
    )


def remedy(driver: str, one: Vulnerability) -> str:
    """What can be done about it."""
    if one.fitting:
        return (
            f"fixed in {one.fitting[0]}, which every requirement admits: "
            f"`envbuild lock {driver} --upgrade-package {one.package}`"
        )
    if not one.fixed:
        return "no fixed version is known"
    words = " and ".join(
        f"{' → '.join(held.chain) or driver}: {held.specifier}" for held in one.held_by
    )
    return f"fixed in {', '.join(one.fixed)}" + (f"; held by {words}" if words else "")
