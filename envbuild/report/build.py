"""What `envbuild build` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.report.lines import render_count
from envbuild.report.outcome import problems_table
from envbuild.text import text_of

if TYPE_CHECKING:
    from envbuild.commands.build import BuildResult, LockedWheel
    from envbuild.text import Text


def render_build(result: BuildResult) -> Text:
    """A line for each wheel, and how many are new."""
    lines = [_line(wheel) for wheel in result.wheels]
    new = sum(wheel.new for wheel in result.wheels)
    if not result.wheels and not result.failures:
        lines.append("no package comes as source")
    elif result.wheels:
        lines.append(f"{render_count(len(result.wheels), 'wheel')}, {new} newly locked")
    return text_of(lines)


def _line(wheel: LockedWheel) -> str:
    state = "locked" if wheel.new else "as locked"
    return f"{wheel.driver}: {wheel.file} for {wheel.target}: {state}, sha256 {wheel.sha256}"


def build_table(result: BuildResult) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "wheels": [
            {
                "driver": wheel.driver,
                "package": wheel.package,
                "version": wheel.version,
                "target": wheel.target,
                "file": wheel.file,
                "sha256": wheel.sha256,
                "size": wheel.size,
                "new": wheel.new,
            }
            for wheel in result.wheels
        ],
        "failed": [
            {"driver": failure.driver, **problems_table(failure.error)}
            for failure in result.failures
        ],
    }
