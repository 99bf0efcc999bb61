"""What is said of newer versions that were passed over, and which line of the declaration changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.lockfile.lockfile import HeldBack
    from envbuild.target.target import Target

SOURCE, PYTHON, PLATFORM = "source", "python", "platform"
TOO_NEW, PRE_RELEASE = "exclude-newer", "pre-release"
REASONS = (SOURCE, PYTHON, PLATFORM, TOO_NEW, PRE_RELEASE)
"""Why something newer is not locked; a pre-release stands here because nothing else was found."""


def held_back_text(held: HeldBack) -> str:
    """What was passed over and why, in one sentence without a final stop."""
    if held.reason == PRE_RELEASE:
        return f"{held.package} {held.locked} is a pre-release, and no requirement asks for one"
    why = obstacle_text(held.reason, held.blockers, held.targets)
    return f"{held.package} {held.passed_over} was passed over for {held.locked}: {why}"


def obstacle_text(reason: str, packages: tuple[str, ...], targets: Iterable[Target]) -> str:
    """What keeps packages out on some targets."""
    names, one = ", ".join(packages), len(packages) == 1
    targets = tuple(targets)
    pythons = ", ".join(dict.fromkeys(target.python for target in targets))
    platforms = ", ".join(dict.fromkeys(str(target.platform) for target in targets))
    does = "has" if one else "have"
    return {
        SOURCE: f"{names} {'comes' if one else 'come'} as source alone",
        PYTHON: f"{names} {does} nothing for Python {pythons}",
        PLATFORM: f"{names} {does} no wheel for {platforms}",
        TOO_NEW: f"{names} {'was' if one else 'were'} uploaded after what exclude-newer allows",
    }[reason]


def held_back_hint(held: HeldBack) -> str:
    """The line that lets the newer version be taken, and the command that takes it."""
    if held.reason == PRE_RELEASE:
        return (
            f'constraints = ["{held.package}=={held.locked}"] says that it is meant, '
            "or ask for another version"
        )
    change = change_hint(held.reason, held.blockers)
    return f"{change}; `envbuild lock --upgrade-package {held.package}` then takes it"


def change_hint(reason: str, names: Iterable[str]) -> str:
    """The line of a declaration that lets packages be taken that something keeps out."""
    names = tuple(names)
    if reason == SOURCE:
        them, their = ("it", "its") if len(names) == 1 else ("them", "their")
        return f"allow-sdist = {quoted(names)} lets {them} be built, which runs {their} code"
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
