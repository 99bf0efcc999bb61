"""What `conflicts`, `why`, `tree`, `diff` and `check` print for a small fleet, as text, JSON and picture."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.commands.check import CheckResult
from envbuild.commands.comparison import RevisionComparison
from envbuild.commands.conflicts import ConflictsResult, conflicts
from envbuild.commands.diff import DiffResult
from envbuild.commands.why import tree, why
from envbuild.finding import Code, Finding
from envbuild.lockfile.difference import compare_fleets
from envbuild.lockfile.folder import LockFolder
from envbuild.report.check import check_table, render_check
from envbuild.report.conflicts import conflicts_table, render_conflicts
from envbuild.report.conflicts_html import render_conflicts_html
from envbuild.report.conflicts_svg import render_conflicts_svg
from envbuild.report.diff import diff_table, render_diff
from envbuild.report.markdown import render_markdown
from envbuild.report.outcome import render_table
from envbuild.report.why import render_tree, render_why, tree_table, why_table
from tests.support.fleets import toy_fleet
from tests.support.golden import assert_golden

if TYPE_CHECKING:
    from tests.support.fleets import Index, ToyFleet

FOLDER = Path(__file__).parent / "conflicts"

INDEX: Index = {
    "server": {"1.0": ("lib>=1", "torch==2.8.0"), "2.0": ("lib>=2", "torch==2.9.1")},
    "lib": {"1.0": (), "2.0": ()},
    "torch": {"2.8.0": (), "2.9.1": ()},
    "api": {"1.0": ("lib[fast]", "json-tools; extra == 'json'")},
    "json-tools": {"1.0": ("lib<3",)},
}


def fleet_of(server: str, *more: str) -> ToyFleet:
    """Three drivers, of which the first asks for a server."""
    fleet = toy_fleet(
        INDEX,
        {
            "old": {"requires": [server, *more]},
            "new": {"requires": ["server>=2"]},
            "light": {"requires": ["api[json]"], "constraints": ["lib>=1"]},
        },
    )
    assert fleet is not None
    return fleet


@pytest.fixture
def fleet() -> ToyFleet:
    """The fleet that most goldens are about."""
    return fleet_of("server<2", "lib<2")


@pytest.fixture
def folder(fleet: ToyFleet, project: Path) -> LockFolder:
    """Its lockfiles in a folder."""
    folder = LockFolder(path=project / "locks", shown="locks")
    for lockfile in fleet.lockfiles.values():
        folder.write(lockfile)
    return folder


@pytest.fixture
def result(fleet: ToyFleet, folder: LockFolder) -> ConflictsResult:
    """Every pair, and the groups."""
    return conflicts(fleet.declaration, folder, (), groups=True)


def test_conflicts(result: ConflictsResult) -> None:
    """The matrix, each pair, what splits the fleet, who could share."""
    assert_golden(FOLDER / "conflicts.txt", render_conflicts(result))
    assert_golden(FOLDER / "conflicts.json", render_table(conflicts_table(result)))


def test_the_picture_is_well_formed_and_stands_by_itself(result: ConflictsResult) -> None:
    """SVG that needs nothing from elsewhere, with every driver's name and a title in every cell."""
    picture = render_conflicts_svg(result)
    assert_golden(FOLDER / "conflicts.svg", picture)
    root = ET.fromstring(picture)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert all(texts.count(driver) == 2 for driver in result.drivers)
    assert "href" not in picture
    cells = list(root.iter("{http://www.w3.org/2000/svg}g"))
    assert len(cells) == len(result.drivers) ** 2


def test_the_page_stands_by_itself(result: ConflictsResult) -> None:
    """Every cell of the matrix leads to its pair, with the chains; nothing is asked of another host."""
    page = render_conflicts_html(result)
    assert_golden(FOLDER / "conflicts.html", page)
    links = re.findall(r'<a href="#(pair-\d+)"', page)
    assert len(links) == 2 * len(result.pairs)
    assert set(links) == set(re.findall(r'<details id="(pair-\d+)"', page))
    assert "://" not in page


def test_why(fleet: ToyFleet, folder: LockFolder) -> None:
    """Chains, bounds, and which bound holds the package where it is."""
    result = why(fleet.declaration, folder, "old", "Lib")
    assert_golden(FOLDER / "why.txt", render_why(result))
    assert_golden(FOLDER / "why.json", render_table(why_table(result)))


def test_tree(fleet: ToyFleet, folder: LockFolder) -> None:
    """A package's requirements stand below it once."""
    result = tree(fleet.declaration, folder, "light", None)
    assert_golden(FOLDER / "tree.txt", render_tree(result))
    assert_golden(FOLDER / "tree.json", render_table(tree_table(result)))


def test_diff(fleet: ToyFleet) -> None:
    """Packages of accelerators first, then major versions, then the rest."""
    before = dict(fleet.lockfiles)
    after = dict(fleet_of("server").lockfiles)
    gone = after.pop("light")
    drivers = compare_fleets(before, {**after, "fresh": gone})
    result = DiffResult(against="main", drivers=drivers)
    assert_golden(FOLDER / "diff.txt", render_diff(result))
    assert_golden(FOLDER / "diff.json", render_table(diff_table(result)))


def test_check(fleet: ToyFleet, result: ConflictsResult) -> None:
    """Findings, what changes, and a verdict; as Markdown what a reviewer reads."""
    before = fleet_of("server")
    appeared = tuple(pair for pair in result.pairs if not pair.compatible)
    comparison = RevisionComparison(
        against="main",
        drivers=compare_fleets(before.lockfiles, fleet.lockfiles),
        appeared=appeared,
        vanished=(("new", "light"),),
    )
    finding = Finding(
        code=Code.STALE_LOCKFILE,
        subject="light",
        message="the lockfile of light is stale: requires: api[json] is gone",
        path="drivers.toml",
        line=16,
        hint="run `envbuild lock light` and commit what it writes",
    )
    checked = CheckResult(
        file="drivers.toml",
        drivers=("old", "new", "light"),
        findings=(finding,),
        comparison=comparison,
        solved=None,
    )
    assert_golden(FOLDER / "check.txt", render_check(checked))
    assert_golden(FOLDER / "check.md", render_markdown(checked))
    assert_golden(FOLDER / "check.json", render_table(check_table(checked)))
