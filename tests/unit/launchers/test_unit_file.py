"""The commands of systemd units."""

from __future__ import annotations

import pytest

from envbuild.launchers.unit_file import parse_unit

_UNIT = """\
# made by hand
[Unit]
Description=ExecStart=/not/this

[Service]
ExecStart=-/opt/s/current/bin/vllm serve \\
    # a comment between
    --port 1
ExecStartPre=/bin/true
Environment="A=B"
"""


def test_the_commands_with_their_lines() -> None:
    """Prefixes go, continuations join, other sections and keys do not count."""
    lines = parse_unit(_UNIT, name="vllm.service")
    assert lines is not None
    assert [(line.line, line.executable) for line in lines] == [(6, "/opt/s/current/bin/vllm")]


def test_an_empty_one_takes_back() -> None:
    """A drop-in resets before it sets."""
    text = "[Service]\nExecStart=/a\nExecStart=\nExecStart=@/b b2\n"
    lines = parse_unit(text, name="x.service")
    assert lines is not None
    assert [line.executable for line in lines] == ["/b"]


@pytest.mark.parametrize(
    ("name", "executable"),
    [
        ("run@vllm.service", "/s/bin/vllm"),
        ("run@.service", "/s/bin/%i"),
        ("x.service", "/s/bin/%i"),
    ],
)
def test_a_template(name: str, executable: str) -> None:
    """`%i` is the instance, where the file is one of an instance."""
    lines = parse_unit("[Service]\nExecStart=/s/bin/%i\n", name=name)
    assert lines is not None
    assert lines[0].executable == executable


def test_quotes() -> None:
    """A quoted path is the path."""
    lines = parse_unit('[Service]\nExecStart="/a b/c" d\n', name="x.service")
    assert lines is not None
    assert lines[0].executable == "/a b/c"


@pytest.mark.parametrize("text", ["", "version = 1\n", "[Service]\nwords alone\n", "\x00"])
def test_what_is_no_unit(text: str) -> None:
    """Another file is not taken for one."""
    assert parse_unit(text, name="x.service") is None
