"""The lines of requirements files: who asked, hashes, options, and what cannot be read."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from envbuild.errors import UsageError
from envbuild.imports.requirements_lines import parse_requirements_file

HASH = "a" * 64

VIA = {
    "trailing": ("a==1  # via -r x.in", ("-r x.in",), True),
    "below": ("a==1\n    # via b", ("b",), False),
    "many": ("a==1\n    # via\n    #   -r x.in\n    #   b", ("-r x.in", "b"), True),
    "old": ("a==1  # via -r x.in, b", ("-r x.in, b",), True),
    "project": ("a==1\n    # via service (pyproject.toml)", ("service (pyproject.toml)",), True),
    "constraint": ("a==1\n    # via\n    #   -c y.txt\n    #   b", ("-c y.txt", "b"), False),
    "none": ("a==1  # the engine", (), False),
    "the-next-section": ("a==1\n    # via b\n\n# The following packages:\n", ("b",), False),
    "above": ("# via nobody\na==1", (), False),
}


@pytest.mark.parametrize("name", VIA)
def test_who_asked(name: str) -> None:
    """All forms in which pip-compile and uv say it, and comments that say something else."""
    text, via, direct = VIA[name]
    (line,) = parse_requirements_file("x.txt", text).requirements
    assert (line.via, line.is_direct) == (via, direct)


def test_a_line_without_its_hashes_and_options() -> None:
    """Extras and markers stay, sha256 is kept, other options are named; the line is where it begins."""
    text = (
        "\n-i https://packages.example.com/simple\n"
        f"a[x]==1.0 ; os_name == 'posix' \\\n  --hash=sha256:{HASH} \\\n  --hash md5:00 --global-option='y'\n"
    )
    parsed = parse_requirements_file("x.txt", text)
    (line,) = parsed.requirements
    assert line.text == "a[x]==1.0 ; os_name == 'posix'"
    assert line.pin == ("a", "1.0", "os_name == 'posix'")
    assert (line.line, line.hashes) == (3, (HASH,))
    assert line.options == ("--global-option", "--hash=md5")
    assert [(one.name, one.value) for one in parsed.options] == [
        ("-i", "https://packages.example.com/simple")
    ]


@pytest.mark.parametrize(
    ("lines", "contradicts"),
    [
        (("a==1", "a==2"), True),
        (("a==1", "a==1"), False),
        (("a==1 ; x", "a==2 ; y"), False),
        (("a==1 ; x", "a==2 ; x"), True),
        (("a==1 ; x", "a==1 ; y", "a==2"), True),
        (("a==1", "a==2 ; x"), True),
        (("a==1", "a>=2"), False),
    ],
)
def test_pins_that_contradict(lines: tuple[str, ...], contradicts: bool) -> None:
    """Two versions at the same time are refused; versions for different markers are not."""
    refused: Any = (
        pytest.raises(UsageError, match="a is pinned to") if contradicts else nullcontext()
    )
    with refused:
        parse_requirements_file("x.txt", "\n".join(lines))
