"""What is said of newer versions that were passed over, and which line of the declaration changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.lock import HeldBack

SOURCE, PYTHON, PLATFORM = "source", "python", "platform"
TOO_NEW, PRE_RELEASE = "exclude-newer", "pre-release"
REASONS = (SOURCE, PYTHON, PLATFORM, TOO_NEW, PRE_RELEASE)
"""Why something newer is not locked; a pre-release stands here because nothing else was found."""


def held_back_text(held: HeldBack) -> str:
    """What was passed over and why, in one sentence without a final stop."""
    if held.reason == PRE_RELEASE:
        return f"{held.package} {held.locked} is a pre-release, and no requirement asks for one"
    names, one = ", ".join(held.blockers), len(held.blockers) == 1
    pythons = ", ".join(dict.fromkeys(target.python for target in held.targets))
    platforms = ", ".join(dict.fromkeys(str(target.platform) for target in held.targets))
    does = "has" if one else "have"
    why = {
        SOURCE: f"{names} {'comes' if one else 'come'} as source alone",
        PYTHON: f"{names} {does} nothing for Python {pythons}",
        PLATFORM: f"{names} {does} no wheel for {platforms}",
        TOO_NEW: f"{names} {'was' if one else 'were'} uploaded after what exclude-newer allows",
    }[held.reason]
    return f"{held.package} {held.passed_over} was passed over for {held.locked}: {why}"


def held_back_hint(held: HeldBack) -> str:
    """The line that lets the newer version be taken."""
    if held.reason == PRE_RELEASE:
        return (
            f'constraints = ["{held.package}=={held.locked}"] says that it is meant, '
            "or ask for another version"
        )
    return change_hint(held.reason, held.blockers)


def change_hint(reason: str, names: Iterable[str]) -> str:
    """The line of a declaration that lets packages be taken that something keeps out."""
    if reason == SOURCE:
        return f"allow-sdist = {quoted(names)} lets them be built, which runs their code"
    if reason == TOO_NEW:
        limits = ", ".join(f"{name} = false" for name in names)
        return f"exclude-newer-packages = {{ {limits} }} takes them of any age"
    if reason == PYTHON:
        return f"another Python in `python` may have {' and '.join(names)}"
    return f"another platform in `platforms` may have {' and '.join(names)}"


def quoted(names: Iterable[str]) -> str:
    """Names as a list of TOML."""
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def held_back_table(held: HeldBack) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "package": held.package,
        "locked": held.locked,
        "passed_over": held.passed_over,
        "reason": held.reason,
        "blockers": list(held.blockers),
        "targets": list(map(str, held.targets)),
        "message": held_back_text(held),
        "hint": held_back_hint(held),
    }
