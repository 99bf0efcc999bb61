"""`envbuild export`: what launchers and other tools read, out of the manifest and the lockfiles."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild import __version__
from envbuild.commands.export_launchers import LAUNCHERS
from envbuild.commands.export_sources import lockfile_for, subjects_of
from envbuild.errors import Problem, UsageError
from envbuild.launchers import STABLE_FORMATS
from envbuild.launchers.files import read_licences, read_mode, read_text, write_files
from envbuild.launchers.fleet import PRIVATE, Fleet
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envbuild.commands.export_request import ExportRequest
    from envbuild.declaration.declaration import Declaration
    from envbuild.launchers.fleet import ExportedFile, Subject
    from envbuild.launchers.pylock import Source
    from envbuild.lockfile.folder import LockFolder
    from envbuild.lockfile.lockfile import Lockfile
    from envbuild.store.manifest import Manifest

_DECLARED = ("gpumod", "local-studio", "llmhop", "quadlet", "kubernetes")
"""The formats that say what the declaration asks for: ranges, the package that names a driver, a GPU."""


@value
class Compared:
    """A file that is there, beside what would be written."""

    file: str
    differences: tuple[str, ...]
    """What is out of date, a line each; empty where nothing is."""


@value
class ExportResult:
    """What an export came to."""

    format: str
    files: tuple[ExportedFile, ...]
    written: tuple[str, ...]
    """The paths of the files, in their order, where they were written to a folder."""

    compared: tuple[Compared, ...]

    @property
    def exit_code(self) -> int:
        """1 where a file that was to be compared is out of date."""
        return 1 if any(compared.differences for compared in self.compared) else 0


@value
class Exporter:
    """Renders a format from what is built and locked."""

    store: Path
    manifest: Callable[[], Manifest]
    declaration: Callable[[], Declaration]
    folder: LockFolder
    sources: Callable[[Lockfile], Mapping[str, Source]]
    """Where this host finds a lockfile's files."""

    lock_workspace: Callable[[Lockfile, str, str], str]
    """The `uv.lock` of a lockfile's `pyproject.toml`, made with an interpreter that it is for."""

    indexes: Callable[[], Mapping[str, str]]
    """The address or folder of every bound index."""

    def export(self, request: ExportRequest) -> ExportResult:
        """Render, then write or compare where that is asked for."""
        files = self._render(request)
        written = write_files(request.out, files) if request.out is not None else ()
        compared = tuple(self._compare(path, files, request) for path in request.check)
        return ExportResult(format=request.format, files=files, written=written, compared=compared)

    def _render(self, request: ExportRequest) -> tuple[ExportedFile, ...]:
        standard = {
            "requirements": self._requirements,
            "pylock": self._pylock,
            "cyclonedx": self._cyclonedx,
        }.get(request.format)
        if standard is not None:
            return tuple(standard(name, request) for name in self._locked(request))
        files = LAUNCHERS[request.format](self._fleet(request), request)
        if request.format == "llmhop":
            files += tuple(
                file
                for subject in self._fleet(request).subjects
                for file in self._workspace(subject, request)
            )
        return files

    def _fleet(self, request: ExportRequest) -> Fleet:
        declaration = self.declaration() if request.format in _DECLARED else None
        stable = request.stable
        return Fleet(
            store=str(self.store),
            subjects=subjects_of(self.manifest(), request.drivers, declaration, request.format),
            stable=request.format in STABLE_FORMATS if stable is None else stable,
        )

    def _locked(self, request: ExportRequest) -> tuple[str, ...]:
        from envbuild.commands.selection import select_drivers

        selected = select_drivers(self.declaration(), request.drivers)
        return tuple(driver.name for driver in selected)

    def _requirements(self, driver: str, request: ExportRequest) -> ExportedFile:
        from envbuild.launchers.requirements import render_requirements

        return render_requirements(lockfile_for(self.folder, driver, request.target)[0])

    def _pylock(self, driver: str, request: ExportRequest) -> ExportedFile:
        from envbuild.launchers.pylock import render_pylock

        lockfile, _ = lockfile_for(self.folder, driver, request.target)
        return render_pylock(lockfile, self.sources(lockfile))

    def _cyclonedx(self, driver: str, request: ExportRequest) -> ExportedFile:
        from envbuild.launchers.cyclonedx import render_cyclonedx

        lockfile, digest = lockfile_for(self.folder, driver, request.target)
        return render_cyclonedx(
            lockfile, digest=digest, envbuild=__version__, licences=self._licences(driver)
        )

    def _licences(self, driver: str) -> dict[str, str]:
        """What the environment of the driver says, where one is built."""
        environment = self.store / "current" / driver
        return read_licences(environment) if environment.is_dir() else {}

    def _workspace(self, subject: Subject, request: ExportRequest) -> tuple[ExportedFile, ...]:
        from envbuild.launchers.fleet import ExportedFile
        from envbuild.launchers.llmhop import check_workspace_lock, render_workspace

        driver = subject.entry.name
        lockfile, _ = lockfile_for(self.folder, driver, request.target)
        used = {package.index for package in lockfile.packages}
        indexes = {name: place for name, place in self.indexes().items() if name in used}
        pyproject = render_workspace(lockfile, indexes)
        text = self.lock_workspace(lockfile, pyproject.text, subject.base_python)
        check_workspace_lock(lockfile, text)
        return (pyproject, ExportedFile(name=f"{driver}/uv.lock", text=text))

    def _compare(
        self, path: Path, files: tuple[ExportedFile, ...], request: ExportRequest
    ) -> Compared:
        text = read_text(path)
        if request.format == "gpumod" and path.suffix in (".yaml", ".yml"):
            from envbuild.commands.export_presets import compare_with_preset

            if not path.name.endswith(".preset.yaml"):
                said = compare_with_preset(path, text, self._fleet(request))
                return Compared(file=str(path), differences=said)
        file = _counterpart(path, files)
        return Compared(file=str(path), differences=_differences(path, text, file))


def _counterpart(path: Path, files: tuple[ExportedFile, ...]) -> ExportedFile:
    """The exported file that a path stands for, by the end of its name."""
    for file in files:
        if path.absolute().parts[-len(Path(file.name).parts) :] == Path(file.name).parts:
            return file
    if len(files) == 1:
        return files[0]
    message = "no file of this export has such a name"
    hint = f"there are: {', '.join(file.name for file in files)}"
    raise UsageError(Problem(file=str(path), message=message, hint=hint))


def _differences(path: Path, text: str, file: ExportedFile) -> tuple[str, ...]:
    lines = difflib.unified_diff(text.splitlines(), file.text.splitlines(), n=0, lineterm="")
    said = [line for line in lines if not line.startswith(("---", "+++", "@@"))]
    mode = read_mode(path)
    if file.mode == PRIVATE and mode & 0o077:
        said.append(f"mode {mode:o} lets others read it; {file.mode:o} would not")
    return tuple(said)
