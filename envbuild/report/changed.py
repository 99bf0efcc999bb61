"""What `history` and `rollback` say of a change; imported where every millisecond counts."""

from __future__ import annotations

from envbuild.report.units import render_count
from envbuild.text import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envbuild.text import Text

_SHOWN = 8


def change_words(
    driver: str,
    before: str | None,
    after: str | None,
    packages: Sequence[tuple[str, str | None, str | None]],
) -> str:
    """`~ asr 1.0 → 1.1: numpy 2.0 → 2.1`, from a driver's version to the other, and each package's likewise."""
    if before is None:
        return f"+ {driver} {after}"
    if after is None:
        return f"- {driver} {before}"
    versions = after
    if before != after:
        versions = f"{before} → {after}"
    moved = [_package(*package) for package in packages[:_SHOWN]]
    if len(packages) > _SHOWN:
        moved.append(f"and {render_count(len(packages) - _SHOWN, 'package')} more")
    return f"~ {driver} {versions}: {', '.join(moved) or 'another environment'}"


def rolled_back(before: int | None, after: int, changes: Iterable[str]) -> Text:
    """What is current now, and what that changed, in words."""
    if before == after:
        return text_of([f"generation {after} is current already"])
    head = f"generation {after} is current again"
    if before is not None:
        head += f", instead of {before}"
    lines = (head, *(f"  {line}" for line in changes))
    return text_of(lines)


def _package(name: str, before: str | None, after: str | None) -> str:
    if before is None:
        return f"+ {name} {after}"
    return f"- {name} {before}" if after is None else f"{name} {before} → {after}"
