"""OSV's evaluation of versions, and databases that are damaged, hostile or too large."""

from __future__ import annotations

import json
import os
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from envbuild.errors import UsageError
from envbuild.index import osv
from envbuild.index.advisory import AuditedRelease
from envbuild.index.osv import read_database

if TYPE_CHECKING:
    from pathlib import Path


def entry(*events: dict[str, str], name: str = "Tool", **more: Any) -> dict[str, Any]:
    """An entry about one package with one range."""
    return {
        "id": "GHSA-1",
        "aliases": ["CVE-1"],
        "summary": "it breaks",
        "database_specific": {"severity": "HIGH"},
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": name},
                "ranges": [{"type": "ECOSYSTEM", "events": list(events)}],
            }
        ],
        **more,
    }


def found(folder: Path, *versions: str) -> list[str]:
    """The versions of `tool` that the database says are vulnerable."""
    database = read_database(folder, {"tool"})
    releases = [AuditedRelease("default", "tool", version) for version in versions]
    return [one.version for one, said in database.advisories(releases).items() if said]


def write(folder: Path, **entries: object) -> Path:
    """A database with these entries."""
    folder.mkdir(exist_ok=True)
    for name, one in entries.items():
        text = one if isinstance(one, str) else json.dumps(one)
        (folder / f"{name}.json").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("events", "inside"),
    [
        ([{"introduced": "0"}, {"fixed": "1.2"}], ["0.1", "1.2rc1", "1.1+cu128"]),
        ([{"introduced": "1.1"}], ["1.2rc1", "1.1+cu128", "1.2", "1.2+cu128", "3.0"]),
        ([{"introduced": "0"}, {"last_affected": "1.2"}], ["0.1", "1.2rc1", "1.1+cu128", "1.2", "1.2+cu128"]),
        ([{"fixed": "2"}, {"introduced": "1.2"}, {"introduced": "3"}], ["1.2", "1.2+cu128", "3.0"]),
        ([{"introduced": "0"}, {"limit": "1"}], ["0.1"]),
        ([{"introduced": "2004d"}, {"fixed": "2004e"}], []),
    ],
)  # fmt: skip
def test_ranges(tmp_path: Path, events: list[dict[str, str]], inside: list[str]) -> None:
    """The last event that is not above a version decides; a local label does not count."""
    folder = write(tmp_path / "osv", one=entry(*events))
    versions = ("0.1", "1.2rc1", "1.1+cu128", "1.2", "1.2+cu128", "3.0")
    assert found(folder, *versions) == inside


def test_versions_that_are_listed(tmp_path: Path) -> None:
    """An entry may list versions, as PEP 440 compares them; commits say nothing of releases."""
    listed = entry()
    listed["affected"][0]["versions"] = ["1.0.0", "not a version"]
    listed["affected"][0]["ranges"] = [{"type": "GIT", "events": [{"introduced": "0"}]}]
    assert found(write(tmp_path / "osv", one=listed), "1.0", "1.1") == ["1.0"]


def test_withdrawn_and_other_ecosystems(tmp_path: Path) -> None:
    """Neither says anything; names are compared as packages' names are."""
    other = entry({"introduced": "0"})
    other["affected"][0]["package"]["ecosystem"] = "npm"
    other["details"] = "not PyPI"
    withdrawn = entry({"introduced": "0"}, withdrawn="2030-01-01T00:00:00Z")
    folder = write(tmp_path / "osv", one=other, two=withdrawn)
    assert found(folder, "1.0") == []
    assert found(write(folder, three=entry({"introduced": "0"}, name="TOOL")), "1.0") == ["1.0"]


def test_one_vulnerability_under_two_names(tmp_path: Path) -> None:
    """Databases copy one another: entries that share an alias are one, with the fixed versions of both."""
    first = entry({"introduced": "0"}, {"fixed": "2"})
    second = entry({"introduced": "0"}, {"fixed": "1.5"}, id="PYSEC-1", aliases=["cve-1"])
    database = read_database(write(tmp_path / "osv", one=first, two=second), {"tool"})
    release = AuditedRelease("default", "tool", "1.0")
    (one,) = database.advisories([release])[release] or ()
    assert (one.id, one.fixed, one.severity) == ("GHSA-1", ("2", "1.5"), "HIGH")
    assert "PYSEC-1" in one.aliases


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"PyPI": ', "not an entry in JSON"),
        ("[" * 100_000 + '"PyPI"', "not an entry in JSON"),
        ('["PyPI"]', "not an object"),
        ('{"affected": [{"package": {"ecosystem": "PyPI", "name": "tool"}}]}', "id"),
        ('{"id": "a", "affected": "PyPI"}', "not a list"),
        ('{"id": "a", "affected": [{"package": {"ecosystem": "PyPI", "name": 1}}]}', "not a text"),
        (json.dumps(entry() | {"affected": [{**entry()["affected"][0], "ranges": [{}]}]}), "events"),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be_read_is_an_error(tmp_path: Path, content: str, words: str) -> None:
    """Passing over it could hide a vulnerability; the message has the entry's file."""
    folder = write(tmp_path / "osv", good=entry({"introduced": "0"}), bad=content)
    with pytest.raises(UsageError) as raised:
        read_database(folder, {"tool"})
    (problem,) = raised.value.problems
    assert problem.file == str(folder / "bad.json")
    assert words in f"{problem.key} {problem.message}"


def test_a_zip(tmp_path: Path) -> None:
    """The same from a zip."""
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("GHSA-1.json", json.dumps(entry({"introduced": "0"})))
    assert found(archive, "1.0") == ["1.0"]


def test_what_is_no_database(tmp_path: Path) -> None:
    """Nothing, an empty folder, a damaged zip, a pipe: each is an error, and none hangs."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04 and no more")
    os.mkfifo(tmp_path / "pipe")
    pipes = write(tmp_path / "pipes", one=entry({"introduced": "0"}))
    os.mkfifo(pipes / "two.json")
    for name in ("none", "empty", "bad.zip", "pipe", "pipes"):
        with pytest.raises(UsageError):
            read_database(tmp_path / name, {"tool"})


def test_bombs_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No entry is unpacked beyond its limit, and all together not beyond theirs."""
    archive = tmp_path / "bomb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a.json", b" " * (64 << 20))
    with pytest.raises(UsageError, match="larger than 8 MiB"):
        read_database(archive, {"tool"})
    folder = write(tmp_path / "osv", **{f"e{n}": entry({"introduced": "0"}) for n in range(5)})
    monkeypatch.setattr(osv, "MOST_ENTRIES", 3)
    with pytest.raises(UsageError, match="more than"):
        read_database(folder, {"tool"})
