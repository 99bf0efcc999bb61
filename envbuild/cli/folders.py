"""The store, the cache and the settings of this user, their owners, and the number of processors.

Quick verbs import this module: no pathlib.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.cli.options import Arguments


def store_root(arguments: Arguments, environment: Mapping[str, str]) -> str:
    """The store's absolute path: `--store`, else `$ENVBUILD_STORE`, else in the user's data folder."""
    named = arguments.store or environment.get("ENVBUILD_STORE")
    if named:
        return os.path.abspath(os.path.expanduser(named))  # noqa: PTH100, PTH111
    return user_folder(environment, "XDG_DATA_HOME", "~/.local/share")


def user_folder(environment: Mapping[str, str], variable: str, default: str) -> str:
    """envbuild's folder in one of the user's folders, by the XDG base directory specification."""
    named = environment.get(variable, "")
    base = named if os.path.isabs(named) else os.path.expanduser(default)  # noqa: PTH111, PTH117
    return os.path.abspath(f"{base}/envbuild")  # noqa: PTH100


DECLARATION = "drivers.toml"


def find_declaration(named: str | None) -> str:
    """The declaration's path: as named, with `drivers.toml` if that is a folder; else as `_nearest` finds it."""
    if named:
        return os.path.join(named, DECLARATION) if os.path.isdir(named) else named  # noqa: PTH112, PTH118
    return DECLARATION if os.path.lexists(DECLARATION) else _nearest()


def _nearest() -> str:
    """The nearest `drivers.toml` of the parent folders, up to the repository's root or the home folder.

    Outside both only the working folder counts: a parent may be everybody's, such as /tmp.
    """
    home = os.path.realpath(os.path.expanduser("~"))  # noqa: PTH111
    try:
        folder = os.getcwd()  # noqa: PTH109
    except OSError:  # it was removed
        return DECLARATION
    found, path = None, DECLARATION
    while True:
        if found is None and os.path.lexists(path):
            found = path
        if folder == home or os.path.lexists(f"{folder}/.git"):
            return found or DECLARATION
        above = os.path.dirname(folder)  # noqa: PTH120
        if above == folder:
            return DECLARATION
        folder, path = above, os.path.join(os.pardir, path)  # noqa: PTH118


def is_own_declaration(arguments: Arguments) -> bool:
    """Whether the declaration and its folder belong to this user or to root."""
    return are_own(arguments.file, os.path.dirname(arguments.file) or ".")  # noqa: PTH120


def are_own(*paths: str) -> bool:
    """Whether these exist and belong to this user or to root.

    If not, the user may still trust their owner: `Trust` decides that.
    """
    own = (0, os.geteuid())
    try:
        return all(os.lstat(path).st_uid in own and os.stat(path).st_uid in own for path in paths)  # noqa: PTH116
    except OSError:
        return False


def may_follow(root: str, arguments: Arguments, environment: Mapping[str, str]) -> bool:
    """As `follows`, without parsing the settings: a word of the kind in them is enough to look closer."""
    if arguments.origins or environment.get("ENVBUILD_FROM"):
        return True
    from envbuild.lean_json import read_ordinary

    try:
        return b"release" in read_ordinary(f"{root}/settings.toml")
    except OSError:
        return False


def follows(root: str, arguments: Arguments, environment: Mapping[str, str]) -> bool:
    """Whether `sync` follows a release: the command line, the environment or the store's settings name a source."""
    if arguments.origins or environment.get("ENVBUILD_FROM"):
        return True
    if not may_follow(root, arguments, environment):
        return False
    from pathlib import Path

    from envbuild.store.settings import read_settings

    return any(kind == "release" for kind, _ in read_settings(Path(root)).sources)


def cpus() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
