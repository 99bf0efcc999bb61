"""Cached bytecode: compiled once for each wheel and interpreter, then linked."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from envbuild.errors import HostError
from envbuild.posix.file_locks import most_locks
from envbuild.wheelcache.compiler import Task
from envbuild.wheelcache.modules import cached_path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from envbuild.wheelcache.compiler import BytecodeCompiler, CompiledModule, ModuleFolder
    from envbuild.wheelcache.entries import Entries
    from envbuild.wheelcache.linking import Linked
    from envbuild.wheelcache.modules import Module

_PATIENCE = 600.0
"""Seconds to wait for another build that compiles the same wheel."""


def absent_modules(linked: Linked) -> tuple[str, ...]:
    """The paths of the modules that were not there when what is linked was compiled."""
    absent = linked.entry.facts.get("absent")
    return tuple(absent) if isinstance(absent, list) else ()


class CachedBytecode(NamedTuple):
    """The bytecode of one interpreter, and who compiles what is not cached yet."""

    entries: Entries
    """By the wheel's sha256. An entry's facts: `failed`, path and reason of what is no module
    in spite of its name, such as a template; `absent`, the modules that were not there to compile."""

    compiler: BytecodeCompiler
    place: ModuleFolder
    cache_tag: str

    def provide(self, wheels: Mapping[str, tuple[Module, ...]]) -> None:
        """Compile every wheel that has no entry.

        A wheel is left out where another build takes too long to compile it.
        """
        missing = [wheel for wheel in wheels if not self.entries.has(wheel)]
        if not missing:
            return
        most = most_locks()
        batches = (missing[start : start + most] for start in range(0, len(missing), most))
        waiting = [wheel for batch in batches for wheel in self._compile_free(wheels, batch)]
        for wheel in waiting:  # another build was at it
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
        """Compile together what no other build is compiling; the wheels that are left."""
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
