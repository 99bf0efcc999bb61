"""The table of a store's files."""

from __future__ import annotations

import re

from envbuild.store.contents import CONTENTS, OWN_NAMES
from envbuild.store.guard import MARKER
from tests.support.command_line import ROOT
from tests.support.golden import assert_golden


def test_the_page_has_the_table() -> None:
    """docs/store.md says of each file what the table says; `ENVBUILD_REGENERATE=1` writes it anew."""
    page = ROOT / "docs/store.md"
    shown = page.read_text(encoding="utf-8")
    rows = "".join(f"| `{path}` | {about} |\n" for path, about in CONTENTS)
    replaced = re.sub(
        rf"(?<=\n)\| `{re.escape(MARKER)}` \|.*\n(\|.*\n)*", lambda _: rows, shown, count=1
    )
    assert rows in replaced
    assert_golden(page, replaced)


def test_names_at_the_top() -> None:
    """Those of every row, each once; among them what nothing but an export makes."""
    assert len(set(OWN_NAMES)) == len(OWN_NAMES)
    assert {MARKER, "current", "roots", "envs", "trash.json"} <= set(OWN_NAMES)
