"""Attacker: whoever chooses a name, a version, a file's name, a command line or an index's answer.

He controls texts that envbuild shows. They reach no terminal, log, comment or picture as anything but texts.
"""

from __future__ import annotations

import ast
import json
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from io import StringIO
from typing import TYPE_CHECKING
from unicodedata import category

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from envbuild.errors import UsageError
from envbuild.launchers.fleet import join
from envbuild.report.annotations import render_github, render_sarif
from envbuild.report.check_html import render_check_html
from envbuild.report.conflicts_html import render_conflicts_html
from envbuild.report.conflicts_svg import render_conflicts_svg
from envbuild.report.markdown import render_markdown
from envbuild.report.outcome import render_table
from envbuild.report.progress import LineProgress
from tests.security.lockfile_reports import CHECK, CONFLICTS, LOCKFILE_REPORTS
from tests.security.report import Report, with_texts
from tests.security.store_reports import STORE_REPORTS
from tests.support.command_line import ROOT
from tests.support.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable

REPORTS = (*LOCKFILE_REPORTS, *STORE_REPORTS)
"""Every report that is made of foreign values."""

PIECES = (
    *("\x1b[31m", "\x1b]0;title\x07", "\r", "\n", "\r\n", "\x00", "\x7f", "\x9b2J"),
    *("\u202e", "\u2028"),
    *("\n::error::no", "::warning::x", "##[command]x", "%0A::error::", ",", ":"),
    *("\ud800", "\x0b", "\t"),
    *("`", "```", "~~~", "|", "\n# x", "\n- x", "<script>", "</details>", "&amp;", "]]>"),
    *("--", "<!--"),
    *("@everyone", "[a](javascript:b)", "![x](y)", "\n\n", "    ", "$x$", "*", "_", "\\"),
    *("\\n", '"', "'"),
)
HOSTILE = st.lists(st.one_of(st.sampled_from(PIECES), st.characters()), min_size=1, max_size=6).map(
    "".join
)
QUICK = settings(max_examples=examples(25), deadline=None, suppress_health_check=list(HealthCheck))


def around(hostile: str) -> Callable[[str], str]:
    """Each text with the hostile one before and after it."""
    return lambda text: f"{hostile}{text}{hostile}"


def controls(text: str) -> list[str]:
    """The characters of a text that do more than being shown, line feeds aside."""
    return [c for c in text if c != "\n" and not c.isprintable()]


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
@given(hostile=HOSTILE)
@example(hostile="\n::error::\x1b[2J##[x]")
@QUICK
def test_a_terminal_gets_lines_of_text_and_nothing_else(report: Report, hostile: str) -> None:
    """No control character but the line feeds between lines, as many lines as ever, no CI command."""
    text = report.text(with_texts(report.result, around(hostile)))
    assert controls(text) == []
    assert text.count("\n") == report.text(report.result).count("\n")
    assert not [line for line in text.split("\n") if line.lstrip().startswith("::")]
    assert "##[" not in text


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
@given(hostile=HOSTILE)
@QUICK
def test_json_is_one_object_without_control_characters(report: Report, hostile: str) -> None:
    """It parses, and shown on a terminal it does nothing."""
    text = render_table(report.table(with_texts(report.result, around(hostile))))
    assert controls(text) == []
    assert json.loads(text)["version"] == 1


def blocks(text: str) -> list[tuple[str, str]]:
    """The structure of a Markdown text: its blocks, in order, with their tags."""
    return [
        (token.type, token.tag) for token in MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    ]


@given(hostile=HOSTILE)
@example(hostile="\n# x\n```\n</details>|")
@QUICK
def test_markdown_keeps_its_blocks(hostile: str) -> None:
    """The comment under a pull request has the same blocks, and no text of it is markup or calls anybody."""
    text = render_markdown(with_texts(CHECK, around(hostile)))
    assert blocks(text) == blocks(render_markdown(CHECK))
    inline = [
        child.type
        for token in MarkdownIt("gfm-like", {"linkify": False}).parse(text)
        for child in token.children or ()
    ]
    assert not {"link_open", "image", "html_inline"} & set(inline)
    assert controls(text.replace("\u2060", "")) == []


