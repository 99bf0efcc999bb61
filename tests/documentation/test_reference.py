"""Reference pages say what the code says; `ENVBUILD_REGENERATE=1` writes tables of the code anew."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from envbuild.cli.arguments import EXITS
from envbuild.cli.verbs import VERB_NAMES
from envbuild.errors import EnvbuildError
from tests.documentation.json_fields import fields_of, paths
from tests.support.command_line import ROOT
from tests.support.golden import assert_golden

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = ROOT / "docs"


def test_exit_codes() -> None:
    """The table of docs/commands.md is that of the help, and it has the code of every error."""
    page = DOCS / "commands.md"
    shown = page.read_text()
    rows = "".join(f"| {code} | {meaning} |\n" for code, meaning in EXITS)
    replaced = re.sub(r"(?<=\n\| exit \| meaning \|\n\| --- \| --- \|\n)(\|.*\n)+", rows, shown)
    assert rows in replaced
    assert_golden(page, replaced)
    assert {error.exit_code for error in _kinds(EnvbuildError)} == {code for code, _ in EXITS} - {
        0,
        130,
    }


def _kinds(error: type[EnvbuildError]) -> list[type[EnvbuildError]]:
    return [error, *(inner for kind in error.__subclasses__() for inner in _kinds(kind))]


def test_every_command_is_listed() -> None:
    """A command that is added is on the page of commands, in a table or an example."""
    shown = (DOCS / "commands.md").read_text()
    assert [name for name in VERB_NAMES if f"envbuild {name}" not in shown] == []


def test_every_variable_is_explained() -> None:
    """Whoever reads another variable of the environment says what it means, on some page."""
    sources = [path.read_text() for path in (ROOT / "envbuild").rglob("*.py")]
    read = {name for text in sources for name in re.findall(r'"(ENVBUILD_[A-Z_]+)"', text)}
    assert {"ENVBUILD_STORE", "ENVBUILD_FILE", "ENVBUILD_HOST_FACTS"} <= read
    pages = "".join(path.read_text() for path in DOCS.rglob("*.md"))
    assert [name for name in sorted(read - PASSED_ON) if name not in pages] == []


PASSED_ON = {"ENVBUILD_GIT_USER", "ENVBUILD_GIT_PASSWORD"}
"""What envbuild itself sets, for a program that it starts."""

SHARED = {
    "A problem": "problem_table",
    "A finding": "finding_table",
    "A change of a package": "change_table",
    "The difference of a driver": "driver_diff_table",
    "A clash": "clash_table",
    "A requirement in a chain": "_edge_table",
    "A probe": "probe_result_table",
    "`import`, `add`, `remove`, `edit`": "edit_table",
}
"""Headings of docs/json.md for what several results have → the functions that make it."""

RESULTS = {
    "When a command cannot give its result": "problems_table",
    "`init`": "init_table",
    "`show`": "show_table",
    "`lock`": "lock_table",
    "`lock --dry-run` and `upgrade`": "upgrade_table",
    "`build`": "build_table",
    "`check`": "check_table",
    "`diff`": "diff_table",
    "`conflicts`": "conflicts_table",
    "`why`": "why_table",
    "`tree`": "tree_table",
    "`outdated`": "outdated_table",
    "`audit`": "audit_table",
    "`sync`": "sync_table",
    "`try`": "try_table",
    "`which`": "which_table",
    "`probe`": "probe_table",
    "`list`": "list_table",
    "`status`": "status_table",
    "`history`": "history_table",
    "`ps`": "ps_table",
    "`verify`": "repair_table",
    "`doctor`": "doctor_table",
    "`bisect`": "bisect_table",
    "`report`": "report_table",
    "`fleet`": "fleet_table",
    "`rollback`": "rollback_table",
    "`gc`": "gc_table",
    "`store info`": "info_table",
    "`store remove`": "removed_table",
    "`store move`": "moved_table",
    "`export`": "export_table",
    "`export --refresh`": "_refreshed_table",
    "`publish`": "published_table",
    "`fetch`": "fetched_table",
    "`image`": "image_table",
    "An entry of `drivers`": "manifest_driver_table",
}
"""Headings of docs/json.md → the functions that make these objects."""

_SECTION = re.compile(r"(?ms)^##+ (?P<heading>[^\n]+)\n(?P<text>.*?)(?=^##|\Z)")
_ROW = re.compile(r"(?m)^\| (?P<fields>`[^|]+`) \| (?P<words>.+) \|$")


@pytest.mark.parametrize("heading", [*SHARED, *RESULTS])
def test_json_fields(heading: str) -> None:
    """Each table has every field that the code writes, and no other; a row leads to the section of what is in it."""
    function = {**SHARED, **RESULTS}[heading]
    sections = frozenset(SHARED.values()) - {function}
    anchors = {made: _anchor(shared) for shared, made in SHARED.items()}
    written = dict(paths(fields_of(function, sections)))
    rows = list(_ROW.finditer(_sections()[heading]))
    described = [(path, row["words"]) for row in rows for path in _full_paths(row["fields"])]
    assert sorted(path for path, _ in described) == sorted(written)
    leads = {path: f"](#{anchors[inner]})" for path, inner in written.items() if inner is not None}
    assert [path for path, words in described if leads.get(path, "") not in words] == []


def test_every_result_has_its_section() -> None:
    """A command whose result is nowhere described is found here, and a heading of a command that is gone."""
    headings = [*SHARED, *RESULTS]
    told = {word.split()[0] for heading in headings for word in re.findall(r"`([^`]+)`", heading)}
    assert set(VERB_NAMES) - told == {"run", "help", "completion"}
    assert set(headings) <= set(_sections())
    made = {
        table
        for verb in (ROOT / "envbuild/cli").glob("*.py")
        for table in _TABLE.findall(verb.read_text())
    }
    assert made - {"manifest_table", "verify_table"} <= {*SHARED.values(), *RESULTS.values()}


_TABLE = re.compile(r"\b(_?[a-z_]+_table)\b(?=[,)]|\(result\))")


def _sections() -> dict[str, str]:
    page = (DOCS / "json.md").read_text()
    return {found["heading"]: found["text"] for found in _SECTION.finditer(page)}


def _full_paths(cell: str) -> list[str]:
    """The paths of a row's first cell: `.version` is beside what stands before it."""
    found: list[str] = []
    for path in re.findall("`([^`]+)`", cell):
        found.append(found[-1].rpartition(".")[0] + path if path.startswith(".") else path)
    return found


