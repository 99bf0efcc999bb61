"""The pages that `conflicts --html`, `check --format html` and `fleet --html` write, as a reader uses them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.site.browser import served
from tests.support.command_line import copy_own_fleet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine


@pytest.fixture
def address(run_envbuild: CommandLine, scratch: Path) -> Iterator[str]:
    """Both pages of the repository's own fleet."""
    copy_own_fleet(run_envbuild.cwd)
    folder = scratch / "pages"
    folder.mkdir()
    run_envbuild("conflicts", "--html", str(folder / "conflicts.html"), check=True)
    page = run_envbuild("check", "--format", "html").stdout
    (folder / "check.html").write_text(page)
    with served(folder) as url:
        yield url


@pytest.mark.parametrize("name", ["conflicts.html", "check.html"])
def test_a_chain_is_found_by_keyboard(browser: Any, address: str, name: str) -> None:
    """Tab to a cell, Enter: its pair is open, has the focus, and shows the chain."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text))
    page.goto(address + name)
    cell = page.get_by_label("gateway × sglang: conflict").first
    cell.focus()
    page.keyboard.press("Enter")
    pair = page.locator("details[open]")
    pair.wait_for()
    assert "openai ==2.6.1" in pair.inner_text()
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    assert errors == []
    page.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_its_window(browser: Any, address: str, width: int) -> None:
    """The matrix scrolls in its own box."""
    for name in ("conflicts.html", "check.html"):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto(address + name)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_fleets_page_fits_its_window(
    browser: Any, run_envbuild: CommandLine, scratch: Path, width: int
) -> None:
    """Long names and digests break; on a phone each cell is named, and the hosts that differ come first."""
    content = "sha256:" + "1" * 64
    driver = {"name": "web", "version": "1.0", "key": "a" * 64, "content": content, "drift": 0}
    hosts = {f"node-{number}.a-quite-long-name.of-a-site.example.com": content for number in "123"}
    hosts["zulu"] = "sha256:" + "2" * 64
    folder = scratch / "pages"
    folder.mkdir()
    for name, found in hosts.items():
        report = {
            "version": 1,
            "kind": "host-report",
            "host": name,
            "store": "/opt/envbuild",
            "created": "2026-11-20T10:00:00Z",
            "generation": 1,
            "drift": [],
            "findings": [],
            "release": None,
            "drivers": [driver | {"content": found}],
        }
        (folder / f"{name}.json").write_text(json.dumps(report))
    assert run_envbuild("fleet", str(folder), "--html", str(folder / "fleet.html")).code == 1
    with served(folder) as url:
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto(url + "fleet.html")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.locator("tbody tr").first.inner_text().split()[-1] == "another"
        assert page.locator("thead").is_visible() == (width == 1280)
        page.close()
