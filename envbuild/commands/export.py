"""`envbuild export`: write files for launchers and other tools, from the manifest and the lockfiles."""

from __future__ import annotations

import difflib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.commands.selection import no_lockfile, select_drivers
from envbuild.errors import EnvbuildError, HostError, NoError, Problem, UsageError
from envbuild.launchers.export import TARGET, UNIT
from envbuild.launchers.files import (
    read_licences,
    read_mode,
    read_subject,
    read_text,
    write_files,
)
from envbuild.launchers.fleet import PRIVATE, BuiltFleet
from envbuild.launchers.registry import find_format, refuse_foreign_options
from envbuild.nearest_name import name_hint
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.driver import Driver
    from envbuild.launchers.export import ExportFormat, ExportRequest
    from envbuild.launchers.fleet import BuiltDriver, ExportedFile, FileSource
    from envbuild.lockfile.folder import LockFolder
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.store.manifest import Manifest


@value
class Compared:
    """An existing file, compared with the export."""

    file: str
    differences: tuple[str, ...]
    """The differences, one a line; empty if there are none."""


@value
class ExportResult:
    """The result of an export."""

    format: str
    files: tuple[ExportedFile, ...]
    written: tuple[str, ...]
    """The paths of the written files, in order."""

    compared: tuple[Compared, ...]

    @property
    def exit_code(self) -> int:
        """1 if a compared file is out of date."""
        return 1 if any(compared.differences for compared in self.compared) else 0


@value
class Exporter:
    """Renders a format from what is built and locked."""

    store: Path
    manifest: Callable[[], Manifest]
    declaration: Callable[[], Declaration]
    declared: Callable[[], bool]
    """Whether there is a declaration."""

    folder: LockFolder
    sources: Callable[[Lockfile], Mapping[str, FileSource]]
    """Where this host finds a lockfile's files."""

    lock_workspace: Callable[[Lockfile, str, str], str]
    """The `uv.lock` for a lockfile's `pyproject.toml`, made with an interpreter of its target."""

    indexes: Callable[[Collection[str]], Mapping[str, tuple[str, bool]]]
    """The address or folder of those indexes that packages are bound to, and whether it is flat."""

    def export(self, request: ExportRequest) -> ExportResult:
        """Render, then write or compare if requested."""
        chosen = find_format(request.format)
        refuse_foreign_options(chosen, tuple(request.options))
        export = _Export(self, request, chosen)
        files = chosen.render(export)
        written = write_files(request.out, files) if request.out is not None else ()
        compared = tuple(_compare(export, path, files) for path in request.check)
        return ExportResult(format=request.format, files=files, written=written, compared=compared)


class _Export:
    """The inputs of a format (envbuild.launchers.export.Export)."""

    def __init__(self, parts: Exporter, request: ExportRequest, chosen: ExportFormat) -> None:
        self._parts = parts
        self.request = request
        self.format = chosen
        self.store = str(parts.store)
        self.sources = parts.sources
        self.indexes = parts.indexes
        self.lock_workspace = parts.lock_workspace

    @cached_property
    def fleet(self) -> BuiltFleet:
        """The named drivers of the current generation, or all of them."""
        declaration = None
        if self.format.needs_declaration or (
            self.format.uses_declaration and self._parts.declared()
        ):
            declaration = self._parts.declaration()
        stable = self.request.stable
        return BuiltFleet(
            store=self.store,
            subjects=subjects_of(
                self._parts.manifest(),
                self.request.drivers,
                declaration,
                self.format.name,
                each_declared=self.format.needs_declaration,
            ),
            stable=self.format.stable if stable is None else stable,
        )

    def lockfiles(self) -> Iterator[tuple[Lockfile, str]]:
        """The lockfiles of the named drivers, or of all declared ones."""
        selected = select_drivers(self._parts.declaration(), self.request.drivers)
        target = self.request.options.get(TARGET.name)
        return (lockfile_for(self._parts.folder, driver.name, target) for driver in selected)

    def lockfile(self, driver: str) -> Lockfile:
        """A driver's lockfile, reduced to `--target`."""
        target = self.request.options.get(TARGET.name)
        return lockfile_for(self._parts.folder, driver, target)[0]

    def licences(self, driver: str) -> Mapping[str, str]:
        """Licences from the driver's environment, if one is built."""
        environment = self._parts.store / "current" / driver
        return read_licences(environment) if environment.is_dir() else {}

    def unit(self) -> tuple[str, str] | None:
        """The unit's name and text; UsageError if its driver is unclear."""
        given = self.request.options.get(UNIT.name)
        if given is None:
            return None
        if len(self.fleet.subjects) != 1:
            message = "--unit is for one driver, so name the driver"
            raise UsageError(Problem(key="--unit", message=message))
        return Path(given).name, read_text(Path(given))