def _anchor(heading: str) -> str:
    """The heading's anchor in HTML."""
    return re.sub("[^a-z -]", "", heading.lower()).replace(" ", "-")


def test_every_key_of_the_declaration_is_explained() -> None:
    """docs/declaration.md names every key that the schema knows, those of tables within tables too."""
    schema = json.loads((ROOT / "envbuild/drivers.schema.json").read_text())
    shown = (DOCS / "declaration.md").read_text()
    keys = set(_keys(schema))
    assert {"requires", "exclude-newer", "accelerator", "tag"} <= keys
    assert [key for key in sorted(keys) if not re.search(rf"(?<![\w-]){key}(?![\w-])", shown)] == []


def _keys(node: object) -> Iterator[str]:
    """The names of properties anywhere in a schema."""
    if isinstance(node, dict):
        yield from node.get("properties", {})
    for inner in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from _keys(inner)


def test_the_page_of_performance_has_the_words_of_its_template() -> None:
    """Who edits one of them edits the other: the next bench writes the page from the template."""
    template = (ROOT / "scripts/bench/performance.md").read_text()
    shown, place = (DOCS / "performance.md").read_text(), 0
    for part in re.split(r"<!-- \w+ -->", template):
        assert part in shown[place:]
        place = shown.index(part, place) + len(part)
