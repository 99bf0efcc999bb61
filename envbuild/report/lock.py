"""What `envbuild lock` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.commands.lock_jobs import NO_LOCKFILE
from envbuild.lockfile.warnings import held_back_hint, held_back_table, held_back_text
from envbuild.report.cross_check import cross_check_lines, cross_check_table
from envbuild.report.diff import change_table, render_change
from envbuild.report.lines import render_count
from envbuild.report.outcome import problems_table
from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.lock_result import DriverLock, LockResult
    from envbuild.text import Text


def render_lock(result: LockResult, *, whole: bool = False) -> Text:
    """A line for each driver, with its reasons and changes below.

    The packages of a driver that is locked for the first time are only counted, unless `whole`.
    """
    lines = [
        line
        for driver in result.drivers
        for line in (
            _first_lines(driver, result)
            if _is_first(driver, result) and not whole
            else _driver_lines(driver, result)
        )
    ]
    for failure in result.failures:
        lines += [f"{name}: failed, its lockfile stays as it was" for name in failure.drivers]
    lines += [f"{file} belongs to no declared driver" for file in result.undeclared]
    for finding in result.broken_rules:
        lines.append(f"{finding.path}:{finding.line}: {finding.message}")
    if not result.drivers and not result.failures:
        lines.append("no driver is enabled")
    for check in result.cross_checks or ():
        lines += cross_check_lines(check)
    return text_of(lines)


def lock_table(result: LockResult) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "checked": result.checked,
        "drivers": {
            driver.driver: {
                "fresh": driver.fresh,
                "reasons": list(driver.reasons),
                "version": driver.version,
                "packages": driver.packages,
                "changes": [change_table(change) for change in driver.changes],
                "warnings": list(driver.warnings),
                "held_back": [held_back_table(held) for held in driver.held_back],
            }
            for driver in result.drivers
        },
        "failed": [
            {"drivers": list(failure.drivers), **problems_table(failure.error)}
            for failure in result.failures
        ],
        "undeclared": list(result.undeclared),
        "broken_rules": [
            {
                "code": finding.code,
                "subject": finding.subject,
                "path": finding.path,
                "line": finding.line,
                "message": finding.message,
            }
            for finding in result.broken_rules
        ],
        "cross_check": None
        if result.cross_checks is None
        else [cross_check_table(check) for check in result.cross_checks],
    }


def _is_first(driver: DriverLock, result: LockResult) -> bool:
    """Whether this is the driver's first lockfile."""
    return driver.reasons == (NO_LOCKFILE,) and not result.checked


def _first_lines(driver: DriverLock, result: LockResult) -> Iterator[str]:
    first, *_ = _driver_lines(driver, result)
    yield f"{first}, for the first time"
    yield from doubt_lines(driver)


def _driver_lines(driver: DriverLock, result: LockResult) -> Iterator[str]:
    size = render_count(driver.packages, "package") if driver.packages is not None else ""
    version = f"{driver.driver} {driver.version}" if driver.version else driver.driver
    if driver.fresh:
        yield f"{version}: fresh, {size}"
        yield from doubt_lines(driver)
        return
    yield f"{version}: {_state(result) or f'locked, {size}'}"
    yield from (f"  because {reason}" for reason in driver.reasons)
    yield from (f"  {render_change(change)}" for change in driver.changes)
    if result.resolved and not driver.changes:
        yield "  no version moved"
    yield from doubt_lines(driver)


def doubt_lines(driver: DriverLock) -> Iterator[str]:
    """What to know about a driver's pins: warnings, and the versions that were passed over."""
    yield from (f"  warning: {warning}" for warning in driver.warnings)
    for held in driver.held_back:
        yield f"  note: {held_back_text(held)}"
        yield f"    hint: {held_back_hint(held)}"


def _state(result: LockResult) -> str | None:
    """The status of a driver that is not fresh, if nothing was written."""
    if not result.checked:
        return None
    return "would change" if result.resolved else "stale"