def _compare(export: _Export, path: Path, files: tuple[ExportedFile, ...]) -> Compared:
    text = read_text(path)
    differences = export.format.compare(export, path, text) if export.format.compare else None
    if differences is None:
        differences = _differences(path, text, _counterpart(path, files))
    return Compared(file=str(path), differences=differences)


def _counterpart(path: Path, files: tuple[ExportedFile, ...]) -> ExportedFile:
    """The exported file for a path, by the end of its name."""
    for file in files:
        if path.absolute().parts[-len(Path(file.name).parts) :] == Path(file.name).parts:
            return file
    if len(files) == 1:
        return files[0]
    message = "no file of this export has this name"
    hint = f"there are: {', '.join(file.name for file in files)}"
    raise UsageError(Problem(file=str(path), message=message, hint=hint))


def _differences(path: Path, text: str, file: ExportedFile) -> tuple[str, ...]:
    lines = difflib.unified_diff(text.splitlines(), file.text.splitlines(), n=0, lineterm="")
    said = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    mode = read_mode(path)
    if file.mode == PRIVATE and mode & 0o077:
        said.append(f"mode {mode:o} lets others read it; {file.mode:o} would not")
    return tuple(said)


def subjects_of(
    manifest: Manifest,
    names: tuple[str, ...],
    declaration: Declaration | None,
    format_: str,
    *,
    each_declared: bool = True,
) -> tuple[BuiltDriver, ...]:
    """The named drivers of the manifest, or all of them.

    NoError names every driver that is not built; HostError every missing path.
    With a declaration, each driver must be declared if `each_declared`.
    """
    known = [driver.name for driver in manifest.drivers]
    problems = [_not_built(name, known) for name in dict.fromkeys(names) if name not in known]
    if problems:
        raise NoError(problems)
    chosen = [driver for driver in manifest.drivers if not names or driver.name in names]
    declared: dict[str, Driver | None] = {}
    for driver in chosen:
        if each_declared or declaration is None or declaration.driver(driver.name) is not None:
            declared[driver.name] = _declared(driver.name, declaration, format_)
    found: list[BuiltDriver] = []
    gone: list[Problem] = []
    for driver in chosen:
        try:
            found.append(read_subject(driver, declared.get(driver.name)))
        except EnvbuildError as error:
            gone += error.problems
    if gone:
        raise HostError(gone)
    return tuple(found)


def lockfile_for(folder: LockFolder, driver: str, target: str | None) -> tuple[Lockfile, str]:
    """A driver's lockfile with built wheels in place of sources, reduced to one target if one is named; its digest.

    NoError if there is none; UsageError if it has no such target.
    """
    stored = folder.read(driver)
    if stored is None:
        raise NoError(no_lockfile(folder, driver))
    packages = (package.with_built_wheels() for package in stored.lockfile.packages)
    lockfile = replace(stored.lockfile, packages=tuple(packages))
    return lockfile if target is None else _only(lockfile, target), stored.digest


def _only(lockfile: Lockfile, name: str) -> Lockfile:
    chosen = tuple(target for target in lockfile.targets if str(target) == name)
    if not chosen:
        message = f"{lockfile.driver} is not locked for {name!r}"
        hint = f"there are: {', '.join(map(str, lockfile.targets))}"
        raise UsageError(Problem(key="--target", message=message, hint=hint))
    packages = tuple(
        replace(
            package,
            targets=chosen,
            files=tuple(
                replace(file, targets=chosen) for file in package.files if chosen[0] in file.targets
            ),
        )
        for package in lockfile.packages
        if chosen[0] in package.targets
    )
    inherited = tuple(
        replace(package, targets=chosen)
        for package in lockfile.inherited
        if chosen[0] in package.targets
    )
    return replace(lockfile, targets=chosen, packages=packages, inherited=inherited)


def _declared(name: str, declaration: Declaration | None, format_: str) -> Driver | None:
    if declaration is None:
        return None
    driver = declaration.driver(name)
    if driver is None:
        message = f"{name} is built but no longer declared, so its ranges are not known"
        hint = f"name the drivers to export, as in `envbuild export {format_} DRIVER`"
        raise NoError(Problem(file=declaration.file, message=message, hint=hint))
    return driver


def _not_built(name: str, known: list[str]) -> Problem:
    message = f"the current generation has no driver {name!r}"
    hint = f"run `envbuild sync {name}`, or correct the name; {name_hint(name, known)}"
    return Problem(message=message, hint=hint)
