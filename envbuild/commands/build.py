"""`envbuild build`: build the wheels of sources, and write their digests into the lockfiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.build.builder import Failure
from envbuild.commands.selection import select_drivers
from envbuild.errors import EnvbuildError
from envbuild.lockfile.builds import needs_build
from envbuild.lockfile.lockfile import LockedFile
from envbuild.posix.shortage import unwritable
from envbuild.store.plan import want
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from envbuild.backend.provide import WheelProvider
    from envbuild.commands.sync import Planner
    from envbuild.lockfile.lockfile import ChosenFile, LockedPackage, Lockfile
    from envbuild.progress import Progress
    from envbuild.store.plan import Wanted
    from envbuild.target.target import Interpreter, Target


@value
class LockedWheel:
    """The wheel of one source on one target."""

    driver: str
    package: str
    version: str
    target: str
    file: str
    """The wheel's name."""

    sha256: str
    size: int
    """In bytes."""

    new: bool
    """Whether the lockfile did not have it before."""


@value
class BuildResult:
    """What `envbuild build` has done."""

    wheels: tuple[LockedWheel, ...]
    failures: tuple[Failure, ...]
    """Drivers whose lockfiles stay as they were."""

    @property
    def exit_code(self) -> int:
        """0, or the code of the first driver that failed."""
        return self.failures[0].error.exit_code if self.failures else 0


@value
class WheelBuilder:
    """Builds what lockfiles need, and locks it."""

    planner: Planner
    provider: WheelProvider
    python_here: Callable[[str], Interpreter | None]
    """The newest Python here of a version such as `3.12`."""

    progress: Progress

    def build(self, names: tuple[str, ...], *, everything: bool, again: bool) -> BuildResult:
        """Build for the targets that `sync` would take, or for all that this host can build for.

        A wheel that is locked already is taken as it is; with `again`, the one of this store takes its place.
        If a build of a driver fails, its lockfile stays as it is. Errors for lockfiles as in `Planner.plan`.
        """
        wheels: list[LockedWheel] = []
        failures: list[Failure] = []
        for wanted, lockfile in self._wanted(names, everything=everything):
            name = lockfile.driver
            try:
                made = [
                    (one.target, self._wheel(one, build.source.package, again=again))
                    for one in wanted
                    for build in one.builds
                ]
            except (EnvbuildError, OSError) as error:
                known = error if isinstance(error, EnvbuildError) else unwritable("cache", error)
                failures.append(Failure(driver=name, error=known))
                self.progress.failed(name, "failed")
                continue
            locked = _with_wheels(lockfile, made)
            wheels += [_told(lockfile, target, wheel) for target, wheel in made]
            if locked != lockfile:
                self.planner.folder.write(locked)
        return BuildResult(wheels=tuple(wheels), failures=tuple(failures))

    def _wheel(self, wanted: Wanted, package: str, *, again: bool) -> ChosenFile:
        build = next(one for one in wanted.builds if one.source.package == package)
        return self.provider.wheel(wanted, replace(build, wheel=None) if again else build)

    def _wanted(
        self, names: tuple[str, ...], *, everything: bool
    ) -> Iterator[tuple[tuple[Wanted, ...], Lockfile]]:
        """The drivers on their targets, each with its lockfile."""
        drivers = select_drivers(self.planner.declaration, names)
        if not everything:
            plan = self.planner.plan(names)
            there = {one.driver.name for one in plan.wanted}
            drivers = tuple(driver for driver in drivers if driver.name in there)
        lockfiles = self.planner.lockfiles(drivers)
        for driver in drivers:
            stored = lockfiles[driver.name]
            if everything:
                wanted = tuple(self._on_targets(driver.name, stored.lockfile))
            else:
                wanted = tuple(one for one in plan.wanted if one.driver.name == driver.name)
            yield wanted, stored.lockfile

    def _on_targets(self, name: str, lockfile: Lockfile) -> Iterator[Wanted]:
        """A driver on each of its targets that this host can build for."""
        planner = self.planner
        driver = planner.declaration.driver(name)
        assert driver is not None
        for target in lockfile.targets:
            if not planner.host.runs(target.platform):
                continue
            python = self.python_here(target.python)
            if python is not None:
                yield want(
                    driver=driver,
                    lockfile=lockfile,
                    lock="",
                    target=target,
                    interpreter=python,
                    kernel=planner.host.kernel,
                    options_of=planner.declaration.build_of,
                )


def _told(lockfile: Lockfile, target: Target, wheel: ChosenFile) -> LockedWheel:
    before = (
        file.sha256
        for package in lockfile.packages_for(target)
        if package.name == wheel.package
        for file in package.built
        if target in file.targets
    )
    return LockedWheel(
        driver=lockfile.driver,
        package=wheel.package,
        version=wheel.version,
        target=str(target),
        file=wheel.file,
        sha256=wheel.sha256,
        size=wheel.size,
        new=next(before, None) != wheel.sha256,
    )


def _with_wheels(lockfile: Lockfile, made: Iterable[tuple[Target, ChosenFile]]) -> Lockfile:
    """The lockfile with these wheels in place of those of the same targets."""
    found = {(target, wheel.package): wheel for target, wheel in made}
    if not found:
        return lockfile
    return replace(
        lockfile, packages=tuple(_with_built(package, found) for package in lockfile.packages)
    )


def _with_built(
    package: LockedPackage, found: dict[tuple[Target, str], ChosenFile]
) -> LockedPackage:
    sources = {t for file in package.files if needs_build(file.name) for t in file.targets}
    taken: dict[tuple[str, str, int], list[Target]] = {}
    for target in package.targets:
        wheel = found.get((target, package.name))
        if target not in sources:
            continue
        if wheel is not None:
            taken.setdefault((wheel.file, wheel.sha256, wheel.size), []).append(target)
            continue
        for file in package.built:
            if target in file.targets:
                taken.setdefault((file.name, file.sha256, file.size), []).append(target)
    built = tuple(
        LockedFile(name=name, size=size, sha256=sha256, targets=tuple(targets))
        for (name, sha256, size), targets in sorted(taken.items())
    )
    return replace(package, built=built)
