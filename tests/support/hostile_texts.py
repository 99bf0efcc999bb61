"""Feeds every reader of other people's text with what makes careless patterns slow; run as a program.

A reader that takes more than `PATIENCE` ends the program, with its name on stdout and where it is on stderr.
A linear one takes a tenth of a second at most for `LENGTH` characters, a quadratic one three seconds at least.
"""

from __future__ import annotations

import faulthandler
import signal
import sys
from typing import TYPE_CHECKING

from envbuild.errors import EnvbuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LENGTH = 100_000
PATIENCE = 2.0
"""Seconds of processor time for one reader and one text: other work on the machine does not count."""

PARTS = (
    *(" ", "\t", "\n", "\n ", "\\\n", "<", "<a ", "<a x>", "<a x> ", "</a", "<base ", "<!--", "&#", "<!"),
    *("<a x='", '<a x="', "<a href=x#sha256=", '"', "'", "[", "(", "{", "a", "a.", "a-", "-", "_", "1", "1."),
    *(",", ";", "=", "==", ">=1,", "@", "@a", "#", " #", " --hash=", " and ", "\\", "/", "\r", "=?utf-8?q?a?="),
    *('{"filename": "a-1-py3-none-any.whl",', '"filename": "a-1-py3-none-any.whl",', '"filename":"'),
)  # fmt: skip
"""What is repeated."""

FRAMES = (
    ("", ""),
    ("", "!"),
    ("<!doctype html><a x>", "<"),
    ("<base ", ">"),
    ("a", "@"),
    ("a==", "!"),
    ("[", "x"),
    ('{"files": [', "]}"),
)
"""What stands before and behind it."""


def texts() -> Iterator[str]:
    """Every part in every frame, `LENGTH` characters of each."""
    for part in PARTS:
        for before, behind in FRAMES:
            yield before + part * (LENGTH // len(part)) + behind


def readers() -> Iterator[tuple[str, Callable[[str], object]]]:
    """Every function that reads text of indexes, wheels, units and other tools, by name."""
    from envbuild.commands.show import table_headers
    from envbuild.imports.conda import read_environment
    from envbuild.imports.direct import read_direct
    from envbuild.imports.host_packages import read_host_packages
    from envbuild.imports.lock_marker import settle_marker
    from envbuild.imports.poetry import read_entries
    from envbuild.imports.project import read_project
    from envbuild.imports.requirements_text import read_requirements_text
    from envbuild.imports.xinference import read_model
    from envbuild.index.page import JSON
    from envbuild.index.page_parser import parse_page
    from envbuild.index.page_store import lifetime
    from envbuild.launchers.formats.systemd import parse_exec_start
    from envbuild.launchers.unit_file import parse_unit
    from envbuild.requirement.parse import parse_requirement
    from envbuild.uv.output import without_switches
    from envbuild.wheelcache.metadata import parse_metadata
    from envbuild.wheelcache.record import parse_record

    yield "page as HTML", lambda text: parse_page("a", text, "text/html", "http://host/a/")
    yield "page as JSON", lambda text: parse_page("a", text, JSON, "http://host/a/")
    yield "lifetime", lambda text: lifetime({"Cache-Control": text})
    head = "Metadata-Version: 2.1\nName: a\nVersion: 1\n"
    yield "METADATA", lambda text: parse_metadata(f"{head}{text}".encode(), "a", 1)
    asks = f"{head}Requires-Dist: a"
    yield "Requires-Dist", lambda text: parse_metadata(f"{asks}{text}".encode(), "a", 1)
    yield "requirement", parse_requirement
    yield "RECORD", parse_record
    yield "unit", lambda text: parse_unit(f"[Service]\n{text}", name="a@b.service")
    yield "ExecStart", lambda text: parse_exec_start(f"ExecStart={text}", file="a.service")
    yield "requirements", lambda text: read_requirements_text("a", text)
    yield "direct requirement", lambda text: read_direct(text, lambda path: (path, "a"))
    yield "host packages", lambda text: read_host_packages(text, file="a")
    yield "environment.yml", lambda text: read_environment({"dependencies": [text]})
    yield "marker", lambda text: settle_marker(f"'a' in extras {text}", {"extras": ()})
    yield "Poetry", lambda text: read_entries("a", {"b": text}, None)
    yield "project", lambda text: read_project(_project(text), file="a", extras=("x",), locate=None)
    yield "Xinference", lambda text: read_model({"virtualenv": {"packages": [text]}}, file="a")
    yield "uv's words", without_switches
    yield "tables", table_headers


def _project(text: str) -> dict[str, object]:
    return {
        "project": {"name": "a", "dependencies": [text], "optional-dependencies": {"x": [text]}}
    }


def main() -> int:
    """Try every reader with every text; only what no caller foresees ends it: 1."""
    only = sys.argv[1:]
    faulthandler.register(signal.SIGVTALRM, chain=True)
    for name, read in readers():
        if only and name not in only:
            continue
        for text in texts():
            print(name, repr(text[:60]), flush=True)
            signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)
            try:
                read(text)
            except (ValueError, EnvbuildError):
                continue
    print("all read")
    return 0


if __name__ == "__main__":
    sys.exit(main())
