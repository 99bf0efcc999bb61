"""Give environments their bytecode: compiled once for each wheel and interpreter, then linked."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from envbuild.activation import MODULE_FILE
from envbuild.bytecode import Module, cached_path, contested_paths, modules_of
from envbuild.errors import HostError
from envbuild.requirement_text import normalized_name
from envbuild.system.bytecode.compiler import Place, Task
from envbuild.system.bytecode.entries import BytecodeEntries
from envbuild.system.bytecode.store import BytecodeStore
from envbuild.system.environments.contents import read_records
from envbuild.system.environments.digest_memory import Group
from envbuild.wheel_record import parse_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from envbuild.bytecode import BytecodeEntry
    from envbuild.plan import Wanted
    from envbuild.system.bytecode.compiler import BytecodeCompiler
    from envbuild.system.environments.contents import Survey
    from envbuild.system.environments.digest_memory import DigestMemory
    from envbuild.target import Interpreter
    from envbuild.wheel_record import RecordRow

_UNLINKABLE = (errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)
_SCRATCH = ".bytecode"


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """An environment that is installed and lacks its bytecode."""

    site_packages: Path
    interpreter: Interpreter
    wheels: tuple[tuple[str, tuple[RecordRow, ...]], ...]
    """The sha256 and the RECORD of each wheel."""

    unkept: tuple[tuple[RecordRow, ...], ...]
    """RECORDs of what no locked sha256 stands for, as it was built from source here."""

    own: tuple[str, ...]
    """Modules of envbuild itself, relative to site-packages."""

    lock: int
    """The descriptor of the environment's lock; see `Installer.create`."""


def installed_environment(wanted: Wanted, site_packages: Path, lock: int) -> Installed:
    """Tell which RECORD is that of which locked file."""
    files = {file.package: file for file in wanted.files}
    wheels = []
    unkept = []
    for folder, text in read_records(site_packages).items():
        record = tuple(parse_record(text))
        name = folder.removesuffix(".dist-info").rpartition("-")[0]
        file = files.get(normalized_name(name))
        if file is not None and file.file.endswith(".whl"):
            wheels.append((file.sha256, record))
        else:
            unkept.append(record)
    return Installed(
        site_packages=site_packages,
        interpreter=wanted.interpreter,
        wheels=tuple(wheels),
        unkept=tuple(unkept),
        own=(MODULE_FILE,),
        lock=lock,
    )


def installed_groups(installed: Installed, environment: Path, survey: Survey) -> Iterator[Group]:
    """The files of each wheel, as their digests are remembered."""
    base = str(installed.site_packages)
    prefix = f"{installed.site_packages.relative_to(environment)}/"
    for wheel, record in installed.wheels:
        inodes = {
            path: (seen.device, seen.inode)
            for path, _, _ in record
            if (seen := survey.looks.get(prefix + path)) is not None
        }
        yield Group(name=wheel, base=base, inodes=inodes)


class Bytecode:
    """The kept bytecode of a store."""

    def __init__(self, *, root: Path, compiler: BytecodeCompiler, digests: DigestMemory) -> None:
        self._root = root
        self._compiler = compiler
        self._digests = digests
        self._magic_numbers: dict[str, int] = {}
        self._lock = Lock()

    def recall(self, interpreter: Interpreter, wheels: Iterable[str]) -> None:
        """Learn the digests of kept bytecode before anything is linked, as linking changes how files look.

        An interpreter that does not run is told of by `add`.
        """
        with suppress(HostError):
            tag = self._tag(interpreter)
            self._digests.recall(f"{tag}-{wheel}" for wheel in wheels)

    def add(self, installed: Installed) -> None:
        """Put bytecode beside every module that can be compiled, but where a wheel brings its own.

        OSError where the disk does not take it; HostError where the interpreter does not run.
        """
        place = Place(
            python=installed.interpreter.path,
            root=installed.site_packages,
            keep_open=(installed.lock,),
        )
        store = BytecodeStore(root=self._root / self._tag(installed.interpreter))
        entries = BytecodeEntries(
            store=store, compiler=self._compiler, digests=self._digests, place=place
        )
        filling = _Filling(installed, store)
        rest = filling.link_kept(entries)
        if rest:
            filling.compile_rest(rest, self._compiler, place)

    def _tag(self, interpreter: Interpreter) -> str:
        """All that decides what a module is compiled to, as a folder's name."""
        with self._lock:
            magic = self._magic_numbers.get(interpreter.path)
            if magic is None:
                magic = self._compiler.magic_number(interpreter.path)
                self._magic_numbers[interpreter.path] = magic
        return f"{interpreter.cache_tag}-{interpreter.version}-{magic}-opt0"