@given(hostile=HOSTILE)
@example(hostile="%0A::error::x")
@QUICK
def test_annotations_are_as_many_as_findings(hostile: str) -> None:
    """Each is one command of the runner in one line; the verdict is none."""
    text = render_github(with_texts(CHECK, around(hostile)), lambda path: path)
    lines = text.splitlines()
    assert len(lines) == len(CHECK.findings) + 1
    assert sum(line.startswith("::") for line in lines) == len(CHECK.findings)
    head, _, _ = lines[0].removeprefix("::error ").partition("::")
    assert [part.partition("=")[0] for part in head.split(",")] == ["file", "line", "title"]


@given(hostile=HOSTILE)
@QUICK
def test_sarif_parses(hostile: str) -> None:
    """It is JSON, and its place is a relative reference."""
    text = render_sarif(with_texts(CHECK, around(hostile)).findings, lambda path: path, "1")
    (result,) = json.loads(text)["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert place.isascii()
    assert place.isprintable()


@given(hostile=HOSTILE)
@QUICK
def test_svg_parses(hostile: str) -> None:
    """The picture is well-formed XML whose elements are those of harmless names."""

    def tags(picture: str) -> list[str]:
        return [element.tag for element in ET.fromstring(picture).iter()]

    picture = render_conflicts_svg(with_texts(CONFLICTS, around(hostile)))
    assert tags(picture) == tags(render_conflicts_svg(CONFLICTS))


@given(hostile=HOSTILE)
@QUICK
def test_pages_have_the_elements_of_harmless_names(hostile: str) -> None:
    """No value opens or closes an element, adds an attribute, or runs."""
    conflicts = with_texts(CONFLICTS, around(hostile))
    check = with_texts(CHECK, around(hostile))
    assert elements(render_conflicts_html(conflicts)) == elements(render_conflicts_html(CONFLICTS))
    harmless = render_check_html(CHECK, CONFLICTS)
    assert elements(render_check_html(check, conflicts)) == elements(harmless)


def elements(page: str) -> list[tuple[str, tuple[str, ...]]]:
    """Every element, with the names of its attributes, as a browser's parser finds them."""
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: found.append(  # type: ignore[method-assign]
        (tag, tuple(name for name, _ in attrs))
    )
    parser.feed(page)
    return found


@given(hostile=HOSTILE)
@QUICK
def test_progress_is_a_line_each(hostile: str) -> None:
    """Whatever is told while a command works is one line of text on stderr."""
    stream = StringIO()
    progress = LineProgress(stream, stages=True)
    progress.stage(f"app{hostile}", hostile)
    progress.note(hostile)
    assert controls(stream.getvalue()) == []
    assert stream.getvalue().count("\n") == 2


@given(hostile=HOSTILE)
@QUICK
def test_a_unit_file_has_the_lines_that_it_was_given(hostile: str) -> None:
    """A line of an exported file that a value would break in two is refused."""
    lines = ["[Service]", f"Description={hostile}"]
    if not any(category(c) in ("Cc", "Cs", "Zl", "Zp") for c in hostile):
        assert join(lines).splitlines() == lines
        return
    with pytest.raises(UsageError):
        join(lines)


FORMS = (
    *("text.py", "report/annotations.py", "report/markup.py", "report/outcome.py"),
    *("report/conflicts_svg.py", "report/html_page.py", "report/live_progress.py"),
)
"""Where printed text is made out of strings; rich's `Text` in the last is another one."""

MAKERS = ("text_of", "render_failures", "render_problems", "render_table")
"""What makes text that may be written to a stream by other than `Outcome`."""


def test_nothing_is_printed_that_no_form_has_made() -> None:
    """Strings become output in the modules of the forms alone, so a new report cannot forget to escape."""
    makers, writers = set(), []
    for path in sorted((ROOT / "envbuild").rglob("*.py")):
        name = path.relative_to(ROOT / "envbuild").as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called == "Text":
                makers.add(name)
            if called in ("sys.stdout.write", "sys.stderr.write"):
                writers.append((name, ast.unparse(node.args[0]).partition("(")[0]))
    assert makers == set(FORMS)
    others = {writer for writer in writers if writer[1] not in MAKERS}
    assert others == {
        ("cli/__init__.py", "text"),
        ("cli/__init__.py", "context.last_line"),
        ("cli/__init__.py", r"'interrupted\n'"),
    }
