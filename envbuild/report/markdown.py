"""`envbuild check` as the comment under a pull request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.report.cause import render_cause
from envbuild.report.diff import render_change
from envbuild.report.units import render_bytes, render_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.check import CheckResult, Comparison
    from envbuild.conflicts.conflict import Pair
    from envbuild.finding import Finding
    from envbuild.fleet_diff import DriverDiff
    from envbuild.lock_changes import Change

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&])")
_SIGNS = {"error": "❌", "warning": "⚠️", "note": "📝"}
_NAMED = 4


def render_markdown(result: CheckResult) -> str:
    """A headline that says it all, what has to be done, a table of drivers; details folded away."""
    return "\n".join([*_lines(result), ""])


def _lines(result: CheckResult) -> Iterator[str]:
    yield f"### {'✅' if result.exit_code == 0 else '❌'} envbuild: {_headline(result)}"
    if result.findings:
        yield ""
        yield from (_finding_line(finding) for finding in result.findings)
    if result.comparison is not None:
        yield from _comparison_lines(result.comparison, result.file)


def _headline(result: CheckResult) -> str:
    parts = []
    errors = sum(finding.level == "error" for finding in result.findings)
    if errors:
        parts.append(render_count(errors, "error"))
    comparison = result.comparison
    if comparison is not None:
        parts.append(f"{render_count(len(comparison.changed), 'driver')} changed")
        if comparison.appeared:
            parts.append(f"{render_count(len(comparison.appeared), 'new conflict')}")
        if comparison.vanished:
            parts.append(f"{render_count(len(comparison.vanished), 'conflict')} gone")
        if comparison.download:
            parts.append(f"{_signed(comparison.download)} to download")
    return ", ".join(parts) or f"{render_count(len(result.drivers), 'driver')}, nothing to say"


def _finding_line(finding: Finding) -> str:
    place = f"{finding.path}:{finding.line}" if finding.line else finding.path or finding.subject
    hint = f" — {_prose(finding.hint)}" if finding.hint else ""
    sign = _SIGNS[finding.level]
    return f"- {sign} `{finding.code}` {_code(place)} {_prose(finding.message)}{hint}"


def _comparison_lines(comparison: Comparison, file: str) -> Iterator[str]:
    if comparison.changed:
        yield ""
        yield f"| driver | version | what moves | against {_prose(comparison.against)} |"
        yield "| --- | --- | --- | --- |"
        yield from (_driver_row(diff) for diff in comparison.changed)
    for pair in comparison.appeared:
        yield ""
        yield f"**{_prose(pair.first)} × {_prose(pair.second)} now conflict**"
        yield ""
        yield from _proof_lines(pair, file)
    for diff in comparison.changed:
        yield from _detail_lines(diff)


def _driver_row(diff: DriverDiff) -> str:
    version = diff.after or diff.before or ""
    if diff.kind == "changed" and diff.before != diff.after:
        version = f"{diff.before} → {diff.after}"
    size = "" if not diff.download else _signed(diff.download)
    return f"| {_prose(diff.driver)} | {_prose(version)} | {_moves(diff)} | {size} |"


def _moves(diff: DriverDiff) -> str:
    """Replaced files, CUDA, torch and major bumps by name, the rest as a count."""
    if diff.kind in ("added", "removed"):
        return "new driver" if diff.kind == "added" else "driver removed"
    named = (*diff.replaced, *diff.accelerator, *diff.major)
    texts = [_code(_move(change)) for change in named[:_NAMED]]
    rest = len(diff.changes) - len(texts)
    if rest:
        texts.append(f"{rest} {'more' if texts else 'packages' if rest > 1 else 'package'}")
    return ", ".join(texts) or "what it asks for, no version"


def _move(change: Change) -> str:
    return render_change(change).replace("~ ", "")


def _proof_lines(pair: Pair, file: str) -> Iterator[str]:
    for clash in pair.conflicts[0].clashes:
        chains = " against ".join(_code(render_cause(cause, file)) for cause in clash.causes)
        yield f"- {_code(clash.package)}: {chains}"


def _detail_lines(diff: DriverDiff) -> Iterator[str]:
    if diff.kind != "changed" or not diff.changes:
        return
    yield ""
    yield f"<details><summary>{diff.driver}: {render_count(len(diff.changes), 'change')}</summary>"
    yield ""
    yield "```diff"
    for change in (*diff.replaced, *diff.accelerator, *diff.major, *diff.minor):
        yield render_change(change).replace("~ ", "! ")
    yield "```"
    yield ""
    yield "</details>"


def _signed(size: int) -> str:
    return f"{'+' if size > 0 else '-'}{render_bytes(abs(size))}"


def _prose(text: str) -> str:
    """Text in which Markdown sees nothing of its own; what stands between backticks is code."""
    parts = text.replace("\n", " ").split("`")
    if len(parts) % 2 == 0:
        return _SPECIAL.sub(r"\\\1", text)
    return "".join(
        _code(part) if number % 2 else _SPECIAL.sub(r"\\\1", part)
        for number, part in enumerate(parts)
    )


def _code(text: str) -> str:
    """A code span, whatever the text holds; pipes are escaped for tables."""
    text = text.replace("\n", " ").replace("|", "\\|")
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{fence}{text}{fence}" if len(fence) == 1 else f"{fence} {text} {fence}"
