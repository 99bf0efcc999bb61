"""What a host decides for its own store, in `<store>/settings.toml`; no environment's content depends on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.nearest_name import nearest
from envbuild.value import value

if TYPE_CHECKING:
    from pathlib import Path

FILE = "settings.toml"
LINK_MODES = ("hardlink", "copy", "clone")


@value
class Settings:
    """The settings of one store."""

    link_mode: str = "hardlink"
    """How files come out of the caches: `hardlink` shares them, `copy` and `clone` share nothing."""


def read_settings(store: Path) -> Settings:
    """The store's settings, the defaults where there is no file.

    UsageError lists every key and value that is not known.
    """
    import tomllib

    file = store / FILE
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError) as error:
        raise UsageError(Problem(file=str(file), message=f"cannot be read: {error}")) from error
    problems = [_unknown(str(file), key) for key in table if key != "link-mode"]
    mode = table.get("link-mode", "hardlink")
    if mode not in LINK_MODES:
        message = f"{mode!r} is not a link mode"
        hint = f"there are: {', '.join(LINK_MODES)}"
        problems.append(Problem(file=str(file), key="link-mode", message=message, hint=hint))
    if problems:
        raise UsageError(problems)
    return Settings(link_mode=mode)


def _unknown(file: str, key: str) -> Problem:
    close = nearest(key, ["link-mode"])
    hint = f"did you mean {close}?" if close else "there is: link-mode"
    return Problem(file=file, key=key, message="there is no such setting", hint=hint)
