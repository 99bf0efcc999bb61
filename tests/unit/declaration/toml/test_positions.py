"""Positions in TOML: every way of writing a key, and the line it is on."""

from __future__ import annotations

import time
import tomllib

import pytest

from envbuild.declaration.toml.positions import Path, locate

EVERYTHING = '''\
# a comment with [brackets] and "quotes"
version = 1

[drivers.vllm]  # a comment
requires = [
    "vllm",  # ] not the end
    # between two elements

    "torch>=2", 'x#y',
]
env = { A = "1", "B.C" = '}' }
text = """
[not.a.table]
key = 1 \\""" still
"""
literal = \'\'\'
]
\'\'\'
after = [[1, 2], [
  3]]

[[index]]
name = "a"
[[index]]
name = "b"
[index.extra]
dotted . "quoted key".'literal key' = 1979-05-27 07:32:00  # with a space
[[index.mirror]]
[[index.mirror]]
url = ""
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("version",), 2),
        (("drivers",), 4),
        (("drivers", "vllm"), 4),
        (("drivers", "vllm", "requires"), 5),
        (("drivers", "vllm", "requires", 0), 6),
        (("drivers", "vllm", "requires", 1), 9),
        (("drivers", "vllm", "requires", 2), 9),
        (("drivers", "vllm", "env", "A"), 11),
        (("drivers", "vllm", "env", "B.C"), 11),
        (("drivers", "vllm", "text"), 12),
        (("drivers", "vllm", "literal"), 16),
        (("drivers", "vllm", "after"), 19),
        (("drivers", "vllm", "after", 0, 1), 19),
        (("drivers", "vllm", "after", 1), 19),
        (("drivers", "vllm", "after", 1, 0), 20),
        (("index",), 22),
        (("index", 0), 22),
        (("index", 0, "name"), 23),
        (("index", 1), 24),
        (("index", 1, "name"), 25),
        (("index", 1, "extra"), 26),
        (("index", 1, "extra", "dotted"), 27),
        (("index", 1, "extra", "dotted", "quoted key", "literal key"), 27),
        (("index", 1, "mirror", 0), 28),
        (("index", 1, "mirror", 1, "url"), 30),
    ],
)
def test_every_way_of_writing_a_key_is_found(path: Path, line: int) -> None:
    """A message points at the very line of the key or the element it is about."""
    tomllib.loads(EVERYTHING)
    assert locate(EVERYTHING).line(path) == line


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("drivers", "vllm", "missing"), 4),
        (("drivers", "vllm", "requires", 7), 5),
        (("drivers", "other", "requires"), 4),
        (("nothing", "of", "this"), 1),
        ((), 1),
    ],
)
def test_what_is_not_there_has_the_line_of_what_encloses_it(path: Path, line: int) -> None:
    """A missing key is reported where it ought to be: at its table's header."""
    assert locate(EVERYTHING).line(path) == line


def test_a_table_stands_at_its_own_header() -> None:
    """A header says where a table is, even when one of its children came first."""
    positions = locate("[drivers.asr.env]\nA = '1'\n\n[drivers.asr]\nbinary = 'x'\n")
    assert positions.line(("drivers", "asr")) == 4
    assert positions.line(("drivers",)) == 1
    assert positions.line(("drivers", "asr", "env")) == 1


def test_escapes_in_keys_are_resolved() -> None:
    """A key is found by its value, however it is spelled."""
    text = 'x = 1\n"\\u0061\\"b" = 2\n'
    assert locate(text).line((next(key for key in tomllib.loads(text) if key != "x"),)) == 2


def test_quotes_at_the_end_of_long_strings_belong_to_them() -> None:
    """Up to two quotes may stand right before the closing three."""
    text = 'a = """""quoted"""""\nb = """"""\nc = \'\'\'\'x\'\'\'\'\'\nd = ""\n'
    assert [locate(text).line((key,)) for key in tomllib.loads(text)] == [1, 2, 3, 4]


def test_windows_line_ends_count_once() -> None:
    """A file saved with carriage returns has the lines that its editor shows."""
    assert locate("a = 1\r\n# x\r\nb = [\r\n1,\r\n2]\r\n").line(("b", 1)) == 5


def test_an_empty_text_has_no_positions() -> None:
    """Nothing declared, nothing found, no failure."""
    assert locate("").starts == {}
    assert locate("\n# only a comment").line(("version",)) == 1


def test_a_text_that_is_no_toml_ends_the_walk() -> None:
    """What cannot be walked is an error, never an endless loop."""
    with pytest.raises(ValueError, match="line 2"):
        locate("\n= 1\n")


def test_the_lines_of_all_elements_take_time_by_length() -> None:
    """A declaration of half a megabyte asks for the line of each element; sixteen times the text is no square of it."""

    def seconds(count: int) -> float:
        positions = locate("a = [" + "0,\n" * count + "]")
        paths: list[Path] = [("a", index) for index in range(count)]
        began = time.process_time()
        lines = list(map(positions.line, paths))
        took = time.process_time() - began
        assert lines == list(range(1, count + 1))
        return took

    assert seconds(64_000) < 64 * seconds(4_000)
