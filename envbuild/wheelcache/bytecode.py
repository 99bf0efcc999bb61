"""Bytecode of environments: compiled once for each wheel and interpreter, then linked."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from envbuild.errors import HostError
from envbuild.posix.file_locks import most_locks
from envbuild.value import value
from envbuild.wheelcache.compiler import ModuleFolder, Task
from envbuild.wheelcache.entries import Entries
from envbuild.wheelcache.linking import SitePackages
from envbuild.wheelcache.modules import Module, cached_path, contested_paths, modules_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from envbuild.target.target import Interpreter
    from envbuild.wheelcache.compiler import BytecodeCompiler, CompiledModule
    from envbuild.wheelcache.entry import EntryFile
    from envbuild.wheelcache.linking import Linked
    from envbuild.wheelcache.record import RecordRow


@value
class Installed:
    """An installed environment that lacks its bytecode."""

    site_packages: Path
    interpreter: Interpreter
    wheels: tuple[tuple[str, tuple[RecordRow, ...]], ...]
    """The sha256 and the RECORD of each wheel."""

    lock: int
    """The descriptor of the environment's lock; see `Installer.create`."""

    sound: frozenset[str] = frozenset()
    """Those of `wheels` that are known to share no path with another wheel."""

    @property
    def place(self) -> ModuleFolder:
        """Compiles the environment's modules."""
        return ModuleFolder(
            python=self.interpreter.path, root=self.site_packages, keep_open=(self.lock,)
        )


class Bytecode:
    """The cached bytecode of a store."""

    def __init__(self, *, root: Path, compiler: BytecodeCompiler) -> None:
        self._root = root
        self._compiler = compiler
        self._magic_numbers: dict[str, int] = {}
        self._lock = Lock()

    def add(self, installed: Installed) -> tuple[EntryFile, ...]:
        """Add bytecode for every module, unless a wheel has its own.

        Returns the linked files. OSError if the disk fails; HostError if the interpreter does not run.
        """
        filling = _Filling(installed, self._cached(installed))
        linked = filling.link_cached()
        if filling.rest:
            self.compile(installed, filling.rest)
        return linked

    def prepare(self, installed: Installed) -> None:
        """Compile and cache missing bytecode, outside the environment. Errors as in `add`."""
        cached = self._cached(installed)
        if cached.entries.is_usable():
            modules = {wheel: modules_of(record) for wheel, record in installed.wheels}
            cached.provide({wheel: found for wheel, found in modules.items() if found})

    def compile_one(self, place: ModuleFolder, module: Module) -> Path | None:
        """Compile a module; returns the path of its bytecode, or None if there is none. Errors as in `add`."""
        task = Task(module=module, target=place.root / "0")
        (outcome,) = self._compiler.compile(place, [task])
        return task.target if outcome.sha256 else None

    def compile(self, installed: Installed, modules: Sequence[Module]) -> None:
        """Compile modules into the environment; nothing is cached. Errors as in `add`."""
        scratch = Path(tempfile.mkdtemp(prefix=".bytecode-", dir=installed.site_packages))
        target = SitePackages(installed.site_packages)
        tasks = [Task(module=m, target=scratch / str(n)) for n, m in enumerate(modules)]
        outcomes = self._compiler.compile(installed.place, tasks)
        for task, outcome in zip(tasks, outcomes, strict=True):
            path = cached_path(task.module.path, installed.interpreter.cache_tag)
            place = target.place(path) if outcome.sha256 and path is not None else None
            if place is not None and not os.path.lexists(place):
                os.rename(task.target, place)  # noqa: PTH104
        shutil.rmtree(scratch)

    def entries(self, interpreter: Interpreter) -> Entries:
        """The cache of an interpreter; HostError if it does not run."""
        return Entries(self._root / self._tag(interpreter))

    def _cached(self, installed: Installed) -> CachedBytecode:
        return CachedBytecode(
            entries=self.entries(installed.interpreter),
            compiler=self._compiler,
            place=installed.place,
            cache_tag=installed.interpreter.cache_tag,
        )

    def _tag(self, interpreter: Interpreter) -> str:
        """Everything that decides a module's bytecode, as a folder's name."""
        magic = interpreter.magic
        if magic is None:
            magic = self._magic_number(interpreter)
        return f"{interpreter.cache_tag}-{interpreter.version}-{magic}-opt0"

    def _magic_number(self, interpreter: Interpreter) -> int:
        with self._lock:
            magic = self._magic_numbers.get(interpreter.path)
            if magic is None:
                magic = self._compiler.magic_number(interpreter.path)
                self._magic_numbers[interpreter.path] = magic
        return magic


