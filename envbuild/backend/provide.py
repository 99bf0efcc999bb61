"""The wheels of packages that come as source: taken where they are, and built at most once where they are not."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.backend.backends import BuildRequest
from envbuild.errors import HostError, Problem
from envbuild.lockfile.builds import needs_build, wheel_of
from envbuild.posix.scratch import scratch_folder
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.backend.backends import Backends
    from envbuild.backend.source import SourceTree
    from envbuild.build.sources import Sources
    from envbuild.declaration.driver import Driver
    from envbuild.lockfile.builds import SourceBuild
    from envbuild.lockfile.lockfile import ChosenFile
    from envbuild.progress import Progress
    from envbuild.store.plan import Wanted
    from envbuild.wheelcache.built import BuiltWheel, BuiltWheels


@value
class WheelProvider:
    """Gives the wheels of drivers; safe for several threads and processes."""

    backends_for: Callable[[Wanted], Backends]
    """Builds with the indexes of a driver."""

    fetch: Callable[[Wanted, ChosenFile, Path], SourceTree]
    """Puts a locked source into an empty folder, as a tree."""

    built: BuiltWheels
    is_unpacked: Callable[[str], bool]
    """Whether the store has a wheel, by its sha256, unpacked."""

    places: Sources
    """Places with wheels, in addition to the store."""

    allowed: bool
    """Whether this host builds at all."""

    settings: str
    """The file that decides this, for messages."""

    declaration: str
    """The file with the drivers, for messages."""

    progress: Progress

    def wheels(self, wanted: Wanted) -> tuple[ChosenFile, ...]:
        """The files to install: the wheels among them as they are, and one for each source.

        HostError if a wheel has to be built and that fails, or is not allowed here.
        """
        builds = {build.source.package: build for build in wanted.builds}
        found = []
        for file in wanted.files:
            build = builds.get(file.package)
            if build is not None:
                found.append(self.wheel(wanted, build))
            else:
                found.append(self._kept(file) if needs_build(file.file) else file)
        return tuple(found)

    def wheel(self, wanted: Wanted, build: SourceBuild) -> ChosenFile:
        """The wheel of one source: the locked one, or the one that was built here, or a new one."""
        locked = build.wheel
        if locked is not None and self._is_here(locked):
            return locked
        with self.built.making(build.key):
            known = self.built.get(build.key)
            if known is None:
                known = self._build(wanted, build)
        if locked is not None and known.sha256 != locked.sha256:
            raise _another(build, known, locked)
        return wheel_of(build.source, known.name, known.sha256, known.size)

    def _kept(self, file: ChosenFile) -> ChosenFile:
        """The wheel of a source when nothing more than its build's key is known, as in a repair."""
        known = self.built.get(file.build) if file.build else None
        if known is None:
            raise HostError(
                Problem(
                    message=f"the wheel that was built from {file.file} is no longer in the store",
                    hint="restore the lockfile that it was built from, and run it again",
                )
            )
        return wheel_of(file, known.name, known.sha256, known.size)

    def _is_here(self, wheel: ChosenFile) -> bool:
        if self.is_unpacked(wheel.sha256) or self.built.fetch(wheel, Path()) is not None:
            return True
        with tempfile.TemporaryDirectory(prefix="envbuild-wheel-") as folder:
            return bool(self.places.fetch((wheel,), Path(folder)))

    def _build(self, wanted: Wanted, build: SourceBuild) -> BuiltWheel:
        """Build a wheel into the store; the caller holds the build's lock."""
        source = build.source
        if not self.allowed:
            raise _forbidden(wanted, build, self.settings)
        name = f"{source.package} {source.version}"
        self.progress.stage(wanted.driver.name, f"building {name}")
        with scratch_folder("source") as folder:
            unpacked, output = folder / "source", folder / "output"
            unpacked.mkdir()
            output.mkdir()
            request = BuildRequest(
                tree=self.fetch(wanted, source, unpacked),
                options=build.options,
                target=wanted.target,
                interpreter=wanted.interpreter,
                installed=build.installed,
            )
            try:
                wheel = self.backends_for(wanted).build(request, build.files, output)
            except HostError as error:
                place = _place(wanted.driver, source.package)
                raise error.with_problems(
                    _placed(problem, self.declaration, *place) for problem in error.problems
                ) from error
            return self.built.put(build.key, wheel)


def _place(driver: Driver, package: str) -> tuple[int, str]:
    """The line and the key of what asks for a package: the requirement, else the source, else the first requirement."""
    for number, requirement in enumerate(driver.requires):
        if requirement.name == package:
            return requirement.line, f"drivers.{driver.name}.requires[{number}]"
    for source in driver.sources:
        if source.package == package:
            return source.line, f"sources.{package}"
    line = driver.requires[0].line if driver.requires else driver.line
    return line, f"drivers.{driver.name}.requires"


def _placed(problem: Problem, file: str, line: int, key: str) -> Problem:
    """The problem with a place, unless it has one."""
    if problem.file is not None:
        return problem
    return replace(problem, file=file, line=line, key=key)


def _forbidden(wanted: Wanted, build: SourceBuild, settings: str) -> HostError:
    source, driver = build.source, wanted.driver.name
    if build.wheel is not None:
        hint = (
            f'put {build.wheel.file} into a folder that {settings} names: [[source]] folder = "…"'
        )
    else:
        hint = f"run `envbuild build {driver}` where builds are allowed, and commit the lockfile"
    return HostError(
        Problem(
            file=settings,
            key="build",
            message=f"{driver}: {source.package} {source.version} comes as source, "
            "and this store never builds",
            hint=hint,
        )
    )


def _another(build: SourceBuild, known: BuiltWheel, locked: ChosenFile) -> HostError:
    """The error if a build gives other bytes than the one whose wheel is locked."""
    return HostError(
        Problem(
            message=f"{build.source.file} is built into another wheel than the locked one",
            detail=f"locked: {locked.file} sha256 {locked.sha256}\n"
            f"built:  {known.name} sha256 {known.sha256}",
            hint='take the locked one from a folder ([[source]] folder = "…" in the store\'s settings), '
            "or lock this one with `envbuild build --again`",
        )
    )
