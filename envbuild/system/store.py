"""The store on disk: where everything lies, what is valid, which generation is current."""

from __future__ import annotations

import errno
import os
import re
import stat
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild.errors import HostError, NoError, Problem, UsageError
from envbuild.layout import generation_links
from envbuild.manifest import parse_manifest, render_manifest
from envbuild.receipt import read_receipt_size, render_receipt
from envbuild.system.environments.stat_list import list_stats
from envbuild.system.files import (
    locked,
    replace_link,
    sweep,
    sync_file_system,
    sync_folder,
    write_atomically,
)
from envbuild.system.seals import Seals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from envbuild.manifest import Manifest
    from envbuild.receipt import Receipt

MARKER = "envbuild-store.json"
"""The file that names a folder a store; nothing is ever deleted in a folder without it."""

FORMAT = 1
_PATH = re.compile(r"[A-Za-z0-9._/+-]+")
_LONGEST_INTERPRETER_LINE = 127
"""In bytes, `#!` included: uv wraps longer ones in `/bin/sh`, which costs every start."""

_PUBLIC = ("envs", "receipts", "generations", "seals", "locks")
_PRIVATE = ("cache", "trash", "mend", "settings.toml")


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """A folder of environments, receipts, generations and caches."""

    root: Path
    """Absolute; may be a link's name, never resolved, so that paths stay what the user said."""

    @property
    def environments(self) -> Path:
        """Holds every environment, valid or not."""
        return self.root / "envs"

    @property
    def current(self) -> Path:
        """The link to the generation that launchers use."""
        return self.root / "current"

    @property
    def cache(self) -> Path:
        """Private: uv's cache and what else can be made anew."""
        return self.root / "cache"

    @property
    def seals(self) -> Seals:
        """What generations and receipts were when they were made."""
        return Seals(folder=self.root / "seals", receipts=self.root / "receipts")

    @property
    def trash(self) -> Path:
        """Private: what was taken away by a rename and is still to be deleted."""
        return self.root / "trash"

    @property
    def pythons(self) -> Path:
        """Interpreters that envbuild had installed."""
        return self.root / "pythons"

    def environment(self, name: str) -> Path:
        """Where an environment stands."""
        return self.environments / name

    def receipt(self, name: str) -> Path:
        """The file whose existence makes the environment valid."""
        return self.root / "receipts" / f"{name}.json"

    def mend(self, name: str) -> Path:
        """Where an environment is built anew; as long a path as its own."""
        return self.root / "mend" / name

    def generation(self, number: int) -> Path:
        """A generation's folder."""
        return self.root / "generations" / str(number)

    def stats(self, name: str) -> Path:
        """The file with what the file system said of a valid environment when it was built."""
        return self.root / "receipts" / f"{name}.stat"

    def is_valid(self, name: str) -> bool:
        """Whether an environment has its receipt and still stands."""
        return self.receipt(name).is_file() and self.environment(name).is_dir()

    @property
    def is_reachable(self) -> bool:
        """Whether other users can get to the store; where it is not made yet, to where it will be."""
        return all(
            folder.stat().st_mode & stat.S_IXOTH
            for folder in (self.root, *self.root.parents)
            if folder.exists()
        )

    def exists(self) -> bool:
        """Whether the folder is a store already."""
        return (self.root / MARKER).is_file()

    def prepare(self) -> None:
        """Make the folder a store, or check that it is one that this version can write.

        UsageError for a path that no store can have; HostError for one that cannot be written
        or holds something else.
        """
        check_store_path(self.root)
        try:
            self._prepare()
        except OSError as error:
            raise unwritable(self.root, error) from error

    def _prepare(self) -> None:
        marker = self.root / MARKER
        if not marker.is_file():
            with _public_umask():
                self.root.mkdir(parents=True, exist_ok=True)
            self._refuse_foreign_folder()
            self.root.chmod(0o755)
            write_atomically(marker, f'{{"format": {FORMAT}}}\n'.encode())
        check_format(marker)
        with _public_umask():
            for name in _PUBLIC:
                (self.root / name).mkdir(exist_ok=True)
        for folder in (self.cache, self.cache / "uv"):
            if not folder.is_dir():
                folder.mkdir(mode=0o700, exist_ok=True)
        if not os.access(self.root, os.W_OK):
            read_only = os.statvfs(self.root).f_flag & os.ST_RDONLY
            number = errno.EROFS if read_only else errno.EACCES
            raise OSError(number, os.strerror(number).lower(), str(self.root))
        for folder in (self.root, self.root / "receipts", self.root / "seals", self.cache):
            sweep(folder)

    def _refuse_foreign_folder(self) -> None:
        with os.scandir(self.root) as entries:
            names = {entry.name for entry in entries if not entry.name.startswith(f".{MARKER}.")}
        if names - {*_PUBLIC, *_PRIVATE, MARKER}:
            message = f"{self.root} holds other things and is no store"
            raise HostError(Problem(message=message, hint="name an empty or a new folder"))

    @contextmanager
    def building(self, name: str) -> Iterator[int]:
        """Hold the lock of one environment; ends with the process, however that ends.

        Yields its descriptor, for whatever other program writes into the environment meanwhile:
        a killed envbuild leaves that program running, and nobody may build beside it.
        """
        with locked(self.building_lock(name)) as lock:
            yield lock

    def building_lock(self, name: str) -> Path:
        """The lock of whoever builds an environment."""
        return self.root / "locks" / f"{name}.lock"

    @contextmanager
    def claiming(self, names: Iterable[str]) -> Iterator[None]:
        """Keep every gc off these environments, whether or not they are built yet."""
        with ExitStack() as stack:
            stack.enter_context(locked(self.cache_lock, shared=True))
            for name in sorted(set(names)):
                stack.enter_context(locked(self.claim(name), shared=True))
            yield

    @property
    def cache_lock(self) -> Path:
        """The lock that everybody shares who uses the caches."""
        return self.root / "locks" / "cache.lock"

    def claim(self, name: str) -> Path:
        """The lock that everybody shares who is about to use an environment."""
        return self.root / "locks" / f"{name}.claim"

    @contextmanager
    def switching(self) -> Iterator[None]:
        """Hold the lock of the generations."""
        with locked(self.root / "locks" / "generations.lock"):
            yield

    def write_receipt(self, receipt: Receipt, *, stats: str | None = None) -> None:
        """Make an environment valid: its content reaches the disk before the receipt does.

        `stats` is what `list_stats` says of it, where the caller has looked already.
        """
        sync_file_system(self.environment(receipt.environment))
        self.write_stats(receipt.environment, stats)
        content = render_receipt(receipt).encode("utf-8", "surrogateescape")
        write_atomically(self.receipt(receipt.environment), content)
        if self.seals.name(receipt.environment):
            with self.switching():
                self.seals.renew(receipt.environment)

    def write_stats(self, name: str, stats: str | None = None) -> None:
        """Record how the file system sees a valid environment, for `verify --quick`."""
        text = list_stats(self.environment(name)) if stats is None else stats
        write_atomically(self.stats(name), text.encode("utf-8", "surrogateescape"), sync=False)

    def current_number(self) -> int | None:
        """The number of the generation that `current` names; None where it names none."""
        try:
            name = self.current.readlink().name
        except OSError:
            return None
        return int(name) if name.isdecimal() else None

    def read_current(self) -> Manifest | None:
        """The current generation's manifest; None where nothing was ever synced."""
        return _read_manifest(self.current / "manifest.json")

    def read_generation(self, number: int) -> Manifest | None:
        """A generation's manifest; None where there is no such generation."""
        return _read_manifest(self.generation(number) / "manifest.json")

    def require_current(self) -> Manifest:
        """The current generation's manifest; NoError where nothing was ever synced."""
        manifest = self.read_current()
        if manifest is None:
            message = f"nothing was ever synced into {self.root}"
            raise NoError(Problem(message=message, hint="run `envbuild sync`"))
        return manifest

    def generation_numbers(self) -> tuple[int, ...]:
        """Every complete generation's number, in order."""
        try:
            names = [path.name for path in (self.root / "generations").iterdir()]
        except FileNotFoundError:
            return ()
        return tuple(sorted(int(name) for name in names if name.isdecimal()))

    def next_generation(self) -> int:
        """A number that no generation had; the caller holds `switching`."""
        return max((*self.generation_numbers(), self.current_number() or 0)) + 1

    def receipt_size(self, name: str) -> int:
        """The bytes of a valid environment's files, from the first line of its receipt alone."""
        file = self.receipt(name)
        try:
            with file.open(encoding="utf-8") as stream:
                return read_receipt_size(stream.readline())
        except (OSError, ValueError) as error:
            problem = Problem(file=str(file), message=f"the receipt is damaged: {error}")
            raise HostError(problem) from error

    def add_generation(self, manifest: Manifest) -> None:
        """Write a generation, whole, and point `current` at it by one rename.

        The caller holds `switching` and has chosen a number that was never used.
        """
        folder = self.generation(manifest.generation)
        scratch = folder.with_name(f".{manifest.generation}.tmp")
        _remove_generation(scratch)
        self.seals.add(manifest, after=self.current_number())
        (scratch / "bin").mkdir(parents=True)
        for link, target in generation_links(manifest).items():
            (scratch / link).symlink_to(target)
        (scratch / "bin").chmod(0o755)
        scratch.chmod(0o755)
        write_atomically(scratch / "manifest.json", render_manifest(manifest).encode())
        sync_folder(scratch / "bin")
        sync_folder(scratch)
        scratch.rename(folder)
        sync_folder(folder.parent)
        replace_link(self.current, f"generations/{manifest.generation}")


