"""What a user decides for himself on this host, in `$XDG_CONFIG_HOME/envbuild/settings.toml`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.nearest_name import nearest

if TYPE_CHECKING:
    from pathlib import Path

FILE = "settings.toml"


def read_trusted(file: Path) -> tuple[str, ...]:
    """The folders of other users that this one trusts, `*` for all; none where there is no file.

    UsageError lists every key and value that is not known.
    """
    import tomllib

    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise UsageError(Problem(file=str(file), message=f"cannot be read: {error}")) from error
    problems = [_unknown(str(file), key) for key in table if key != "trust"]
    trusted = table.get("trust", [])
    if not isinstance(trusted, list) or not all(map(_is_folder, trusted)):
        message = "must be a list of absolute paths, or of '*' for all"
        problems.append(Problem(file=str(file), key="trust", message=message))
    if problems:
        raise UsageError(problems)
    return tuple(trusted)


def _is_folder(item: object) -> bool:
    return isinstance(item, str) and (item == "*" or os.path.isabs(item))  # noqa: PTH117


def _unknown(file: str, key: str) -> Problem:
    hint = "did you mean trust?" if nearest(key, ["trust"]) else "there is: trust"
    return Problem(file=file, key=key, message="there is no such setting", hint=hint)
