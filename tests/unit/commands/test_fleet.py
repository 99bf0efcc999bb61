"""Hosts are compared with what most of them have; what a host says about itself is a stranger's text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from envbuild.commands.fleet import compare_hosts, read_reports
from envbuild.errors import UsageError
from envbuild.report.fleet import fleet_table, render_fleet, render_fleet_html


def driver(name: str = "web", **other: Any) -> dict[str, Any]:
    """A driver in a report."""
    table = {
        "name": name,
        "version": "1.0",
        "variant": None,
        "key": "a" * 64,
        "environment": f"{name}-1.0-{'a' * 12}",
        "content": "sha256:1",
        "python_version": "3.12.1",
        "drift": 0,
    }
    return {**table, **other}


def report(host: str, *drivers: dict[str, Any], sequence: int | None = 3, **other: Any) -> str:
    """A host's report."""
    release = None if sequence is None else {"sequence": sequence, "digest": f"sha256:{sequence}"}
    table = {
        "version": 1,
        "kind": "host-report",
        "host": host,
        "created": "2026-11-20T10:00:00Z",
        "store": "/s",
        "generation": 7,
        "release": release,
        "drivers": list(drivers or (driver(),)),
        "drift": [],
        "findings": [],
    }
    return json.dumps({**table, **other})


def differences(*reports: str) -> dict[str, tuple[str, ...]]:
    """The differences of each host that has some."""
    found = compare_hosts(tuple((f"f{n}", text) for n, text in enumerate(reports)))
    return {one.report.host: one.differences for one in found.diverging}


def test_equal_hosts_do_not_differ() -> None:
    """A thousand hosts that are alike are one line each, and exit code 0."""
    found = compare_hosts(tuple(("f", report(f"h{n}")) for n in range(1000)))
    assert found.exit_code == 0
    assert render_fleet(found).endswith("1000 hosts, newest release 3: all alike\n")


def test_who_lags_and_who_was_changed_is_named() -> None:
    """One lagging host, one whose files were changed, one with another content."""
    tampered = report("h2", driver(drift=2), drift=[{}, {}])
    other = report("h3", driver(content="sha256:2"))
    found = differences(report("h0"), report("h1", sequence=2), tampered, other, report("h4"))
    assert found == {
        "h1": ("has release 2, and the newest is 3",),
        "h2": ("web was changed since it was built: 2 differences",),
        "h3": ("web has the content sha256:2, but most hosts have another",),
    }


def test_other_drivers_are_named() -> None:
    """A driver more, a driver less, another environment, another manifest of one number."""
    usual = [report(f"h{n}", driver(), driver("gate")) for n in range(3)]
    found = differences(
        *usual,
        report("less", driver()),
        report("more", driver(), driver("gate"), driver("extra", key="e" * 64)),
        report("other", driver(key="b" * 64), driver("gate")),
        report("fork", driver(), driver("gate"), release={"sequence": 3, "digest": "sha256:x"}),
        report("none", driver(), driver("gate"), sequence=None),
    )
    assert found == {
        "less": ("lacks gate",),
        "more": ("has extra 1.0 (eeeeeeeeeeee), but most hosts do not have it",),
        "other": (f"has web 1.0 ({'b' * 12}), but most hosts have another environment of it",),
        "fork": ("has a release 3 that differs from that of most hosts: sha256:x",),
        "none": ("has no release, and the newest is 3",),
    }


def test_a_changed_generation_is_named() -> None:
    """A link or a manifest that somebody changed belongs to no driver."""
    found = differences(report("h0", drift=[{"code": "shim"}]), report("h1"))
    assert found == {"h0": ("its generation was changed since it was made: 1 difference",)}


def test_the_newest_report_of_a_host_counts() -> None:
    """A folder may hold yesterday's too, in any order."""
    old = report("h", sequence=2, created="2026-11-19T10:00:00Z")
    for reports in ((old, report("h")), (report("h"), old)):
        assert differences(*reports) == {}


BROKEN = {
    "empty": "",
    "cut": report("h")[:-20],
    "list": "[]",
    "null": "null",
    "deep": "[" * 100_000,
    "another": '{"version": 1, "kind": "sync"}',
    "version": report("h", version=2),
    "field": report("h", generation="7"),
    "drivers": report("h", drivers=[{}]),
    "release": report("h", release=[1]),
}


def test_broken_reports_are_named_and_the_rest_is_compared() -> None:
    """Of a thousand reports some are broken: each is named with its file, and exit code 1 says so."""
    whole = tuple((f"h{n}.json", report(f"h{n}")) for n in range(1000))
    found = compare_hosts((*whole, *((f"{name}.json", text) for name, text in BROKEN.items())))
    assert [problem.file for problem in found.broken] == [f"{name}.json" for name in BROKEN]
    assert len(found.hosts) == 1000
    assert found.exit_code == 1
    text = render_fleet(found)
    assert (
        "broken: version.json: its version is 2, and this envbuild reads version 1: upgrade the older"
        in text
    )
    assert text.endswith("1000 hosts, newest release 3: all alike, 10 broken reports\n")
    assert len(fleet_table(found)["broken"]) == 10  # type: ignore[arg-type]
    nothing = render_fleet(compare_hosts((("empty.json", ""),)))
    assert nothing == "broken: empty.json: the report is incomplete\n0 hosts, 1 broken report\n"


def test_reports_from_files_folders_and_stdin(tmp_path: Path) -> None:
    """Lines or indented objects, one after the other; a broken line takes no other with it."""
    (tmp_path / "a.json").write_text(report("a"))
    (tmp_path / "b.json").write_bytes(b"\xff")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "c.json").mkdir()
    found = read_reports((tmp_path, tmp_path / "a.json"), None)
    assert [place.rpartition("/")[2] for place, _ in found] == [
        "a.json",
        "b.json",
        "c.json",
        "a.json",
    ]
    indented = json.dumps(json.loads(report("y")), indent=2)
    text = f"{report('x')}\n{{broken\n{indented}{report('z')}\n"
    lines = read_reports((Path("-"),), text)
    assert [len(text) > 50 for _, text in lines] == [True, False, True, True]
    for place in (tmp_path / "gone", tmp_path / "empty"):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(UsageError):
            read_reports((place,), None)


def test_what_a_host_says_is_escaped() -> None:
    """A host's name is neither a command of the terminal nor a part of the page."""
    evil = "\x1b[31m<script>alert(1)</script>"
    found = compare_hosts((("f", report(evil)), ("g\x1b", "")))
    assert "\x1b" not in render_fleet(found)
    page = render_fleet_html(found)
    assert "<script>alert" not in page
    assert "\x1b" not in page
    assert "default-src 'none'" in page
