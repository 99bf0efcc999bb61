"""Feeds every reader of other people's text with what makes careless patterns slow; run as a program.

A reader that takes longer than `PATIENCE` ends the program with its name on stdout.
A linear one takes some hundredths of a second for `LENGTH` characters, a quadratic one minutes.
"""

from __future__ import annotations

import faulthandler
import sys
from typing import TYPE_CHECKING

from envbuild.errors import EnvbuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LENGTH = 50_000
PATIENCE = 5.0
"""Seconds for one reader and one text; of what is quadratic, a quarter as long for half the length."""

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
    from envbuild.imports.requirements_text import read_requirements_text
    from envbuild.index.page import JSON
    from envbuild.index.page_parser import parse_page
    from envbuild.index.page_store import lifetime
    from envbuild.launchers.formats.systemd import parse_exec_start
    from envbuild.launchers.unit_file import parse_unit
    from envbuild.requirement.parse import parse_requirement
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
    yield "tables", table_headers


def main() -> int:
    """Try every reader with every text; only what no caller foresees ends it: 1."""
    only = sys.argv[1:]
    for name, read in readers():
        if only and name not in only:
            continue
        for text in texts():
            print(name, repr(text[:60]), flush=True)
            faulthandler.dump_traceback_later(PATIENCE, exit=True)
            try:
                read(text)
            except (ValueError, EnvbuildError):
                continue
    print("all read")
    return 0


if __name__ == "__main__":
    sys.exit(main())
