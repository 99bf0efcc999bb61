"""`envbuild check` as workflow commands, which a GitHub runner turns into annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.report.check import verdict
from envbuild.text import Text, escaped, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envbuild.commands.check import CheckResult
    from envbuild.finding import Finding

MOST = 10
"""How many annotations of a kind the runner takes from one step."""

_KINDS = {"error": "error", "warning": "warning", "note": "notice"}


def render_github(result: CheckResult, place: Callable[[str], str]) -> Text:
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
            lines.append(_command(kind, {"title": f"and {len(found) - len(kept)} more"}, more))
    return Text("".join(f"{line}\n" for line in lines) + text_of([verdict(result)]))


def _annotation(kind: str, finding: Finding, place: Callable[[str], str]) -> str:
    properties: dict[str, str] = {}
    if finding.path is not None:
        properties["file"] = place(finding.path)
        if finding.line is not None:
            properties["line"] = str(finding.line)
    properties["title"] = finding.code
    return _command(kind, properties, finding.message, finding.hint or "")


def _command(kind: str, properties: Mapping[str, str], *paragraphs: str) -> str:
    """A workflow command in one line, whatever its values hold."""
    named = ",".join(
        f"{name}={_data(text).replace(':', '%3A').replace(',', '%2C')}"
        for name, text in properties.items()
    )
    return f"::{kind} {named}::{'%0A'.join(_data(text) for text in paragraphs if text)}"


def _data(text: str) -> str:
    return escaped(text).replace("%", "%25")
