"""Reading lockfiles: what was written comes back, and everything else is refused."""

from __future__ import annotations

import pytest

from envbuild.errors import LockfileError, NewerFormatError
from envbuild.lockfile.parse import parse_lockfile
from envbuild.lockfile.text import render_lockfile
from envbuild.value import replace
from tests.support.mutation import sign
from tests.support.values import digest, make_driver, make_lockfile
from tests.unit.lockfile.gateway import LOCKFILE, TEXT


def refusal(text: str) -> LockfileError:
    """What parsing a text is refused with."""
    with pytest.raises(LockfileError) as caught:
        parse_lockfile(text, file="locks/gateway.toml")
    assert caught.value.exit_code == 1
    assert all(problem.file == "locks/gateway.toml" for problem in caught.value.problems)
    return caught.value


def test_the_text_gives_the_value_back() -> None:
    """What `envbuild lock` writes is what every other command reads."""
    assert parse_lockfile(TEXT, file="locks/gateway.toml") == LOCKFILE


def test_the_same_value_gives_the_same_bytes() -> None:
    """A lock that changes nothing leaves the version control's difference empty."""
    assert render_lockfile(parse_lockfile(TEXT, file="x")) == TEXT


def test_an_address_is_refused_even_under_a_matching_digest() -> None:
    """A lockfile never says where a file is to be taken from, whoever wrote it."""
    error = refusal(sign(TEXT.replace('"acme-native",', '"a @ https://packages.example.com/a",')))
    assert "there is an address in" in str(error)


@pytest.mark.parametrize(
    "pattern", ["size = 1000", "3.10", "gateway", "internal", "litellm[proxy]"]
)
def test_a_change_by_hand_is_refused(pattern: str) -> None:
    """What was reviewed is what is installed: a lockfile that somebody edited counts for nothing."""
    error = refusal(TEXT.replace(pattern, pattern[:-1] + "7", 1))
    assert error.problems[0].key == "digest"
    assert "envbuild lock" in (error.problems[0].hint or "")


def test_a_comment_is_a_change_too() -> None:
    """Nothing that a reviewer could have been shown differs from what `lock` wrote."""
    assert refusal(TEXT + "# harmless\n").problems[0].key == "digest"
    assert refusal(TEXT.replace("\n", "\r\n")).problems[0].key == "digest"


