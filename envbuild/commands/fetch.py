"""`envbuild fetch`: put the locked wheels into a folder that `[[index]] path` takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.commands.selection import read_lockfiles
from envbuild.errors import Problem, UsageError
from envbuild.lockfile.builds import taken_file
from envbuild.nearest_name import name_hint
from envbuild.posix.files import make_folders
from envbuild.posix.shortage import not_written
from envbuild.posix.workers import Workers
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from envbuild.declaration.declaration import Declaration
    from envbuild.lockfile.folder import LockFolder
    from envbuild.lockfile.lockfile import ChosenFile, Lockfile
    from envbuild.progress import Progress
    from envbuild.target.target import Target

_SIDE_BY_SIDE = 8


@value
class Fetched:
    """The result of `envbuild fetch`."""

    out: str
    files: tuple[ChosenFile, ...]
    """Every file of the drivers and targets, ordered by name."""

    downloaded: tuple[str, ...]
    """The names of those that were not there yet."""


def fetch(
    declaration: Declaration,
    folder: LockFolder,
    names: tuple[str, ...],
    targets: tuple[str, ...],
    out: Path,
    download: Callable[[ChosenFile, Path], None],
    is_there: Callable[[ChosenFile, Path], bool],
    progress: Progress,
) -> Fetched:
    """Put every locked file of the drivers into the folder, unless it is there already, as locked.

    `targets` limits the files; empty means all. `download` writes one file into the folder whole or not at all.
    Errors as in `read_lockfiles` and `chosen_targets`; those of `download`; HostError if the disk fails.
    """
    lockfiles = read_lockfiles(declaration, folder, names)
    if names:
        lockfiles = {name: lockfiles[name] for name in lockfiles if name in names}
    chosen = chosen_targets(lockfiles, targets)
    files = tuple(sorted(locked_files(lockfiles, chosen), key=lambda file: file.file))
    try:
        make_folders(out)
        missing = [file for file in files if not is_there(file, out)]
        _download(missing, out, download, progress)
    except OSError as error:
        raise not_written(error.filename or out, error) from error
    return Fetched(out=str(out), files=files, downloaded=tuple(file.file for file in missing))


def _download(
    files: list[ChosenFile],
    out: Path,
    download: Callable[[ChosenFile, Path], None],
    progress: Progress,
) -> None:
    total, done = sum(file.size for file in files), 0
    if not files:
        return
    progress.stage("wheels", "downloading")
    with Workers(max_workers=_SIDE_BY_SIDE) as pool:
        started = [(file, pool.submit(download, file, out)) for file in files]
        for file, downloading in started:
            downloading.result()
            done += file.size
            progress.downloaded("wheels", done, total)
    progress.done("wheels", "downloaded")


def chosen_targets(
    lockfiles: Mapping[str, Lockfile], asked: tuple[str, ...]
) -> dict[str, tuple[Target, ...]]:
    """Each driver's targets among those that were asked for; all if none was.

    UsageError for a target that no lockfile has.
    """
    known = {str(target) for lockfile in lockfiles.values() for target in lockfile.targets}
    unknown = [text for text in asked if text not in known]
    if unknown:
        raise UsageError(
            Problem(
                key="--target",
                message=f"no lockfile has a target {text!r}",
                hint=name_hint(text, sorted(known)),
            )
            for text in unknown
        )
    return {
        name: tuple(target for target in lockfile.targets if not asked or str(target) in asked)
        for name, lockfile in lockfiles.items()
    }


def locked_files(
    lockfiles: Mapping[str, Lockfile], targets: Mapping[str, Iterable[Target]]
) -> Iterator[ChosenFile]:
    """Every file of the drivers on their targets, each content once."""
    seen: set[str] = set()
    for name, lockfile in lockfiles.items():
        for file in files_on(lockfile, targets[name]):
            if file.sha256 not in seen:
                seen.add(file.sha256)
                yield file


def files_on(lockfile: Lockfile, targets: Iterable[Target]) -> Iterator[ChosenFile]:
    """A lockfile's files for some targets, the wheels that were built in place of their sources; each once."""
    wanted = tuple(targets)
    for package in lockfile.packages:
        taken = (taken_file(package, target) for target in wanted if target in package.targets)
        yield from dict.fromkeys(taken)
