"""What `envbuild audit` prints: text, JSON and Markdown; `annotations` has SARIF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.commands.audit import remedy
from envbuild.report.lines import render_count
from envbuild.report.markup import Markup, bullet, code, document, heading, join, prose
from envbuild.report.outdated import holder_table
from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.audit import AuditedDriver, AuditResult, Vulnerability
    from envbuild.text import Text

_SHOWN = 5


def render_audit(result: AuditResult) -> Text:
    """For each driver its vulnerabilities, then what was ignored and what was not checked."""
    return text_of(_lines(result))


def _lines(result: AuditResult) -> Iterator[str]:
    for driver in result.drivers:
        yield _verdict(driver)
        for one in driver.vulnerabilities:
            if one.counts:
                yield from (f"  {line}" for line in _vulnerability_lines(driver, one, result.file))
    yield from _notes(result)


def _verdict(driver: AuditedDriver) -> str:
    counted = [one for one in driver.vulnerabilities if one.counts]
    packages = render_count(driver.packages, "package")
    if not counted:
        return f"{driver.name} {driver.version}: {packages}, no known vulnerability"
    found = render_count(len(counted), "known vulnerability", "known vulnerabilities")
    return f"{driver.name} {driver.version}: {found} in {packages}"


def _vulnerability_lines(driver: AuditedDriver, one: Vulnerability, file: str) -> Iterator[str]:
    advisory = one.advisory
    aliases = f" ({', '.join(advisory.aliases)})" if advisory.aliases else ""
    severity = f" {advisory.severity.lower()}" if advisory.severity else ""
    yield f"{one.package} {one.version}: {advisory.id}{aliases}{severity}"
    if advisory.summary:
        yield f"  {advisory.summary}"
    yield f"  {remedy(driver.name, one)}"
    if one.expired and one.ignored is not None:
        yield f"  ignored until {one.ignored.expires} ({file}:{one.ignored.line}), which has passed"


def _notes(result: AuditResult) -> Iterator[str]:
    """What was ignored, unused entries, and packages without vulnerability data."""
    for driver in result.drivers:
        for one in driver.vulnerabilities:
            if not one.counts and one.ignored is not None:
                yield (
                    f"{driver.name}: {one.package} {one.version}: {one.advisory.id} is ignored "
                    f"until {one.ignored.expires}: {one.ignored.reason}"
                )
    for entry in result.unused:
        yield f"{result.file}:{entry.line}: no package has {entry.id}; remove the entry"
    for driver in result.drivers:
        if driver.unjudged:
            shown = ", ".join(driver.unjudged[:_SHOWN])
            more = len(driver.unjudged) - _SHOWN
            rest = f" and {more} more" if more > 0 else ""
            yield f"{driver.name}: not checked, their index has no vulnerability data: {shown}{rest}"


def audit_table(result: AuditResult) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "installed": result.installed,
        "drivers": [
            {
                "name": driver.name,
                "version": driver.version,
                "packages": driver.packages,
                "vulnerabilities": [_table(one) for one in driver.vulnerabilities],
                "unjudged": list(driver.unjudged),
            }
            for driver in result.drivers
        ],
        "unused": [
            {"id": one.id, "expires": one.expires, "line": one.line} for one in result.unused
        ],
    }


def _table(one: Vulnerability) -> dict[str, object]:
    advisory, ignored = one.advisory, one.ignored
    return {
        "package": one.package,
        "version": one.version,
        "id": advisory.id,
        "aliases": list(advisory.aliases),
        "summary": advisory.summary,
        "severity": advisory.severity,
        "fixed": list(one.fixed),
        "fitting": list(one.fitting),
        "held_by": [holder_table(held) for held in one.held_by],
        "path": one.path,
        "line": one.line,
        "ignored": None
        if ignored is None
        else {
            "id": ignored.id,
            "reason": ignored.reason,
            "expires": ignored.expires,
            "expired": one.expired,
        },
    }


def render_audit_markdown(result: AuditResult) -> Text:
    """The same as a comment."""
    return document(_markdown(result))


def _markdown(result: AuditResult) -> Iterator[str]:
    found = len(result.findings)
    words = render_count(found, "known vulnerability", "known vulnerabilities")
    sign = Markup("✅ envbuild: " if not found else "❌ envbuild: ")
    yield heading(join([sign, prose(words if found else "no known vulnerability")]))
    yield ""
    for driver in result.drivers:
        yield bullet(prose(_verdict(driver)))
        for one in driver.vulnerabilities:
            if one.counts:
                what = [code(f"{one.package} {one.version}"), code(one.advisory.id)]
                if one.advisory.summary:
                    what.append(prose(one.advisory.summary))
                yield f"  {bullet(join([*what, prose(remedy(driver.name, one))], ', '))}"
    notes = tuple(_notes(result))
    if notes:
        yield ""
        yield from (bullet(prose(line)) for line in notes)
