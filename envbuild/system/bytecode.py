"""Give environments their bytecode: compiled once for each wheel and interpreter, then linked."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from envbuild.bytecode import (
    BytecodeEntry,
    CompiledModule,
    Module,
    cached_path,
    contested_paths,
    modules_of,
)
from envbuild.errors import HostError
from envbuild.system.bytecode_compiler import Place, Task
from envbuild.system.bytecode_store import BytecodeStore
from envbuild.system.digest_memory import Group

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from envbuild.system.bytecode_compiler import BytecodeCompiler, Outcome
    from envbuild.system.digest_memory import DigestMemory
    from envbuild.target import Interpreter

_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
_UNLINKABLE = (errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)
_SCRATCH = ".bytecode"


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """An environment that is installed and lacks its bytecode."""

    site_packages: Path
    interpreter: Interpreter
    wheels: tuple[tuple[str, str], ...]
    """The sha256 and the RECORD of each wheel."""

    unkept: tuple[str, ...]
    """RECORDs of what no locked sha256 stands for, as it was built from source here."""

    own: tuple[str, ...]
    """Modules of envbuild itself, relative to site-packages."""

    lock: int
    """The descriptor of the environment's lock; see `Installer.create`."""


class Bytecode:
    """The kept bytecode of a store."""

    def __init__(self, *, root: Path, compiler: BytecodeCompiler, digests: DigestMemory) -> None:
        self._root = root
        self._compiler = compiler
        self._digests = digests
        self._magic_numbers: dict[str, int] = {}
        self._lock = Lock()

    def recall(self, interpreter: Interpreter, wheels: Iterable[str]) -> None:
        """Learn the digests of kept bytecode before anything is linked, as linking changes how files look."""
        tag = self._tag(interpreter)
        self._digests.recall(f"{tag}-{wheel}" for wheel in wheels)

    def add(self, installed: Installed) -> None:
        """Put bytecode beside every module that can be compiled, but where a wheel brings its own.

        OSError where the disk does not take it; HostError where the interpreter does not run.
        """
        store = BytecodeStore(root=self._root / self._tag(installed.interpreter))
        wheels = {sha256: modules_of(record) for sha256, record in installed.wheels}
        contested = contested_paths(wheels.values())
        work = _Work(installed, store, self._compiler, self._digests)
        loose = [module for record in installed.unkept for module in modules_of(record)]
        loose += [Module(path=path, sha256="", size=0) for path in installed.own]
        entries = work.entries({wheel: modules for wheel, modules in wheels.items() if modules})
        for wheel, modules in wheels.items():
            entry = entries.get(wheel)
            if entry is None:
                loose += modules
                continue
            work.link(wheel, entry, contested)
            kept = {m.path for m in entry.compiled} | {path for path, _ in entry.failed}
            loose += [m for m in modules if m.path not in kept and m.path not in contested]
        loose += [Module(path=path, sha256="", size=0) for path in sorted(contested)]
        work.compile_in_place(loose)

    def _tag(self, interpreter: Interpreter) -> str:
        """All that decides what a module is compiled to, as a folder's name."""
        with self._lock:
            magic = self._magic_numbers.get(interpreter.path)
            if magic is None:
                magic = self._compiler.magic_number(interpreter.path)
                self._magic_numbers[interpreter.path] = magic
        return f"{interpreter.cache_tag}-{interpreter.version}-{magic}-opt0"


