"""Findings for machines: workflow commands for a GitHub runner, and SARIF 2.1.0 for code scanners."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from envbuild.finding import Code
from envbuild.report.check import verdict
from envbuild.text import Text, escaped, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from envbuild.commands.check import CheckResult
    from envbuild.finding import Finding

MOST = 10
"""The most annotations of a kind that the runner shows for one step."""

_KINDS = {"error": "error", "warning": "warning", "note": "notice"}


def render_github(result: CheckResult, place: Callable[[str], str]) -> Text:
    """One annotation for each finding, then the verdict.

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


def render_sarif(findings: Collection[Finding], place: Callable[[str], str], version: str) -> Text:
    """One run with every finding; `place` makes a file's name relative to the repository."""
    rules = [code for code in Code if any(finding.code is code for finding in findings)]
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "envbuild",
                        "version": version,
                        "rules": [
                            {"id": code, "shortDescription": {"text": code.meaning}}
                            for code in rules
                        ],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [
                    _result(finding, rules.index(finding.code), place) for finding in findings
                ],
            }
        ],
    }
    return Text(json.dumps(document, indent=2) + "\n")


def _annotation(kind: str, finding: Finding, place: Callable[[str], str]) -> str:
    properties: dict[str, str] = {}
    if finding.path is not None:
        properties["file"] = place(finding.path)
        if finding.line is not None:
            properties["line"] = str(finding.line)
    properties["title"] = finding.code
    return _command(kind, properties, finding.message, finding.hint or "")


def _command(kind: str, properties: Mapping[str, str], *paragraphs: str) -> str:
    """A workflow command in one line, with its values escaped."""
    named = ",".join(
        f"{name}={_data(text).replace(':', '%3A').replace(',', '%2C')}"
        for name, text in properties.items()
    )
    return f"::{kind} {named}::{'%0A'.join(_data(text) for text in paragraphs if text)}"


def _data(text: str) -> str:
    return escaped(text).replace("%", "%25")


def _result(finding: Finding, rule: int, place: Callable[[str], str]) -> dict[str, object]:
    text = finding.message + (f"\n{finding.hint}" if finding.hint else "")
    entry: dict[str, object] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.level,
        "message": {"text": text},
    }
    if finding.path is not None:
        location: dict[str, object] = {
            "artifactLocation": {"uri": quote(place(finding.path), errors="surrogatepass")}
        }
        if finding.line is not None:
            location["region"] = {"startLine": finding.line}
        entry["locations"] = [{"physicalLocation": location}]
    return entry
