"""A managed Python in an image: its files, and bytecode without times in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.image.members import Member
from envbuild.posix.tree import list_tree
from envbuild.store.pythons import WHOLE
from envbuild.wheelcache.compiler import ModuleFolder, Task
from envbuild.wheelcache.modules import Module, cached_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envbuild.environment.derivation import Derivation
    from envbuild.wheelcache.compiler import BytecodeCompiler

_CACHED = "__pycache__"
_TESTS = "/test/"


def python_members(
    python: Path, root: str, derivation: Derivation, compiler: BytecodeCompiler, scratch: Path
) -> tuple[list[Member], dict[str, int]]:
    """The files and links of a managed Python with the mode of each folder; bytecode is put into `scratch`.

    `root` is the Python's path in the image.
    The Python's own bytecode is not taken: it has the times of its modules in it.
    OSError if the disk fails, HostError if the Python does not compile.
    """
    tree = list_tree(python)
    kept = {path: facts for path, facts in tree.files.items() if _CACHED not in path}
    members = [
        Member(path=f"{root}/{path}", mode=mode, source=f"{python}/{path}", size=size)
        for path, (mode, size) in kept.items()
        if path != WHOLE
    ]
    members += [
        Member(path=f"{root}/{path}", mode=0o777, target=target)
        for path, target in tree.links.items()
    ]
    modules = tuple(
        Module(path=path, size=size)
        for path, (_, size) in sorted(kept.items())
        if path.startswith("lib/python") and path.endswith(".py") and _TESTS not in path
    )
    members += _compiled(python, root, derivation, modules, compiler, scratch)
    folders = {
        root if path == "." else f"{root}/{path}": mode
        for path, mode in tree.folders.items()
        if _CACHED not in path
    }
    return members, folders


def _compiled(
    python: Path,
    root: str,
    derivation: Derivation,
    modules: tuple[Module, ...],
    compiler: BytecodeCompiler,
    scratch: Path,
) -> Iterator[Member]:
    scratch.mkdir()
    tasks = [
        Task(module=module, target=scratch / str(number)) for number, module in enumerate(modules)
    ]
    place = ModuleFolder(python=derivation.python, root=python, keep_open=())
    for task, made in zip(tasks, compiler.compile(place, tasks), strict=True):
        path = cached_path(task.module.path, derivation.cache_tag)
        if path is not None and made.sha256:
            yield Member(
                path=f"{root}/{path}",
                mode=0o644,
                source=str(task.target),
                size=made.size,
                sha256=made.sha256,
            )
