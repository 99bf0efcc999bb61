"""The pages that `conflicts --html` and `check --format html` write, as a reader uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.site.browser import chromium, served
from tests.support.command_line import copy_own_fleet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One for all tests."""
    with chromium() as program:
        yield program


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
