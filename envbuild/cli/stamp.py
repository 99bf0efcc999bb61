"""The stamp of a sync that left nothing to do: whether all it rested on is still the same.

Reading it back costs one small read, a digest of each file that decides, and a few stats:
no lockfile is parsed and nothing heavy imported.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_HEAD = "envbuild stamp 1"
_NVIDIA = "/proc/driver/nvidia/version"
"""Changes when an NVIDIA driver comes, goes or is replaced."""


def unchanged(root: str, declaration: str) -> str | None:
    """What the sync said that the stamp is of, if a sync would find all as it was; else None."""
    try:
        with open(f"{root}/cache/stamp", encoding="utf-8") as stream:  # noqa: PTH123
            head, facts, text = stream.read().split("\n\n", 2)
        generation = os.readlink(f"{root}/current")  # noqa: PTH115
        if head != _HEAD or generation != facts.partition("\n")[0]:
            return None
        folder = os.path.dirname(declaration)  # noqa: PTH120  (pathlib takes 10 ms)
        for fact in facts.split("\n")[1:]:
            if not _holds(fact, declaration, folder, root):
                return None
    except (OSError, ValueError):
        return None
    return text


def render_stamp(
    *,
    generation: int,
    declaration: str,
    locks: Iterable[tuple[str, str]],
    environments: Iterable[str],
    interpreters: Iterable[tuple[str, int, int]],
    text: str,
) -> str:
    """The stamp's text.

    `declaration` and each lock's second half are sha256 hex digests, `interpreters` path, size and
    time of change in nanoseconds, `text` what a sync with nothing to do prints.
    """
    facts = [
        f"generations/{generation}",
        f"declaration {declaration}",
        *(f"lock {driver} {digest}" for driver, digest in locks),
        *(f"environment {name}" for name in environments),
        *(f"python {size} {mtime} {path}" for path, size, mtime in interpreters),
        f"host {host_fact()}",
    ]
    return "\n\n".join((_HEAD, "\n".join(facts), text))


def host_fact() -> str:
    """What of the host decides which drivers it gets, as one word."""
    driver = _sha256(_NVIDIA) if os.path.exists(_NVIDIA) else "none"  # noqa: PTH110
    libc = os.confstr("CS_GNU_LIBC_VERSION") if hasattr(os, "confstr") else None
    return f"{os.uname().machine}:{(libc or 'other').replace(' ', '-')}:{driver}"


def _holds(fact: str, declaration: str, folder: str, root: str) -> bool:
    kind, _, rest = fact.partition(" ")
    if kind == "declaration":
        return _sha256(declaration) == rest
    if kind == "lock":
        driver, _, digest = rest.partition(" ")
        return _sha256(os.path.join(folder, "locks", f"{driver}.toml")) == digest  # noqa: PTH118
    if kind == "environment":
        return _there(f"{root}/receipts/{rest}.json") and _there(f"{root}/envs/{rest}")
    if kind == "python":
        size, mtime, path = rest.split(" ", 2)
        status = os.stat(path)  # noqa: PTH116
        return (status.st_size, status.st_mtime_ns) == (int(size), int(mtime))
    return kind == "host" and rest == host_fact()


def _there(path: str) -> bool:
    return os.path.exists(path)  # noqa: PTH110


def _sha256(path: str) -> str:
    from hashlib import sha256

    with open(path, "rb", buffering=0) as stream:  # noqa: PTH123
        return sha256(stream.read()).hexdigest()