class _Filling:
    """Puts bytecode into one environment."""

    def __init__(self, installed: Installed, store: BytecodeStore) -> None:
        self._installed = installed
        self._store = store
        self._site_packages = os.fsencode(installed.site_packages)
        self._folders: set[bytes] = set()

    def link_kept(self, entries: BytecodeEntries) -> list[Module]:
        """Link what is kept, or can be; the modules that are left to be compiled in place."""
        wheels = {sha256: modules_of(record) for sha256, record in self._installed.wheels}
        contested = contested_paths(wheels.values())
        provided = entries.provide({sha256: found for sha256, found in wheels.items() if found})
        rest = [Module(path=path, sha256="", size=0) for path in sorted(contested)]
        for wheel, modules in wheels.items():
            entry = provided.get(wheel)
            if entry is not None:
                self._link_entry(wheel, entry, contested)
            settled = contested | (_paths(entry) if entry is not None else set())
            rest += [module for module in modules if module.path not in settled]
        rest += [module for record in self._installed.unkept for module in modules_of(record)]
        rest += [Module(path=path, sha256="", size=0) for path in self._installed.own]
        return rest

    def compile_rest(
        self, modules: Sequence[Module], compiler: BytecodeCompiler, place: Place
    ) -> None:
        """Compile what is not kept straight into the environment."""
        scratch = self._installed.site_packages / _SCRATCH
        scratch.mkdir(mode=0o700)
        tasks = [Task(module=m, target=scratch / str(n)) for n, m in enumerate(modules)]
        for task, outcome in zip(tasks, compiler.compile(place, tasks), strict=True):
            target = self._target(task.module.path) if outcome.sha256 else None
            if target is not None:
                _link(os.fsencode(task.target), target)
        shutil.rmtree(scratch)

    def _link_entry(self, wheel: str, entry: BytecodeEntry, contested: frozenset[str]) -> None:
        folder = os.fsencode(self._store.folder(wheel))
        for module in entry.compiled:
            if module.path not in contested:
                target = self._target(module.path)
                if target is not None:
                    _link(folder + b"/" + module.file.encode(), target)

    def _target(self, path: str) -> bytes | None:
        """Where a module's bytecode goes, the folder made; None where nothing can be put."""
        cached = cached_path(path, self._installed.interpreter.cache_tag)
        if cached is None:
            return None
        target = self._site_packages + b"/" + cached.encode("utf-8", "surrogateescape")
        folder = target.rpartition(b"/")[0]
        if folder not in self._folders:
            if not os.path.isdir(folder):  # noqa: PTH112
                try:
                    os.mkdir(folder)  # noqa: PTH102
                except FileExistsError:  # a wheel has a file of that name
                    return None
            self._folders.add(folder)
        return target


def _paths(entry: BytecodeEntry) -> set[str]:
    return {module.path for module in entry.compiled} | {path for path, _ in entry.failed}


def _link(source: bytes, target: bytes) -> None:
    """Link a file, or copy it; what is there already came with a wheel, and stays."""
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in _UNLINKABLE:
            raise
        shutil.copy(source, target)
