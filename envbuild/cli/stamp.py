"""The stamp of a command that had nothing to do: it tells the next run whether anything has changed.

Checking it needs one small read, a digest of each relevant file, and a few stats; no lockfile is parsed.
A stamp has a head, a line for each fact, and the command's output.
"""

from __future__ import annotations

import os

from envbuild import __version__
from envbuild.digest import sha256_hex
from envbuild.lean_json import open_ordinary
from envbuild.text import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.text import Text

_HEAD = f"envbuild {__version__} stamp 2"
_TREE = "tree "
_MOST = (4 << 20) + 1
"""In bytes; the command itself reads larger files, and reports that they are too large."""


def synced(root: str, declaration: str) -> Text | None:
    """The output of `sync` if nothing has changed since the last one; else None."""
    return recall(f"{root}/cache/stamp", declaration, root)


def locked(cache: str, declaration: str) -> Text | None:
    """The output of `lock` if no file has changed since all lockfiles were fresh; else None."""
    return recall(lock_stamp(cache, declaration), declaration, "")


def lock_stamp(cache: str, declaration: str) -> str:
    """The file that holds the stamp of a declaration's lockfiles."""
    name = sha256_hex(os.path.abspath(declaration).encode(errors="surrogateescape"))  # noqa: PTH100
    return f"{cache}/fresh/{name}"


def render_sync_stamp(
    *,
    store: str,
    generation: int,
    declaration: str,
    locks: Iterable[tuple[str, str]],
    environments: Iterable[str],
    interpreters: Iterable[tuple[str, int, int]],
    signs: Iterable[str],
    text: str,
) -> str:
    """The stamp of a sync.

    `store` is the path that its environments name; `declaration` and each lock's second half
    are sha256 hex digests, `interpreters` path, size and mtime in nanoseconds,
    `signs` the files that change with the host's accelerators,
    `text` the output of a sync with nothing to do.
    """
    facts = (
        f"store {store}",
        f"generation generations/{generation}",
        f"declaration {declaration}",
        *(f"lock {driver} {digest}" for driver, digest in locks),
        *(f"environment {name}" for name in environments),
        *(f"python {size} {mtime} {path}" for path, size, mtime in interpreters),
        *(f"sign {_sign(path)} {path}" for path in signs),
        f"host {host_fact()}",
    )
    return "\n\n".join((_HEAD, "\n".join(facts), text))


def render_lock_stamp(
    *,
    declaration: str,
    locks: Iterable[tuple[str, str]],
    present: Iterable[str],
    text: str,
    trees: Iterable[tuple[str, str, str]] = (),
    variables: Iterable[tuple[str, str]] = (),
) -> str:
    """The stamp of fresh lockfiles; `present` names every lockfile's driver, in order.

    `trees` has digest, record and folder of each path source, `variables` those that say where sources are.
    """
    facts = (
        f"declaration {declaration}",
        *(f"lock {driver} {digest}" for driver, digest in locks),
        f"present {' '.join(present)}",
        *(f"variable {name} {text}" for name, text in variables),
        *(f"{_TREE}{digest} {record}\0{folder}" for digest, record, folder in trees),
    )
    return "\n\n".join((_HEAD, "\n".join(facts), text))


def recall(stamp: str, declaration: str, root: str) -> Text | None:
    """The text of a stamp, if nothing has changed."""
    try:
        with os.fdopen(open_ordinary(stamp), encoding="utf-8") as stream:
            head, facts, text = stream.read().split("\n\n", 2)
        locks = os.path.join(os.path.dirname(declaration), "locks")  # noqa: PTH118, PTH120
        lines = facts.split("\n")
        trees = [line[len(_TREE) :] for line in lines if line.startswith(_TREE)]
        others = (line for line in lines if not line.startswith(_TREE))
        if (
            head == _HEAD
            and all(_is_unchanged(fact, declaration, locks, root) for fact in others)
            and _are_unchanged(trees)
        ):
            return text_of(text.removesuffix("\n").split("\n"))
    except (OSError, ValueError):
        return None
    return None


def _are_unchanged(trees: list[str]) -> bool:
    """Whether path sources look as they did."""
    if not trees:
        return True
    from envbuild.cli.folders import cpus
    from envbuild.sourcetree.stat_record import all_hold

    facts = []
    for tree in trees:
        digest, _, places = tree.partition(" ")
        record, _, folder = places.partition("\0")
        facts.append((digest, record, folder))
    return all_hold(facts, min(cpus(), 4))


def host_fact() -> str:
    """The facts of the host that decide its drivers and their markers, as one word."""
    libc = os.confstr("CS_GNU_LIBC_VERSION") if hasattr(os, "confstr") else None
    name = os.uname()
    kernel = "-".join((name.release, *name.version.split()))
    return f"{name.machine}:{(libc or 'other').replace(' ', '-')}:{kernel}"


def _sign(path: str) -> str:
    """A word that changes with a file of an accelerator's software."""
    return _sha256(path) if _there(path) else "none"


def _is_unchanged(fact: str, declaration: str, locks: str, root: str) -> bool:
    kind, _, rest = fact.partition(" ")
    if kind == "lock":
        driver, _, digest = rest.partition(" ")
        return _sha256(f"{locks}/{driver}.toml") == digest
    if kind == "store":
        return rest == root or os.path.samefile(rest, root)  # noqa: PTH121
    if kind == "environment":
        return _there(f"{root}/receipts/{rest}.json") and _there(f"{root}/envs/{rest}")
    if kind == "sign":
        found, path = rest.split(" ", 1)
        return found == _sign(path)
    if kind == "python":
        size, mtime, path = rest.split(" ", 2)
        status = os.stat(path)  # noqa: PTH116
        return (status.st_size, status.st_mtime_ns) == (int(size), int(mtime))
    if kind == "variable":
        name, _, text = rest.partition(" ")
        return os.environ.get(name, "") == text
    return rest == _observed(kind, declaration, locks, root)


def _observed(kind: str, declaration: str, locks: str, root: str) -> str | None:
    """The current value of a fact; None for an unknown kind."""
    if kind == "declaration":
        return _sha256(declaration)
    if kind == "generation":
        return os.readlink(f"{root}/current")  # noqa: PTH115
    if kind == "host":
        return host_fact()
    if kind == "present":
        names = os.listdir(locks)  # noqa: PTH208
        return " ".join(sorted(name[:-5] for name in names if name.endswith(".toml")))
    return None


def _there(path: str) -> bool:
    return os.path.exists(path)  # noqa: PTH110


def _sha256(path: str) -> str:
    """The digest of an ordinary file; a pipe or a device, which may block, is refused."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if os.fstat(descriptor).st_mode & 0o170000 != 0o100000:  # `stat` takes longer to import
            raise ValueError("not an ordinary file")
        content = os.read(descriptor, _MOST)
    finally:
        os.close(descriptor)
    if len(content) == _MOST:
        raise ValueError("too large")
    return sha256_hex(content)
