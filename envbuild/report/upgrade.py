"""What `envbuild lock --dry-run` and `envbuild upgrade` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.commands.diff import DiffResult
from envbuild.report.check import comparison_table, moved_conflict_lines
from envbuild.report.diff import render_diff
from envbuild.report.lock import doubt_lines, lock_table
from envbuild.report.markdown import comparison_document
from envbuild.report.markup import Markup, document, prose

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.upgrade import Upgraded
    from envbuild.text import Text


def render_upgrade(result: Upgraded, file: str) -> Text:
    """What `diff` prints, then conflicts that would come and go, warnings, and the command that writes it.

    `file` is the declaration's name.
    """
    comparison = result.comparison
    diff = DiffResult(against=comparison.against, drivers=comparison.drivers)
    return render_diff(diff, _more_lines(result, file))


def render_upgrade_markdown(result: Upgraded, file: str) -> Text:
    """The same as Markdown, as `check` has it."""
    return document(_markdown_lines(result, file))


def upgrade_table(result: Upgraded) -> dict[str, object]:
    """The same as a JSON object."""
    locked = lock_table(result.lock)
    return {
        **comparison_table(result.comparison),
        "failed": locked["failed"],
        "broken_rules": locked["broken_rules"],
        "warnings": {one.driver: list(one.warnings) for one in result.lock.drivers if one.warnings},
        "command": result.command,
    }


def _more_lines(result: Upgraded, file: str) -> Iterator[str]:
    comparison = result.comparison
    if comparison.appeared or comparison.vanished:
        yield "conflicts"
        yield from moved_conflict_lines(comparison, file)
    yield from _warning_lines(result)
    for failure in result.lock.failures:
        yield from (f"{name}: failed, its lockfile would stay" for name in failure.drivers)
    if comparison.changed:
        yield f"nothing was written; `{result.command}` writes it"


def _warning_lines(result: Upgraded) -> Iterator[str]:
    for driver in result.lock.drivers:
        yield from (f"{driver.driver}: {line.strip()}" for line in doubt_lines(driver))
    for finding in result.lock.broken_rules:
        yield f"{finding.path}:{finding.line}: {finding.message}"


def _markdown_lines(result: Upgraded, file: str) -> Iterator[str]:
    sign = Markup("✅ envbuild: " if result.exit_code == 0 else "❌ envbuild: ")
    yield from comparison_document(result.comparison, file, sign, _warning_lines(result))
    if result.comparison.changed:
        yield ""
        yield str(prose(f"Nothing was written; `{result.command}` writes it."))
