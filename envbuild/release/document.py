"""`release.json`, the config of a release: what it holds, and what each environment must become."""

from __future__ import annotations

import json
import re

from envbuild.errors import IndexFailureError, Problem
from envbuild.lean_json import as_list, as_table, as_text
from envbuild.value import value

FORMAT = 1

_DRIVER = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_KEY = re.compile(r"[0-9a-f]{64}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@value
class ReleasedEnvironment:
    """An environment as it was built where the release was published."""

    driver: str
    version: str
    target: str
    """Such as `3.12-x86_64-manylinux_2_28`, with `@VARIANT` if the driver has variants."""

    key: str
    environment: str
    """The folder's name."""

    store: str
    """The absolute path of the store that it was built in: a content digest holds for this path."""

    python: str
    """Absolute path of the interpreter, links resolved."""

    python_version: str
    cache_tag: str
    content: str
    """Its content digest."""


@value
class LeftOut:
    """Something of a driver that the release does not hold."""

    driver: str
    what: str
    """A target, or a file's name."""

    reason: str
    """One sentence without a final stop."""


@value
class Release:
    """The content of `release.json`."""

    sequence: int
    """Counts the releases of one publisher, from 1; a host does not go back without being told."""

    previous: str | None
    """The digest of the manifest of the release before; None for the first."""

    created: str
    """UTC, `2026-11-20T10:00:00Z`."""

    expires: str | None
    """From this time on hosts refuse it; None if it never expires."""

    envbuild: str
    uv: str
    """The versions of both where it was published."""

    declaration: str
    """The text of `drivers.toml`."""

    lockfiles: tuple[tuple[str, str], ...]
    """The text of each driver's lockfile, ordered by driver."""

    targets: tuple[tuple[str, tuple[str, ...]], ...]
    """Each driver's targets whose wheels it holds."""

    environments: tuple[ReleasedEnvironment, ...]
    left_out: tuple[LeftOut, ...]


def render_release(release: Release) -> bytes:
    """The bytes of `release.json`: the same for the same release."""
    table = {
        "version": FORMAT,
        "sequence": release.sequence,
        "previous": release.previous,
        "created": release.created,
        "expires": release.expires,
        "envbuild": release.envbuild,
        "uv": release.uv,
        "declaration": release.declaration,
        "lockfiles": dict(release.lockfiles),
        "targets": {driver: list(targets) for driver, targets in release.targets},
        "environments": [_environment_table(one) for one in release.environments],
        "left_out": [
            {"driver": one.driver, "what": one.what, "reason": one.reason}
            for one in release.left_out
        ],
    }
    return (json.dumps(table, indent=1, ensure_ascii=True) + "\n").encode("ascii")


def parse_release(content: bytes, *, place: str) -> Release:
    """`release.json`'s bytes → value.

    IndexFailureError, for the `place` that it came from, if it is damaged or of a newer format.
    """
    try:
        table = json.loads(content)
        _check_version(table["version"], place)
        return Release(
            sequence=_count(table["sequence"]),
            previous=_digest_or_none(table["previous"]),
            created=_matching(_TIME, table["created"]),
            expires=None if table["expires"] is None else _matching(_TIME, table["expires"]),
            envbuild=as_text(table["envbuild"]),
            uv=as_text(table["uv"]),
            declaration=as_text(table["declaration"]),
            lockfiles=tuple(
                (_matching(_DRIVER, driver), as_text(text))
                for driver, text in sorted(as_table(table["lockfiles"]).items())
            ),
            targets=tuple(
                (_matching(_DRIVER, driver), tuple(map(as_text, as_list(targets))))
                for driver, targets in sorted(as_table(table["targets"]).items())
            ),
            environments=tuple(map(_environment, as_list(table["environments"]))),
            left_out=tuple(map(_left_out, as_list(table["left_out"]))),
        )
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        message = f"the release is damaged: {what}"
        raise IndexFailureError(Problem(file=place, message=message)) from error


def _check_version(version: object, place: str) -> None:
    if type(version) is int and version > FORMAT:
        message = f"the release's format {version} is newer than this envbuild can read ({FORMAT})"
        hint = "upgrade envbuild on this host"
        raise IndexFailureError(Problem(file=place, message=message, hint=hint))
    if version != FORMAT:
        raise ValueError(f"its version is {version!r}")


_FIELDS = (
    *("driver", "version", "target", "key", "environment", "store", "content"),
    *("python", "python_version", "cache_tag"),
)


def _environment_table(one: ReleasedEnvironment) -> dict[str, str]:
    return {name: getattr(one, name) for name in _FIELDS}


def _environment(item: object) -> ReleasedEnvironment:
    table = as_table(item)
    return ReleasedEnvironment(
        **{
            **{name: as_text(table[name]) for name in _FIELDS},
            "driver": _matching(_DRIVER, table["driver"]),
            "key": _matching(_KEY, table["key"]),
            "content": _matching(_DIGEST, table["content"]),
        }
    )


def _left_out(item: object) -> LeftOut:
    table = as_table(item)
    driver, what, reason = (as_text(table[name]) for name in ("driver", "what", "reason"))
    return LeftOut(driver=driver, what=what, reason=reason)


def _count(item: object) -> int:
    if type(item) is not int or not 1 <= item < 1 << 53:
        raise TypeError(f"a number must be 1 or more, not {item!r}")
    return item


def _digest_or_none(item: object) -> str | None:
    return None if item is None else _matching(_DIGEST, item)


def _matching(pattern: re.Pattern[str], item: object) -> str:
    text = as_text(item)
    if pattern.fullmatch(text) is None:
        raise ValueError(f"{text[:80]!r} is not a valid value")
    return text
