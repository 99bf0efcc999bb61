"""What an unpacked wheel is apart from its files: scripts, RECORD, and the Python that it is for."""

from __future__ import annotations

import base64
import hashlib

import pytest

from envbuild.wheelcache.unpacked_wheel import (
    Script,
    WheelFacts,
    bound_minor,
    record_template,
    script_of,
    wheel_facts,
)

HERE = b"/store/envs/web-1.0-abc"
THERE = b"/store/envs/gate-2.0-abcdef"


def line(path: str, content: bytes) -> str:
    """A RECORD's line for a file."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(content)}"


@pytest.mark.parametrize(
    "content",
    [
        b"#!" + HERE + b"/bin/python\nprint(1)\n",
        b"#!" + HERE + b"/bin/python\r\nhome = '" + HERE + b"'\r\n",
        b"\0\xff\xfe" + HERE + b"\x80" + HERE,
        HERE,
    ],
)
def test_a_script_names_the_environment_that_it_is_in(content: bytes) -> None:
    """Every place is found, in whatever bytes, and nothing else of the content is touched."""
    script = script_of("../../../bin/tool", 0o555, content, HERE)
    assert script is not None
    assert script.render(HERE) == content
    assert script.render(THERE) == content.replace(HERE, THERE)


def test_what_names_no_environment_is_no_script() -> None:
    """A program that was compiled elsewhere is a file like the others."""
    assert script_of("../../../bin/tool", 0o555, b"\x7fELF", HERE) is None
    assert script_of("../../../bin/tool", 0o555, b"#!/store/envs/web-1.0", HERE) is None


def facts_of(record: str, *scripts: Script) -> WheelFacts | None:
    """Facts with this RECORD; None where it is not to be kept."""
    lines = record_template(record, scripts)
    if lines is None:
        return None
    return WheelFacts(dist_info="a-1.dist-info", minor="", scripts=scripts, record=lines)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_record_fits_the_scripts_that_were_written(newline: str) -> None:
    """The scripts' digests are those of this environment; all other lines stay byte for byte."""
    content = b"#!" + HERE + b"/bin/python\n"
    script = script_of("../../../bin/tool", 0o555, content, HERE)
    assert script is not None
    rest = f"a/\udcff.py,,{newline}" + f'"a,b.py",sha256=x,1{newline}'
    text = f"{rest}{line(script.path, content)}\na-1.dist-info/RECORD,,\n"
    facts = facts_of(text, script)
    assert facts is not None
    assert facts.render_record(HERE) == text.encode("utf-8", "surrogateescape")
    other = text.replace(line(script.path, content), line(script.path, script.render(THERE)))
    assert facts.render_record(THERE) == other.encode("utf-8", "surrogateescape")


def test_a_script_without_a_line_of_its_own_is_not_kept() -> None:
    """Neither one that RECORD leaves out nor one that it quotes can be written anew."""
    script = Script(path="../../../bin/a,b", mode=0o555, parts=("#!", "/bin/python\n"))
    assert facts_of("a/b.py,,\n", script) is None
    assert facts_of('"../../../bin/a,b",sha256=x,1\n', script) is None


def test_facts_are_read_as_they_were_written() -> None:
    """What a table says of a wheel comes back as the value that it was."""
    script = Script(path="../../../bin/tool", mode=0o555, parts=("#!", "/bin/\xff\n"))
    facts = facts_of("../../../bin/tool,sha256=x,1\n", script)
    assert facts is not None
    assert wheel_facts(facts.as_json()) == facts


@pytest.mark.parametrize(
    "change",
    [
        {"scripts": 1},
        {"scripts": [["a"]]},
        {"scripts": [["a", 1, None]]},
        {"record": None},
        {"record": "text"},
    ],
)
def test_facts_that_are_none(change: dict[str, object]) -> None:
    """A table that says something else is not a wheel's: the wheel is installed anew."""
    facts = {"dist_info": "a", "minor": "", "scripts": [], "record": []} | change
    assert wheel_facts(facts) is None
    assert wheel_facts({}) is None


@pytest.mark.parametrize(
    ("paths", "minor"),
    [
        (["pkg/python3.12/x.py", "pkg/m.py"], ""),
        (["../../../bin/tool", "../../../share/x"], ""),
        (["pkg/m.py", "../../../include/site/python3.12/pkg/m.h"], "3.12"),
        (["../../../include/site/python3.1/pkg/m.h"], ""),
        ([], ""),
    ],
)
def test_the_python_that_paths_outside_site_packages_hold_for(paths: list[str], minor: str) -> None:
    """Headers lie below a folder that names the Python; all else is the same for every one."""
    assert bound_minor(paths, "3.12") == minor