@contextmanager
def _public_umask() -> Iterator[None]:
    """Make folders that every user can enter, at once: a kill leaves none that is half open.

    The umask is the whole process's, so this is for the time before there are threads.
    """
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def check_store_path(root: Path) -> None:
    """UsageError where environments below the path could not be started or named in units."""
    text = str(root)
    if _PATH.fullmatch(text) is None:
        message = f"the store's path {text!r} has characters that unit files cannot carry"
        raise UsageError(Problem(message=message, hint="use letters, digits and . _ / + - alone"))


def check_environment_path(environment: Path) -> None:
    """UsageError where the first line of the environment's scripts would be too long."""
    excess = len(f"#!{environment}/bin/python3") - _LONGEST_INTERPRETER_LINE
    if excess > 0:
        message = f"the store's path is {excess} characters too long for {environment.name}"
        hint = (
            "the first line of every script names the interpreter below it, "
            f"in at most {_LONGEST_INTERPRETER_LINE} characters; name a shorter --store"
        )
        raise UsageError(Problem(message=message, hint=hint))


def check_format(marker: Path) -> None:
    """HostError where the store was made by a newer envbuild, or its marker is damaged."""
    found = re.search(r'"format":\s*(\d+)', marker.read_text(encoding="utf-8"))
    if found is None:
        raise HostError(Problem(file=str(marker), message="the store's marker is damaged"))
    if int(found[1]) > FORMAT:
        message = f"the store's format {found[1]} is newer than this envbuild knows ({FORMAT})"
        raise HostError(Problem(file=str(marker), message=message, hint="upgrade envbuild"))


def unwritable(path: Path, error: OSError) -> HostError:
    """What an operating system's refusal to write the store means, in words."""
    named = error.filename or path
    message = f"cannot write the store: {named}: {error.strerror}"
    return HostError(Problem(message=message, hint=_WRITE_HINTS.get(error.errno or 0)))


_WRITE_HINTS = {
    errno.EACCES: "run as the user who owns the store, or name another with --store",
    errno.ENOSPC: "make room on the disk (`df`, `df -i`) and run it again",
    errno.EROFS: "the file system is mounted read-only",
    errno.EDQUOT: "the user's disk quota is used up",
}


def _remove_generation(folder: Path) -> None:
    """Remove what a killed switch left: links and one manifest, never what they point at."""
    if not folder.is_dir():
        return
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()
    with suppress(FileNotFoundError):
        folder.rmdir()


def _read_manifest(file: Path) -> Manifest | None:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise HostError(Problem(message=f"cannot read {file}: {error}")) from error
    return parse_manifest(text, file=str(file))