class _Work:
    """The bytecode of one environment."""

    def __init__(
        self,
        installed: Installed,
        store: BytecodeStore,
        compiler: BytecodeCompiler,
        digests: DigestMemory,
    ) -> None:
        self._installed = installed
        self._store = store
        self._compiler = compiler
        self._digests = digests
        self._site_packages = os.fsencode(installed.site_packages)
        self._folders: set[bytes] = set()

    def entries(self, wheels: Mapping[str, tuple[Module, ...]]) -> dict[str, BytecodeEntry]:
        """The intact entry of every wheel, compiled where there is none; no entry where none can be kept."""
        found: dict[str, BytecodeEntry] = {}
        self._find(found, wheels)
        missing = [wheel for wheel in wheels if wheel not in found]
        if not missing:
            return found
        try:
            self._compile_free(found, wheels, missing)
            for wheel in missing:
                if wheel not in found:  # another build was at it
                    with self._store.compiling(wheel):
                        self._find(found, (wheel,))
                        if wheel not in found:
                            self._compile(found, {wheel: wheels[wheel]})
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
        return found

    def _compile_free(
        self,
        found: dict[str, BytecodeEntry],
        wheels: Mapping[str, tuple[Module, ...]],
        missing: Sequence[str],
    ) -> None:
        """Compile together what no other build is compiling; while waiting for one, nothing is held."""
        with ExitStack() as stack:
            mine = []
            for wheel in missing:
                try:
                    stack.enter_context(self._store.compiling(wheel, wait=False))
                except HostError:
                    continue
                mine.append(wheel)
            self._find(found, mine)
            self._compile(found, {wheel: wheels[wheel] for wheel in mine if wheel not in found})

    def _find(self, found: dict[str, BytecodeEntry], wheels: Iterable[str]) -> None:
        for wheel in wheels:
            entry = self._store.read(wheel)
            if entry is not None and self._is_intact(wheel, entry):
                found[wheel] = entry
                self._remember(wheel, entry)

    def _is_intact(self, wheel: str, entry: BytecodeEntry) -> bool:
        """Whether every file is the one that was compiled; a file that was touched since is read."""
        folder = str(self._store.folder(wheel))
        try:
            for module in entry.compiled:
                path = f"{folder}/{module.file}"
                status = os.lstat(path)
                if status.st_size != module.size:
                    return False
                if self._digests.digest(path, status) != module.sha256:
                    return False
        except OSError:
            return False
        return True

    def _remember(self, wheel: str, entry: BytecodeEntry) -> None:
        self._digests.keep(
            Group(
                name=f"{self._store.root.name}-{wheel}",
                base=str(self._store.folder(wheel)),
                paths=tuple(module.file for module in entry.compiled),
            )
        )

    def _compile(
        self, found: dict[str, BytecodeEntry], wheels: Mapping[str, tuple[Module, ...]]
    ) -> None:
        """Compile wheels, all in one row, and keep each; the caller holds `compiling` for each."""
        folders: dict[str, Path] = {}
        try:
            folders |= {wheel: self._store.begin(wheel) for wheel in wheels}
            tasks = [
                Task(module=module, target=folders[wheel] / str(number))
                for wheel, modules in wheels.items()
                for number, module in enumerate(modules)
            ]
            outcomes = iter(self._run(tasks))
            for wheel, modules in wheels.items():
                entry = _entry(modules, [next(outcomes) for _ in modules])
                self._store.publish(wheel, folders[wheel], entry)
                found[wheel] = entry
                self._remember(wheel, entry)
        finally:
            for folder in folders.values():
                shutil.rmtree(folder, ignore_errors=True)

    def _run(self, tasks: Sequence[Task]) -> tuple[Outcome, ...]:
        place = Place(
            python=self._installed.interpreter.path,
            root=self._installed.site_packages,
            keep_open=(self._installed.lock,),
        )
        return self._compiler.compile(place, tasks)

    def link(self, wheel: str, entry: BytecodeEntry, contested: frozenset[str]) -> None:
        """Link an entry's files into the environment, or copy where the file system cannot link."""
        folder = os.fsencode(self._store.folder(wheel))
        for module in entry.compiled:
            if module.path not in contested:
                target = self._place(module.path)
                if target is not None:
                    _link(folder + b"/" + module.file.encode(), target)

    def compile_in_place(self, modules: Sequence[Module]) -> None:
        """Compile what is not kept straight into the environment."""
        if not modules:
            return
        scratch = self._installed.site_packages / _SCRATCH
        scratch.mkdir(mode=0o700)
        tasks = [Task(module=m, target=scratch / str(n)) for n, m in enumerate(modules)]
        for task, outcome in zip(tasks, self._run(tasks), strict=True):
            target = self._place(task.module.path) if outcome.sha256 else None
            if target is not None:
                _link(os.fsencode(task.target), target)
        shutil.rmtree(scratch)

    def _place(self, path: str) -> bytes | None:
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


def _entry(modules: Sequence[Module], outcomes: Sequence[Outcome]) -> BytecodeEntry:
    compiled = []
    failed = []
    for number, (module, outcome) in enumerate(zip(modules, outcomes, strict=True)):
        if outcome.sha256:
            compiled.append(
                CompiledModule(
                    path=module.path, file=str(number), size=outcome.size, sha256=outcome.sha256
                )
            )
        elif outcome.failed:
            failed.append((module.path, outcome.failed))
    return BytecodeEntry(compiled=tuple(compiled), failed=tuple(failed))


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