@pytest.mark.parametrize("length", [0, 1, 70, 85, 150, 400, len(TEXT) // 2, len(TEXT) - 1])
def test_a_truncated_lockfile_is_refused(length: int) -> None:
    """A copy that broke off is never taken for a driver with fewer packages."""
    assert refusal(TEXT[:length]).problems[0].hint


def test_a_lockfile_cut_between_two_packages_is_refused() -> None:
    """A cut that leaves proper TOML is noticed by the digest."""
    cut = TEXT.rindex("\n[[package]]")
    assert refusal(TEXT[:cut]).problems[0].key == "digest"


def test_a_merge_conflict_names_the_line() -> None:
    """Git's markers are said to be what they are, with the line, and with the way out."""
    lines = TEXT.splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if "3.10" in line)
    lines[place : place + 1] = ["<<<<<<< ours\n", lines[place], "=======\n", ">>>>>>> theirs\n"]
    problem = refusal("".join(lines)).problems[0]
    assert problem.line == place + 1
    assert "merge conflict" in problem.message
    assert "run `envbuild lock`" in (problem.hint or "")


@pytest.mark.parametrize("text", ["x = " + "9" * 5000, "x = " + "[" * 5000, "\ufeff" + TEXT, "\0"])
def test_what_is_no_toml_is_refused(text: str) -> None:
    """Whatever lies in the folder, the answer is a message and exit code 1, not a traceback."""
    assert "is not TOML" in str(refusal(text))


def test_a_newer_format_says_to_upgrade() -> None:
    """Who pulls a newer colleague's lockfile is told to upgrade, and not that it was edited."""
    error = refusal(TEXT.replace("format = 1\n", "format = 2\n"))
    assert isinstance(error, NewerFormatError)
    assert error.problems[0].hint == "upgrade envbuild"
    assert "format 2 is newer" in error.problems[0].message


@pytest.mark.parametrize("written", ["0", "true", "1.0", '"1"', "-1"])
def test_a_format_that_never_was_is_refused(written: str) -> None:
    """Only a format's own number is that format."""
    error = refusal(TEXT.replace("format = 1\n", f"format = {written}\n"))
    assert not isinstance(error, NewerFormatError)
    assert error.problems[0].key == "format"


FORGERIES = {
    "a package's name": ('name = "idna"', 'name = "../x"'),
    "a name that is not normal": ('name = "idna"', 'name = "Idna"'),
    "a version": ('version = "3.11"', 'version = "../../x"'),
    "a version like an option": ('version = "3.11"', 'version = "--x"'),
    "a version with two kinds of pre-release": ('version = "3.11"', 'version = "3.11a1b2"'),
    "the driver": ('driver = "gateway"', 'driver = "../gateway"'),
    "the driver's version": ('version = "1.80.0"', 'version = "1/0"'),
    "an index": ('index = "internal"', 'index = "a/b"'),
    "a file with a folder": ('"idna-3.11-py3', '"../idna-3.11-py3'),
    "a file of another kind": ("idna-3.11-py3-none-any.whl", "idna-3.11-py3-none-any.exe"),
    "a file like an option": ('"idna-3.11-py3', '"-idna-3.11-py3'),
    "a short sha256": (digest("idna-3.11-py3-none-any.whl"), "abc"),
    "a line feed in a name": ('name = "idna"', 'name = "idna\\n"'),
    "a target of no platform": ("aarch64-manylinux", "riscv-manylinux"),
    "a target that the lockfile has not": (
        'version = "3.10"\nindex = "default"\ntargets = ["3.12-aarch64',
        'version = "3.10"\nindex = "default"\ntargets = ["3.13-aarch64',
    ),
    "one package twice on a target": (
        'index = "default"\ntargets = ["3.12-aarch64-manylinux_2_28"]',
        'index = "default"',
    ),
    "two files for a target": (
        '", targets = ["3.12-aarch64-manylinux_2_28"] }',
        '", targets = ["3.12-aarch64-manylinux_2_28", "3.12-x86_64-manylinux_2_28"] }',
    ),
    "no file for a target": (
        '", targets = ["3.12-aarch64-manylinux_2_28"] }',
        '", targets = ["3.12-x86_64-manylinux_2_28"] }',
    ),
    "a file for no target": (
        '", targets = ["3.12-aarch64-manylinux_2_28"] }',
        '", targets = [] }',
    ),
    "a package for no target": (
        'targets = ["3.12-aarch64-manylinux_2_28"]\nrequires',
        "targets = []\nrequires",
    ),
    "a target twice": (
        'targets = ["3.12-aarch64-manylinux_2_28"]\nrequires',
        'targets = ["3.12-aarch64-manylinux_2_28", "3.12-aarch64-manylinux_2_28"]\nrequires',
    ),
    "targets that are not the inputs'": ('python = ["3.12"]', 'python = ["3.13"]'),
    "a size that is none": ("size = 1000", "size = true"),
    "a size below nothing": ("size = 1000", "size = -1"),
    "a size in words": ("size = 1000", 'size = "1000"'),
    "requirements that are no list": ("overrides = []", 'overrides = "x"'),
    "requirements that are no text": ("overrides = []", "overrides = [1]"),
    "a date instead of a text": ('exclude-newer = "2026-11-01"', "exclude-newer = 2026-11-01"),
    "no inputs": ("[inputs]", "[outputs]"),
    "no files": ("files = [", "wheels = ["),
    "a package that is no table": ("[[package]]", "[package]"),
}


@pytest.mark.parametrize("change", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_forged_lockfile_is_refused(change: tuple[str, str]) -> None:
    """A digest that matches proves nothing: what would lead out of the store, or twice into it, is refused."""
    before, after = change
    assert before in TEXT
    text = TEXT.replace(before, after, 1) if before != "[[package]]" else one_package_as_table()
    assert "has invalid content" in str(refusal(sign(text)))


def one_package_as_table() -> str:
    """The lockfile with its first package alone, as a table instead of a list of them."""
    head, first, *_ = TEXT.split("[[package]]")
    return f"{head}[package]{first}"


def test_the_forgeries_differ_in_what_they_change_alone() -> None:
    """The helper above signs well: what it left as it was, is accepted."""
    assert parse_lockfile(sign(TEXT), file="x") == LOCKFILE


def test_an_empty_lockfile_for_a_driver_of_nothing_can_be_read() -> None:
    """No package at all is a proper lockfile, such as of requirements whose markers never hold."""
    lockfile = replace(LOCKFILE, packages=())
    assert parse_lockfile(render_lockfile(lockfile), file="x") == lockfile


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80])
def test_every_byte_counts(flip: int) -> None:
    """No single byte of a lockfile can change unnoticed, wherever it stands."""
    content = render_lockfile(make_lockfile(make_driver("asr"))).encode()
    for place in range(len(content)):
        changed = content[:place] + bytes([content[place] ^ flip]) + content[place + 1 :]
        with pytest.raises((LockfileError, UnicodeDecodeError)):
            parse_lockfile(changed.decode(), file="locks/asr.toml")
