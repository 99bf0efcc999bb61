"""Every page of the documentation, as a reader sees it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.site.browser import chromium, served

if TYPE_CHECKING:
    from collections.abc import Iterator

SITE = os.environ.get("ENVBUILD_SITE")
pytestmark = pytest.mark.skipif(SITE is None, reason="NOT TESTED: run `nox -s site`")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One for all pages."""
    with chromium() as program:
        yield program


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the site is."""
    with served(Path(SITE or "")) as url:
        yield url


def pages() -> list[str]:
    """The addresses of all pages, below the site's."""
    folder = Path(SITE or "")
    found = (path.parent.relative_to(folder) for path in folder.rglob("index.html"))
    return sorted(f"{path}/" if path.parts else "" for path in found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_its_window(
    browser: Any, address: str, width: int, scheme: str
) -> None:
    """On a phone and on a desktop; and nothing is asked of another host."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    wide = {}
    for name in pages():
        page.goto(address + name)
        if (right := page.evaluate("document.documentElement.scrollWidth")) > width:
            wide[name] = right
    context.close()
    assert len(pages()) > 20
    assert wide == {}
    assert [url for url in asked if not url.startswith((address, "data:"))] == []


@pytest.mark.parametrize("name", ["json/", "findings/", "commands/"])
def test_names_are_looked_up_on_a_phone(browser: Any, address: str, name: str) -> None:
    """A table of names and what they mean needs no scrolling to the side."""
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto(address + name)
    widths = page.eval_on_selector_all(
        "article table", "all => all.map(one => one.scrollWidth - one.clientWidth)"
    )
    page.close()
    assert len(widths) > 2
    assert max(widths) <= 1


def test_every_picture_says_what_it_shows(browser: Any, address: str) -> None:
    """Each has a text for those who cannot see it."""
    page = browser.new_page()
    silent = []
    for name in pages():
        page.goto(address + name)
        silent += page.eval_on_selector_all(
            "article img", "all => all.filter(one => !one.alt.trim()).map(one => one.src)"
        )
    page.close()
    assert silent == []


def test_a_word_is_found(browser: Any, address: str) -> None:
    """The search answers without any server."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(address, wait_until="networkidle")
    box, found = page.get_by_role("textbox", name="Search"), page.locator(".md-search-result__item")
    for _ in range(20):  # what is typed before the page's script listens is lost
        box.fill("")
        box.press_sequentially("generation record")
        page.wait_for_timeout(1_000)
        if found.count():
            break
    found.first.wait_for()
    page.close()
