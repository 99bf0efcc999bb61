"""Whether everything is there that the distributions say they installed."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
from typing import Literal

import pytest

from envbuild.environment.completeness import find_gaps
from envbuild.environment.content_digest import FileEntry

SITE = "lib/python3.12/site-packages"


def file(path: str, content: bytes = b"") -> FileEntry:
    """A file of the environment."""
    sha256 = hashlib.sha256(content).hexdigest()
    return FileEntry(path=path, mode=0o444, size=len(content), sha256=sha256)


def recorded(content: bytes = b"") -> str:
    """The digest as RECORD spells it."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
    return f"sha256={digest}"


def record(*rows: tuple[str, ...], quoting: Literal[0, 1] = csv.QUOTE_MINIMAL) -> str:
    """A RECORD as installers write it."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n", quoting=quoting).writerows(rows)
    return stream.getvalue()


INIT = (f"{SITE}/foo/__init__.py", b"x = 1\n")
FILES = [
    file(*INIT),
    file(f"{SITE}/foo-1.0.dist-info/RECORD"),
    file("bin/foo", b"#!"),
    file("pyvenv.cfg"),
]
RECORDS = {
    "foo-1.0.dist-info": record(
        ("foo/__init__.py", recorded(INIT[1]), "6"),
        ("foo-1.0.dist-info/RECORD", "", ""),
        ("../../../bin/foo", recorded(b"#!"), "2"),
    )
}


def gaps(
    files: list[FileEntry] | None = None,
    records: dict[str, str] | None = None,
    wanted: tuple[tuple[str, str], ...] = (("foo", "1.0"),),
) -> tuple[str, ...]:
    """What is found in an environment that holds foo 1.0, changed as said."""
    return find_gaps(
        files=FILES if files is None else files,
        records=RECORDS if records is None else records,
        site_packages=SITE,
        wanted=wanted,
    )


def test_a_whole_environment_has_no_gap() -> None:
    """Files in site-packages and beyond are found; what no wheel brought does not matter."""
    assert gaps() == ()


def test_a_missing_file_is_a_gap() -> None:
    """An installation that was killed half way is never taken for a whole one."""
    assert gaps(FILES[1:]) == (f"{INIT[0]} is missing (recorded by foo-1.0.dist-info)",)


def test_a_missing_command_is_a_gap() -> None:
    """Files outside site-packages count as well."""
    assert gaps([*FILES[:2], FILES[3]]) == ("bin/foo is missing (recorded by foo-1.0.dist-info)",)


def test_a_changed_file_is_a_gap() -> None:
    """A file that a full disk cut off, or that a cache had changed, is noticed."""
    changed = [file(INIT[0], b"x ="), *FILES[1:]]
    assert gaps(changed) == (f"{INIT[0]} is not what foo-1.0.dist-info recorded",)


def test_a_path_out_of_the_environment_is_a_gap() -> None:
    """A wheel that claims a file elsewhere on the host is not whole here."""
    records = {"foo-1.0.dist-info": record(("../../../../../etc/passwd", recorded(), "0"))}
    expected = "../../etc/passwd is missing (recorded by foo-1.0.dist-info)"
    assert gaps(records=records) == (expected,)


def test_a_file_of_two_owners_is_whole_when_one_recorded_it() -> None:
    """Two wheels that bring one path collide without a word; what one of them brought is no damage."""
    records = {
        **RECORDS,
        "bar-1.0.dist-info": record(("foo/__init__.py", recorded(b"other"), "5")),
    }
    both = (("foo", "1.0"), ("bar", "1.0"))
    assert gaps(records=records, wanted=both) == ()
    third = [file(INIT[0], b"neither"), *FILES[1:]]
    assert gaps(third, records, both) == (f"{INIT[0]} is not what foo-1.0.dist-info recorded",)


def test_a_distribution_that_was_not_asked_for_is_a_gap() -> None:
    """What is installed is what was locked, and nothing beside it."""
    records = {**RECORDS, "extra-2.0.dist-info": record(("foo/__init__.py", "", ""))}
    assert gaps(records=records) == ("extra 2.0 was not requested",)


def test_a_distribution_that_is_not_there_is_a_gap() -> None:
    """An installer that left one out says so nowhere else."""
    wanted = (("foo", "1.0"), ("bar", "2.0"))
    assert gaps(wanted=wanted) == ("bar 2.0 is not installed",)


def test_another_version_is_two_gaps() -> None:
    """The wrong version is one that is missing and one that nobody asked for."""
    assert gaps(wanted=(("foo", "2.0"),)) == (
        "foo 2.0 is not installed",
        "foo 1.0 was not requested",
    )


@pytest.mark.parametrize("text", ["", "\n\n", '"' + "x" * 140_000])
def test_a_record_that_is_gone_is_a_gap(text: str) -> None:
    """Without its RECORD nobody knows what a distribution should hold."""
    found = gaps(records={"foo-1.0.dist-info": text})
    assert found == ("foo-1.0.dist-info has no RECORD that can be read",)


@pytest.mark.parametrize(
    ("folder", "wanted"),
    [
        ("Foo.Bar_baz-1.0.dist-info", ("foo-bar-baz", "1.0")),
        ("foo-1.0.0.dist-info", ("foo", "1.0")),
        ("foo-1!2.0.dist-info", ("foo", "1!2.0")),
        ("foo-1.0+cu128.dist-info", ("foo", "1.0+cu128")),
        ("foo-1.0_cu128.dist-info", ("foo", "1.0+cu128")),
        ("foo-1.0.RC1.dist-info", ("foo", "1.0rc1")),
        ("foo-2004d.dist-info", ("foo", "2004d")),
    ],
)
def test_spellings_of_one_distribution_are_one(folder: str, wanted: tuple[str, str]) -> None:
    """Folders spell names and versions as their builders did; that is no other distribution."""
    assert gaps(records={folder: RECORDS["foo-1.0.dist-info"]}, wanted=(wanted,)) == ()


@pytest.mark.parametrize("folder", [".dist-info", "foo.dist-info", "-.dist-info", "foo-.dist-info"])
def test_a_folder_without_name_or_version_was_not_asked_for(folder: str) -> None:
    """Whatever a wheel calls its folder, the answer is a sentence."""
    found = gaps(records={**RECORDS, folder: record(("foo/__init__.py", "", ""))})
    assert len(found) == 1
    assert found[0].endswith("was not requested")


@pytest.mark.parametrize(
    "name",
    [
        "with,comma.py",
        'with "quotes".py',
        "with\nline feed.py",
        "with\rreturn.py",
        "with\x0bvertical tab\x85next\u2028line.py",
        "ü→🙂.py",
        "no utf-8 \udcff.py",
        " blanks .py",
    ],
)
def test_odd_names_are_read_as_they_are(name: str) -> None:
    """Any name that a wheel can bring is found under that name."""
    records = {"foo-1.0.dist-info": record((name, recorded(), "0"), quoting=csv.QUOTE_ALL)}
    assert gaps([file(f"{SITE}/{name}")], records) == ()
    assert gaps([], records) == (f"{SITE}/{name} is missing (recorded by foo-1.0.dist-info)",)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_both_line_ends_are_read(ending: str) -> None:
    """Wheels that were built on Windows end the lines of their RECORD so."""
    records = {"foo-1.0.dist-info": RECORDS["foo-1.0.dist-info"].replace("\n", ending)}
    assert gaps(records=records) == ()


def test_a_padded_digest_is_the_same_digest() -> None:
    """Some builders leave the `=` of base64 at the end."""
    padded = recorded(INIT[1]) + "="
    assert gaps(records={"foo-1.0.dist-info": record(("foo/__init__.py", padded, "6"))}) == ()


@pytest.mark.parametrize(
    "row", [("foo/__init__.py",), ("foo/__init__.py", ""), ("foo/__init__.py", "md5=x", "1")]
)
def test_without_a_sha256_presence_is_what_counts(row: tuple[str, ...]) -> None:
    """A row that records no sha256, as that of RECORD itself, says only that the file is there."""
    records = {"foo-1.0.dist-info": record(row)}
    assert gaps(records=records) == ()
    assert len(gaps([], records)) == 1


def test_many_gaps_are_counted_instead_of_listed() -> None:
    """A broken installation of thousands of files is said in a few lines."""
    records = {"foo-1.0.dist-info": record(*((f"{n}.py", recorded(), "0") for n in range(1000)))}
    found = gaps(records=records)
    assert len(found) == 6
    assert found[-1] == "and 995 more"


def test_a_local_version_is_another_version() -> None:
    """foo 1.0+local is not foo 1.0; whoever builds it from source asks for what was built."""
    records = {"foo-1.0+local.dist-info": RECORDS["foo-1.0.dist-info"]}

    def found(version: str) -> tuple[str, ...]:
        return find_gaps(
            files=FILES, records=records, site_packages=SITE, wanted=(("foo", version),)
        )

    assert any("not installed" in gap for gap in found("1.0"))
    assert not any("not installed" in gap for gap in found("1.0+local"))
