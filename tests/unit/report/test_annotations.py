"""`check` as annotations, Markdown and SARIF, for findings whose texts hold what each format minds."""

from __future__ import annotations

import json
import os
import re
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest

from envbuild.commands.check import CheckResult
from envbuild.finding import Code, Finding
from envbuild.report.annotations import MOST, render_github, render_sarif
from envbuild.report.markdown import render_markdown
from tests.support.golden import assert_golden
from tests.support.sarif import SARIF

SCHEMA = os.environ.get("ENVBUILD_SARIF_SCHEMA")
"""Read when tests are collected, before they get an environment of their own."""


def finding(number: int = 0, **changed: str | int | None) -> Finding:
    """A finding with all fields."""
    fields: dict[str, object] = {
        "code": Code.STALE_LOCKFILE,
        "subject": "app",
        "message": f"lib{number} is stale",
        "path": "drivers.toml",
        "line": 7,
        "hint": "run `envbuild lock`",
    }
    return Finding(**{**fields, **changed})  # type: ignore[arg-type]


def result(*findings: Finding) -> CheckResult:
    """What a check with just these findings comes to."""
    return CheckResult(
        file="drivers.toml", drivers=("app",), findings=findings, comparison=None, solved=None
    )


def same(path: str) -> str:
    """A place that is the repository's already."""
    return path


def test_an_annotation_is_escaped_as_the_runner_demands() -> None:
    """Percent signs in the text, colons and commas in a property besides; a value cannot break the line."""
    odd = finding(message="100% of a:b\r\nend", path="a,b:c.toml", hint=None)
    text = render_github(result(odd), same)
    assert text.splitlines()[0] == (
        "::error file=a%2Cb%3Ac.toml,line=7,title=stale-lockfile::100%25 of a:b\\r\\nend"
    )


def test_an_annotation_without_a_line_names_none() -> None:
    """A finding about a whole file is annotated there."""
    text = render_github(result(finding(line=None, hint=None)), same)
    assert text.startswith("::error file=drivers.toml,title=stale-lockfile::lib0")


@pytest.mark.parametrize(("level", "kind"), [("error", "error"), ("note", "notice")])
def test_of_a_kind_the_runner_gets_no_more_than_it_takes(level: str, kind: str) -> None:
    """Ten at most; where there are more, the last one holds the rest."""
    findings = [finding(number, other_level=level) for number in range(MOST + 5)]
    lines = [
        line
        for line in render_github(result(*findings), same).splitlines()
        if line.startswith(f"::{kind} ")
    ]
    assert len(lines) == MOST
    assert lines[-1].startswith(f"::{kind} title=and 6 more::lib9 is stale; lib10")
    exactly = render_github(result(*findings[:MOST]), same)
    assert exactly.count(f"::{kind} file=") == MOST


def test_markdown_shows_texts_as_they_are() -> None:
    """Nothing in a message becomes markup; what stands between backticks is code."""
    text = render_markdown(result(finding(message="a_b <b> *c* | [x](y) >=1")))
    assert r"a\_b \<b\> \*c\* \| \[x\](y) \>=1" in text
    assert "run `envbuild lock`" in text
    assert text.startswith("### ❌ envbuild: 1 error\n")


def test_markdown_without_findings_is_one_line() -> None:
    """A reviewer sees at once that all is well."""
    assert render_markdown(result()) == "### ✅ envbuild: 1 driver, no findings\n"


def test_sarif_is_what_the_standard_says() -> None:
    """Every code and level, with and without a place, gives a valid document."""
    findings = [
        finding(code=code, other_level=level, line=line, path=path)
        for code in Code
        for level in ("error", "warning", "note")
        for line, path in ((1, "locks/a b.toml"), (None, "drivers.toml"), (None, None))
    ]
    document = json.loads(render_sarif(findings, same, "0.1.0"))
    jsonschema.validate(document, SARIF)
    if SCHEMA:
        jsonschema.validate(document, json.loads(Path(SCHEMA).read_text()))
    (run,) = document["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(rules[entry["ruleIndex"]] == entry["ruleId"] for entry in run["results"])


def test_every_code_is_documented() -> None:
    """The tables in docs/findings.md are made from the codes; `ENVBUILD_REGENERATE=1` writes them anew."""
    page = Path(__file__).parents[3] / "docs/findings.md"
    assert_golden(page, _tables_replaced(page.read_text()))


def _tables_replaced(text: str) -> str:
    """The page with its tables as the codes make them: those of `check`, of `verify` and `doctor`, of `audit`."""
    rows = [
        f"| `{code}` | {code.level} | {code.meaning} | {code.advice} |".replace("\n", " ")
        for code in Code
    ]
    first_of_verify = list(Code).index(Code.CURRENT)
    first_of_audit = list(Code).index(Code.VULNERABLE)
    ends = (0, first_of_verify, first_of_audit, len(rows))
    tables = iter([rows[start:end] for start, end in pairwise(ends)])
    return re.sub(
        r"(?<=\| --- \| --- \| --- \| --- \|\n)(\|.*\n)+",
        lambda _: "".join(f"{row}\n" for row in next(tables)),
        text,
    )


@pytest.mark.parametrize("code", Code)
def test_every_code_is_a_rule_of_sarif(code: Code) -> None:
    """`check --host cuda=12.0 --format sarif` once had two codes that were no rules."""
    document = json.loads(render_sarif([finding(code=code)], same, "1"))
    (rule,) = document["runs"][0]["tool"]["driver"]["rules"]
    assert rule["id"] == code
    assert rule["shortDescription"]["text"]
