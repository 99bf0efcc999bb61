"""`envbuild check` as workflow commands, which a GitHub runner turns into annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.report.check import verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.commands.check import CheckResult
    from envbuild.finding import Finding

MOST = 10
"""How many annotations of a kind the runner takes from one step."""

_KINDS = {"error": "error", "warning": "warning", "note": "notice"}


def render_github(result: CheckResult, place: Callable[[str], str]) -> str:
    """One annotation a finding, then the verdict.

    `place` makes a file's name, as the user gave it, relative to the repository.
    """
    lines: list[str] = []
    for level, kind in _KINDS.items():
        found = [finding for finding in result.findings if finding.level == level]
        kept = found if len(found) <= MOST else found[: MOST - 1]
        lines += [_annotation(kind, finding, place) for finding in kept]
        if len(found) > len(kept):
            more = "; ".join(finding.message for finding in found[len(kept) :])
            title = _property(f"and {len(found) - len(kept)} more")
            lines.append(f"::{kind} title={title}::{_data(more)}")
    lines.append(verdict(result))
    return "".join(f"{line}\n" for line in lines)


def _annotation(kind: str, finding: Finding, place: Callable[[str], str]) -> str:
    properties = [f"title={_property(finding.code)}"]
    if finding.path is not None:
        properties.insert(0, f"file={_property(place(finding.path))}")
        if finding.line is not None:
            properties.insert(1, f"line={finding.line}")
    text = finding.message + (f"\n{finding.hint}" if finding.hint else "")
    return f"::{kind} {','.join(properties)}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
