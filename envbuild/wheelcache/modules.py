"""The modules of a wheel, and the paths of their bytecode."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envbuild.wheelcache.record import RecordRow

_LONGEST_NAME = 255
"""The most bytes of a file's name."""

_SURELY_SHORT = _LONGEST_NAME // 4
"""A name of so many characters is never too long, in any encoding."""


_COMPILED = re.compile(r"__pycache__/[^/]*\.py[co]")


@value
class Module:
    """A source file, as a wheel's RECORD lists it."""

    path: str
    """Relative to site-packages, with `/`; bytes that are no UTF-8 as surrogate escapes."""

    sha256: str = ""
    """64 hex digits of the source; empty if RECORD has none."""

    size: int = 0
    """The source's bytes; 0 if RECORD has no size."""


def is_compiled(path: str) -> bool:
    """Whether a RECORD's path is bytecode beside its source, which the environment makes itself."""
    return path.endswith((".pyc", ".pyo")) and _COMPILED.search(path) is not None


def modules_of(record: Iterable[RecordRow]) -> tuple[Module, ...]:
    """The modules below site-packages in a RECORD, in its order."""
    return tuple(
        Module(path=path, sha256=sha256, size=size)
        for path, sha256, size in record
        if path.endswith(".py") and not path.startswith(("/", "../"))
    )


def runnable_paths(module: str) -> tuple[str, str]:
    """The files below site-packages of which Python's `-m MODULE` runs one."""
    path = module.replace(".", "/")
    return f"{path}.py", f"{path}/__main__.py"


def contested_paths(wheels: Iterable[Sequence[Module]]) -> frozenset[str]:
    """The paths that several wheels have with different content, so that only the disk tells whose file is there."""
    digests: dict[str, str] = {}
    contested = set()
    for modules in wheels:
        for module in modules:
            known = digests.setdefault(module.path, module.sha256)
            if known != module.sha256:
                contested.add(module.path)
    return frozenset(contested)


def cached_path(path: str, cache_tag: str) -> str | None:
    """`a/b.py` → `a/__pycache__/b.cpython-312.pyc` (PEP 3147); None if the name is too long."""
    folder, slash, name = path.rpartition("/")
    cached = f"{name.removesuffix('.py')}.{cache_tag}.pyc"
    if (
        len(cached) > _SURELY_SHORT
        and len(cached.encode("utf-8", "surrogateescape")) > _LONGEST_NAME
    ):
        return None
    return f"{folder}{slash}__pycache__/{cached}"


def split_evenly(
    sizes: Sequence[int], *, parts: int, most: int, at_most: int
) -> list[tuple[int, int]]:
    """Cut a list of sizes into ranges `(start, end)` of about equal sums.

    At least `parts` if there are enough sizes. No range has a sum above `most` or more than `at_most` sizes,
    except a range of one size.
    """
    limit = min(most, sum(sizes) // parts + 1)
    number = min(at_most, len(sizes) // parts + 1)
    ranges: list[tuple[int, int]] = []
    start = held = 0
    for position, size in enumerate(sizes):
        if position > start and (held + size > limit or position - start >= number):
            ranges.append((start, position))
            start, held = position, 0
        held += size
    return [*ranges, (start, len(sizes))] if sizes else []
