"""Whether an environment's links still lead to the Python and the host packages that it was built with.

One `stat` for each; nothing is run. Quick verbs import this module: no pathlib.
"""

from __future__ import annotations

import os

from envbuild.environment.stat_record import PYTHON, look_outside, recorded_outside
from envbuild.lean_json import read_ordinary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.finding import Finding


def check_outside(
    root: str, name: str, record: bytes | None = None, *, packages: bool
) -> Iterator[Finding]:
    """A finding if the Python of an environment is gone or was changed; with `packages`, also for those of the host.

    `record` is the stat record, if the caller has read it.
    Older records do not have the Python, so only its absence shows.
    Without the link `bin/python` itself there is no finding here: the environment is damaged then.
    """
    if not os.path.islink(f"{root}/envs/{name}/{PYTHON}"):  # noqa: PTH114
        return
    try:
        record = read_ordinary(f"{root}/receipts/{name}.stat") if record is None else record
    except OSError:
        record = b""  # a check of the environment reports its stat record
    recorded = recorded_outside(record)
    python = _check_python(root, name, recorded)
    if python is not None:
        yield python
    theirs = (path for path in recorded if path != PYTHON) if packages else ()
    changed = [path for path in theirs if not _is_same(recorded[path], _looks(root, name, path))]
    if changed:
        yield _changed(name, changed)


def _check_python(root: str, name: str, recorded: Mapping[str, tuple[int, int]]) -> Finding | None:
    looks = _looks(root, name, PYTHON)
    if looks is None:
        return _finding(root, name, "is missing", _BACK)
    if not _is_same(recorded.get(PYTHON, looks), looks):
        return _finding(root, name, "has changed since it was built", _ASK)
    return None


_SECOND = 1_000_000_000
"""In nanoseconds."""


def _is_same(recorded: tuple[int, int], looks: tuple[int, int] | None) -> bool:
    """Whether size and mtime are as recorded; an image that was pulled has only the whole seconds."""
    size, mtime = recorded
    return looks in ((size, mtime), (size, mtime - mtime % _SECOND))


def _looks(root: str, name: str, path: str) -> tuple[int, int] | None:
    try:
        return look_outside(f"{root}/envs/{name}", path)
    except OSError:
        return None


def _changed(name: str, paths: list[str]) -> Finding:
    from envbuild.environment.host_changes import HINT
    from envbuild.finding import Code, Finding

    others = f", and so are {len(paths) - 1} more" if len(paths) > 1 else ""
    message = f"this file of the host was changed or removed since it was built{others}"
    return Finding(code=Code.INHERITED, subject=name, path=paths[0], message=message, hint=HINT)


_BACK = "install it there again; or `envbuild sync` builds on another Python"
_ASK = (
    "`envbuild verify --repair` keeps the environment if its version is the same; "
    "else `envbuild sync` builds a new one"
)


def _finding(root: str, name: str, what: str, hint: str) -> Finding:
    from envbuild.finding import Code, Finding

    path = os.path.realpath(f"{root}/envs/{name}/bin/python")
    message = f"its Python {path}{_version(root, name)} {what}"
    return Finding(code=Code.INTERPRETER, subject=name, message=message, hint=hint)


def _version(root: str, name: str) -> str:
    """The version that it was built with, from the first line of its receipt; empty if that cannot be read."""
    from envbuild.environment.receipt import read_receipt_head

    try:
        return f" ({read_receipt_head(f'{root}/receipts/{name}.json').python_version})"
    except (OSError, ValueError):
        return ""
