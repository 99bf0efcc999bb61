"""Find the kept bytecode of wheels, and compile what is not kept yet."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING

from envbuild.bytecode import BytecodeEntry, CompiledModule
from envbuild.errors import HostError
from envbuild.system.bytecode.compiler import Task
from envbuild.system.environments.digest_memory import Group

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from envbuild.bytecode import Module
    from envbuild.system.bytecode.compiler import BytecodeCompiler, Outcome, Place
    from envbuild.system.bytecode.store import BytecodeStore
    from envbuild.system.environments.digest_memory import DigestMemory, Inode

_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


class BytecodeEntries:
    """The entries that one build needs, out of a store that other builds use as well."""

    def __init__(
        self,
        *,
        store: BytecodeStore,
        compiler: BytecodeCompiler,
        digests: DigestMemory,
        place: Place,
    ) -> None:
        self._store = store
        self._compiler = compiler
        self._digests = digests
        self._place = place

    def provide(self, wheels: Mapping[str, tuple[Module, ...]]) -> dict[str, BytecodeEntry]:
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

    def _is_intact(self, wheel: str, entry: BytecodeEntry) -> bool:
        """Whether every file is the one that was compiled; a file that was touched since is read."""
        folder = str(self._store.folder(wheel))
        inodes: dict[str, Inode] = {}
        try:
            for module in entry.compiled:
                path = f"{folder}/{module.file}"
                status = os.lstat(path)
                if status.st_size != module.size:
                    return False
                if self._digests.digest(path, status) != module.sha256:
                    return False
                inodes[module.file] = (status.st_dev, status.st_ino)
        except OSError:
            return False
        group = Group(name=f"{self._store.root.name}-{wheel}", base=folder, inodes=inodes)
        self._digests.keep((group,))
        return True

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
            outcomes = iter(self._compiler.compile(self._place, tasks))
            for wheel, modules in wheels.items():
                entry = _entry(modules, [next(outcomes) for _ in modules])
                self._store.publish(wheel, folders[wheel], entry)
                self._find(found, (wheel,))
        finally:
            for folder in folders.values():
                shutil.rmtree(folder, ignore_errors=True)


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
