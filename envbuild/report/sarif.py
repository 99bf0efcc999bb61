"""`envbuild check` as SARIF 2.1.0, which code scanners read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from envbuild.finding import Code, Finding
from envbuild.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.commands.check import CheckResult


def render_sarif(result: CheckResult, place: Callable[[str], str], version: str) -> Text:
    """One run with every finding; `place` makes a file's name relative to the repository."""
    rules = [code for code in Code if any(finding.code is code for finding in result.findings)]
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
                    _result(finding, rules.index(finding.code), place)
                    for finding in result.findings
                ],
            }
        ],
    }
    return Text(json.dumps(document, indent=2) + "\n")


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
