"""A host's settings for its own store, in `<store>/settings.toml`; no environment's content depends on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.errors import Problem, UsageError
from envbuild.lean_json import read_ordinary
from envbuild.nearest_name import nearest
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

FILE = "settings.toml"
BUILDS = ("allowed", "never")
LINK_MODES = ("hardlink", "copy", "clone")


@value
class Settings:
    """The settings of one store."""

    link_mode: str = "hardlink"
    """How files get from the caches into environments: `hardlink` shares them, `copy` and `clone` do not."""

    sources: tuple[tuple[str, str], ...] = ()
    """Places with locked wheels that are asked before the indexes: kind and address of each."""

    trusted_keys: tuple[str, ...] = ()
    """Public keys of OpenSSH; a release that one of them has signed brings more than wheels."""

    build: str = "allowed"
    """Whether sources are built here: `allowed` or `never`."""


def read_settings(store: Path) -> Settings:
    """The store's settings; the defaults if there is no file. Errors as in `read_table`."""
    keys = {
        "link-mode": _refuse_mode,
        "source": _refuse_sources,
        "build": _refuse_build,
        "trust": _refuse_keys,
    }
    table = read_table(store / FILE, keys)
    sources = (item for declared in table.get("source", ()) for item in declared.items())
    return Settings(
        link_mode=table.get("link-mode", "hardlink"),
        sources=tuple(sources),
        trusted_keys=tuple(table.get("trust", {}).get("keys", ())),
        build=table.get("build", "allowed"),
    )


def _refuse_mode(mode: object) -> Problem | None:
    if mode in LINK_MODES:
        return None
    return Problem(
        message=f"{mode!r} is not a link mode", hint=f"there are: {', '.join(LINK_MODES)}"
    )


def _refuse_build(word: object) -> Problem | None:
    if word in BUILDS:
        return None
    hint = '"allowed", or "never" on a host that takes wheels which were built elsewhere'
    return Problem(message=f'{word!r} is neither "allowed" nor "never"', hint=hint)


def _refuse_sources(sources: object) -> Problem | None:
    if isinstance(sources, list) and all(map(_is_source, sources)):
        return None
    hint = 'write `[[source]]`, and below it a line such as `folder = "/mnt/wheels"`'
    return Problem(message="each must be a table of one kind and its address", hint=hint)


def _is_source(source: object) -> bool:
    addresses = list(source.values()) if isinstance(source, dict) else []
    return len(addresses) == 1 and isinstance(addresses[0], str)


_PUBLIC_KEY = r"[A-Za-z0-9@.-]{1,100} [A-Za-z0-9+/=]{16,20000}( [^\n]*)?"


def _refuse_keys(trust: object) -> Problem | None:
    import re

    keys = trust.get("keys") if isinstance(trust, dict) and set(trust) == {"keys"} else None
    if isinstance(keys, list) and all(
        isinstance(key, str) and re.fullmatch(_PUBLIC_KEY, key) for key in keys
    ):
        return None
    hint = 'write `[trust]`, and below it `keys = ["ssh-ed25519 AAAA…"]`, the line of a .pub file'
    return Problem(message="must be a table with a list of public keys of OpenSSH", hint=hint)


def read_table(
    file: Path, keys: Mapping[str, Callable[[object], Problem | None]]
) -> dict[str, Any]:
    """What a settings file sets; empty if there is no file.

    For each key that it may have, a function returns the problem of a value.
    UsageError lists all problems of the file.
    """
    import tomllib

    try:
        table = tomllib.loads(read_ordinary(file).decode())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UsageError(Problem(file=str(file), message=f"cannot be read: {error}")) from error
    problems = [_unknown(str(file), key, tuple(keys)) for key in table if key not in keys]
    refused = ((key, keys[key](table[key])) for key in table if key in keys)
    problems += [replace(found, file=str(file), key=key) for key, found in refused if found]
    if problems:
        raise UsageError(problems)
    return table


def _unknown(file: str, key: str, known: tuple[str, ...]) -> Problem:
    close = nearest(key, known)
    hint = f"did you mean {close}?" if close else f"there is: {', '.join(known)}"
    return Problem(file=file, key=key, message="there is no such setting", hint=hint)