class _Filling:
    """Adds bytecode to one environment."""

    def __init__(self, installed: Installed, cached: CachedBytecode) -> None:
        self._installed = installed
        self._cached = cached
        self._target = SitePackages(installed.site_packages)
        self._wheels = dict(installed.wheels)
        fresh = (record for wheel, record in self._wheels.items() if wheel not in installed.sound)
        self._contested = contested_paths(map(modules_of, fresh))
        skipped = (cached_path(path, cached.cache_tag) for path in self._contested)
        self._skip = frozenset(path for path in skipped if path is not None)
        self.rest = [Module(path=path) for path in sorted(self._contested)]

    def link_cached(self) -> tuple[EntryFile, ...]:
        """Link cached bytecode, and cache more; `rest` gets what must be compiled in the environment."""
        entries = self._cached.entries
        linked: list[EntryFile] = []
        waiting = list(self._wheels)
        for _ in range(
            2 if entries.is_usable() else 0
        ):  # a damaged entry is removed at the first try
            missing = {wheel: self._modules(wheel) for wheel in waiting if not entries.has(wheel)}
            self._cached.provide({wheel: found for wheel, found in missing.items() if found})
            empty = {wheel for wheel, found in missing.items() if not found}
            damaged = []
            for wheel in waiting:
                if wheel in empty:
                    continue
                files = self._link(wheel)
                if files is None:
                    damaged.append(wheel)
                else:
                    linked += files
            waiting = damaged
        for wheel in waiting:
            self.rest += self._uncontested(self._modules(wheel))
        return tuple(linked)

    def _link(self, wheel: str) -> tuple[EntryFile, ...] | None:
        linked = self._cached.entries.link(wheel, self._target, skip=self._skip)
        if linked is None:
            return None
        absent = (Module(path=path) for path in absent_modules(linked))
        self.rest += self._uncontested(absent)
        return linked.files

    def _modules(self, wheel: str) -> tuple[Module, ...]:
        return modules_of(self._wheels[wheel])

    def _uncontested(self, modules: Iterable[Module]) -> Iterator[Module]:
        return (module for module in modules if module.path not in self._contested)


_PATIENCE = 600.0
"""Seconds to wait for another build that compiles the same wheel."""


def absent_modules(linked: Linked) -> tuple[str, ...]:
    """The modules that were missing when the linked bytecode was compiled."""
    absent = linked.entry.facts.get("absent")
    return tuple(absent) if isinstance(absent, list) else ()


class CachedBytecode(NamedTuple):
    """The bytecode of one interpreter, and its compiler."""

    entries: Entries
    """Entries by the wheel's sha256. Facts of an entry: `failed`, path and reason of files that do not compile,
    such as templates; `absent`, the modules that were missing.
    """

    compiler: BytecodeCompiler
    place: ModuleFolder
    cache_tag: str

    def provide(self, wheels: Mapping[str, tuple[Module, ...]]) -> None:
        """Compile every wheel that has no entry.

        A wheel is left out if another build takes too long to compile it.
        """
        missing = [wheel for wheel in wheels if not self.entries.has(wheel)]
        if not missing:
            return
        most = most_locks()
        batches = (missing[start : start + most] for start in range(0, len(missing), most))
        waiting = [wheel for batch in batches for wheel in self._compile_free(wheels, batch)]
        for wheel in waiting:  # another build compiled them
            with ExitStack() as held:
                try:
                    held.enter_context(self.entries.making(wheel, timeout=_PATIENCE))
                except HostError:
                    continue
                if not self.entries.has(wheel):
                    self._compile({wheel: wheels[wheel]})

    def _compile_free(
        self, wheels: Mapping[str, tuple[Module, ...]], missing: Sequence[str]
    ) -> list[str]:
        """Compile the wheels that no other build compiles; returns the others."""
        waiting = []
        with ExitStack() as stack:
            mine = []
            for wheel in missing:
                try:
                    stack.enter_context(self.entries.making(wheel, timeout=0))
                except HostError:
                    waiting.append(wheel)
                    continue
                mine.append(wheel)
            self._compile({wheel: wheels[wheel] for wheel in mine if not self.entries.has(wheel)})
        return waiting

    def _compile(self, wheels: Mapping[str, tuple[Module, ...]]) -> None:
        """Compile wheels together and cache each; the caller holds `making` for each."""
        folders: dict[str, Path] = {}
        try:
            folders |= {wheel: self.entries.begin(wheel) for wheel in wheels}
            tasks = [
                Task(module=module, target=folders[wheel] / f"m{number}")
                for wheel, modules in wheels.items()
                for number, module in enumerate(modules)
            ]
            outcomes = iter(self.compiler.compile(self.place, tasks))
            for wheel, modules in wheels.items():
                self._publish(wheel, folders[wheel], modules, [next(outcomes) for _ in modules])
        finally:
            for folder in folders.values():
                shutil.rmtree(folder, ignore_errors=True)

    def _publish(
        self,
        wheel: str,
        folder: Path,
        modules: Sequence[Module],
        outcomes: Sequence[CompiledModule],
    ) -> None:
        files: list[tuple[str, str]] = []
        failed = []
        absent = []
        for number, (module, outcome) in enumerate(zip(modules, outcomes, strict=True)):
            path = cached_path(module.path, self.cache_tag)
            compiled = folder / f"m{number}"
            if path is None:
                compiled.unlink(missing_ok=True)
            elif outcome.sha256:
                compiled.rename(folder / str(len(files)))
                files.append((path, outcome.sha256))
            elif outcome.failed:
                failed.append([module.path, outcome.failed])
            elif outcome.absent:
                absent.append(module.path)
        self.entries.publish(wheel, folder, files, {"failed": failed, "absent": absent})
