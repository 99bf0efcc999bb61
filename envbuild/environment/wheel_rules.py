"""What a wheel may put into an environment: files that its RECORD lists, and none that belong to the environment."""

from __future__ import annotations

import re
from posixpath import normpath
from typing import TYPE_CHECKING, NamedTuple

from envbuild.environment.activation import MODULE_FILE, PTH_FILE
from envbuild.environment.lease import LEASE_FILE
from envbuild.wheelcache.modules import is_compiled

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.wheelcache.record import RecordRow

_TOP = frozenset(
    {"pyvenv.cfg", ".lock", ".gitignore", "cachedir.tag", "lib64", LEASE_FILE.casefold()}
)
"""Names at the top of an environment that belong to it, in lower case."""

_PROGRAM = re.compile(
    r"bin/(python[0-9.]*|pydoc\.bat|(de)?activate(\.[a-z0-9]+|_this\.py)?)", re.IGNORECASE
)
_STARTUP = frozenset(
    {MODULE_FILE.casefold(), PTH_FILE.casefold(), "_virtualenv.py", "_virtualenv.pth"}
)
_UNSIGNED = ("RECORD", "RECORD.jws", "RECORD.p7s")
"""Files without a digest in RECORD (PEP 376, 427)."""


class Refusal(NamedTuple):
    """A path that a wheel must not have, and why."""

    path: str
    reason: str


def refused_path(
    rows: Iterable[RecordRow], *, dist_info: str, site_packages: str
) -> Refusal | None:
    """The first path of a RECORD that is not allowed; None if all are.

    `site_packages` is relative to the environment.
    """
    for path, sha256, _ in rows:
        reason = _reason(path, dist_info, site_packages)
        if reason is None and not sha256 and not _may_lack_digest(path, dist_info):
            reason = "its RECORD does not list it, or has no sha256 for it"
        if reason is not None:
            return Refusal(path, reason)
    return None


def _reason(path: str, dist_info: str, site_packages: str) -> str | None:
    if path.startswith("/") or "\\" in path or "\0" in path:
        return "it is not a path below the environment"
    whole = normpath(f"{site_packages}/{path}")
    if whole == ".." or whole.startswith("../"):
        return "it is not a path below the environment"
    if whole.casefold().partition("/")[0] in _TOP or _PROGRAM.fullmatch(whole):
        return "it belongs to the environment itself"
    inner = whole.removeprefix(f"{site_packages}/")
    if inner.casefold() in _STARTUP or _is_startup_bytecode(inner):
        return "it belongs to the environment itself"
    folder = inner.partition("/")[0]
    if folder.casefold().endswith(".dist-info") and folder != dist_info and "/" in inner:
        return "it describes another package"
    return None


def _is_startup_bytecode(path: str) -> bool:
    module = MODULE_FILE.removesuffix(".py").casefold()
    return path.casefold().startswith(f"__pycache__/{module}.")


def _may_lack_digest(path: str, dist_info: str) -> bool:
    return is_compiled(path) or path in [f"{dist_info}/{name}" for name in _UNSIGNED]
