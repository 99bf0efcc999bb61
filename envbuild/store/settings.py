"""A host's settings for its own store, in `<store>/settings.toml`; no environment's content depends on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.lean_json import read_ordinary
from envbuild.nearest_name import nearest
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE = "settings.toml"
LINK_MODES = ("hardlink", "copy", "clone")


@value
class Settings:
    """The settings of one store."""

    link_mode: str = "hardlink"
    """How files get from the caches into environments: `hardlink` shares them, `copy` and `clone` do not."""


def read_settings(store: Path) -> Settings:
    """The store's settings; the defaults if there is no file. Errors as in `read_setting`."""
    mode = read_setting(store / FILE, "link-mode", _refuse_mode)
    return Settings() if mode is None else Settings(link_mode=str(mode))


def _refuse_mode(mode: object) -> Problem | None:
    if mode in LINK_MODES:
        return None
    return Problem(
        message=f"{mode!r} is not a link mode", hint=f"there are: {', '.join(LINK_MODES)}"
    )


def read_setting(file: Path, key: str, refuse: Callable[[object], Problem | None]) -> object:
    """The value of the only key that a settings file may have; None if it is not set.

    `refuse` returns the problem of a value. UsageError lists all problems of the file.
    """
    import tomllib

    try:
        table = tomllib.loads(read_ordinary(file).decode())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(Problem(file=str(file), message=f"cannot be read: {error}")) from error
    problems = [_unknown(str(file), other, key) for other in table if other != key]
    refused = refuse(table[key]) if key in table else None
    if refused is not None:
        problems.append(replace(refused, file=str(file), key=key))
    if problems:
        raise UsageError(problems)
    return table.get(key)


def _unknown(file: str, key: str, known: str) -> Problem:
    hint = f"did you mean {known}?" if nearest(key, [known]) else f"there is: {known}"
    return Problem(file=file, key=key, message="there is no such setting", hint=hint)
