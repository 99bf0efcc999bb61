"""What `envbuild history` and `envbuild rollback` print."""

from __future__ import annotations

from envbuild.report.lines import render_count
from envbuild.text import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.commands.rollback import RolledBack
    from envbuild.store.history import DriverChange, Generation
    from envbuild.text import Text


_SHOWN = 8


def render_history(generations: Iterable[Generation]) -> Text:
    """Every generation: a line of its own, its drivers, and what changed."""
    lines = [line for generation in generations for line in _generation_lines(generation)]
    return text_of(lines or ["there is no generation yet"])


def history_table(generations: Iterable[Generation]) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "generations": [
            {
                "generation": generation.number,
                "current": generation.current,
                "readable": generation.manifest is not None,
                "created": generation.manifest.created if generation.manifest else None,
                "declaration": generation.manifest.declaration if generation.manifest else None,
                "drivers": {
                    driver.name: {"version": driver.version, "environment": driver.environment}
                    for driver in (generation.manifest.drivers if generation.manifest else ())
                },
                "changes": _change_tables(generation.changes),
            }
            for generation in generations
        ]
    }


def render_rollback(result: RolledBack) -> Text:
    """What is current now, and what that changed."""
    if result.before == result.after:
        return text_of([f"generation {result.after} is current already"])
    head = f"generation {result.after} is current again"
    if result.before is not None:
        head += f", instead of {result.before}"
    return text_of([head, *(f"  {_words(change)}" for change in result.changes)])


def rollback_table(result: RolledBack) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "before": result.before,
        "generation": result.after,
        "switched": result.before != result.after,
        "changes": _change_tables(result.changes),
    }


def _generation_lines(generation: Generation) -> Iterator[str]:
    mark = "  (current)" if generation.current else ""
    manifest = generation.manifest
    if manifest is None:
        yield f"{generation.number}  its manifest cannot be read{mark}"
        return
    drivers = ", ".join(f"{driver.name} {driver.version}" for driver in manifest.drivers)
    yield f"{generation.number}  {manifest.created}  {drivers or 'no drivers'}{mark}"
    yield from (f"   {_words(change)}" for change in generation.changes)


def _words(change: DriverChange) -> str:
    """`~ asr 1.0 → 1.1: numpy 2.0 → 2.1`, from a driver's version to the other, and each package's likewise."""
    if change.before is None:
        return f"+ {change.driver} {change.after}"
    if change.after is None:
        return f"- {change.driver} {change.before}"
    versions = change.after
    if change.before != change.after:
        versions = f"{change.before} → {change.after}"
    moved = [_package(*package) for package in change.packages[:_SHOWN]]
    if len(change.packages) > _SHOWN:
        moved.append(f"and {render_count(len(change.packages) - _SHOWN, 'package')} more")
    return f"~ {change.driver} {versions}: {', '.join(moved) or 'another environment'}"


def _package(name: str, before: str | None, after: str | None) -> str:
    if before is None:
        return f"+ {name} {after}"
    return f"- {name} {before}" if after is None else f"{name} {before} → {after}"


def _change_tables(changes: Iterable[DriverChange]) -> list[dict[str, object]]:
    return [
        {
            "driver": change.driver,
            "before": change.before,
            "after": change.after,
            "packages": [
                {"name": name, "before": before, "after": after}
                for name, before, after in change.packages
            ],
        }
        for change in changes
    ]
