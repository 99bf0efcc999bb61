"""Whether the Python outside, which an environment's `bin/python` leads to, is the one that it was built with.

One `stat` for each environment; nothing is run. Quick verbs import this module: no pathlib.
"""

from __future__ import annotations

import os

from envbuild.environment.stat_record import look_at_python, recorded_python
from envbuild.lean_json import open_ordinary, read_ordinary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.finding import Finding


def check_python(root: str, name: str, record: bytes | None = None) -> Finding | None:
    """The finding if the Python of an environment is gone, or another file than it was; else None.

    `record` is the stat record, if the caller has read it.
    Older records do not have the Python, so only its absence shows.
    Without the link `bin/python` itself there is no finding here: the environment is damaged then.
    """
    environment = f"{root}/envs/{name}"
    if not os.path.islink(f"{environment}/bin/python"):  # noqa: PTH114
        return None
    try:
        looks = look_at_python(environment)
    except OSError as error:
        return _finding(root, name, f"cannot be used: {error.strerror}", _BACK)
    try:
        recorded = recorded_python(read_ordinary(_stats(root, name)) if record is None else record)
    except OSError:
        return None  # a check of the environment reports its stat record
    if recorded in (None, looks):
        return None
    return _finding(root, name, "is another file than when it was built", _ASK)


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
    from envbuild.environment.receipt import read_receipt_python

    try:
        with os.fdopen(open_ordinary(f"{root}/receipts/{name}.json"), encoding="utf-8") as stream:
            return f" ({read_receipt_python(stream.readline())[1]})"
    except (OSError, ValueError, KeyError):
        return ""


def _stats(root: str, name: str) -> str:
    return f"{root}/receipts/{name}.stat"
