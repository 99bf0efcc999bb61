"""One page of HTML that needs no other file and asks no host for anything.

An element takes only `Html`; `shown` makes it from a value, so an unescaped string is a type error.
The page's policy lets only its own style and its own script act.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING

from envbuild.text import Text, escaped

if TYPE_CHECKING:
    from collections.abc import Iterable

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif;
  --line: #8886; --yes: #cfe3f7; --yes-ink: #0b4a8a; --no: #fbd3bd; --no-ink: #8f2d00;
  --partly: #fdf0bf; --partly-ink: #6b5200; }
@media (prefers-color-scheme: dark) { :root { --yes: #123a5e; --yes-ink: #a9d3fb;
  --no: #5a2207; --no-ink: #ffc2a3; --partly: #4a3c08; --partly-ink: #f7dd83; } }
body { margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
table { border-collapse: collapse; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
code, pre { font: .88em ui-monospace, monospace; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; margin: .3rem 0 .8rem; }
details { border-bottom: 1px solid var(--line); padding: .3rem 0; }
summary { cursor: pointer; }
:focus-visible { outline: 3px solid #6aa5ff; outline-offset: 1px; }
.scroll { overflow-x: auto; max-width: 100%; }
.matrix th, .matrix td { border: 0; padding: 1px; font: 12px ui-monospace, monospace; }
.matrix thead th { vertical-align: bottom; }
.matrix thead span { writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; }
.matrix tbody th { position: sticky; left: 0; background: Canvas; padding-right: .5rem; white-space: nowrap; }
.matrix a, .matrix i, .sign { display: inline-block; width: 22px; height: 22px; line-height: 22px;
  text-align: center; border-radius: 3px; text-decoration: none; font-weight: bold; font-style: normal; }
.yes { background: var(--yes); color: var(--yes-ink); }
.no { background: var(--no); color: var(--no-ink); }
.partly { background: var(--partly); color: var(--partly-ink); }
.cards { width: 100%; }
.cards td { overflow-wrap: anywhere; }
.cards td:first-child, .cards td:last-child { min-width: 15rem; }
.cards td:nth-last-child(2) { white-space: nowrap; }
.cards ul { margin: .2rem 0 0; padding-left: 1.2rem; }
.differs td { background: color-mix(in srgb, var(--no) 45%, transparent); }
.differs td:first-child { padding-left: .5rem; border-left: 4px solid var(--no-ink); }
@media (max-width: 48rem) {
  .cards thead { display: none; }
  .cards tr { display: block; padding: .5rem 0; border-bottom: 1px solid var(--line); }
  .cards td { display: grid; grid-template-columns: 6.5rem 1fr; padding: .1rem .5rem; border: 0; }
  .cards td::before { content: attr(data-label); opacity: .7; }
  .cards td:first-child { font-weight: bold; min-width: 0; }
  .differs td { border-left: 4px solid var(--no-ink); }
}
"""

_SCRIPT = """
const open = () => {
  const one = location.hash && document.getElementById(location.hash.slice(1));
  if (one && one.tagName === "DETAILS") { one.open = true; one.querySelector("summary").focus(); }
};
addEventListener("hashchange", open); open();
"""
"""Opens what a link leads to; without it, readers open it themselves."""


class Html(str):
    """A part of a page."""

    __slots__ = ()


def shown(text: str) -> Html:
    """A value as text; it may have several lines."""
    return Html(escape("\n".join(map(escaped, text.split("\n")))))


def element(name: str, *content: Html, **attributes: str) -> Html:
    """An element; the values of attributes may be foreign, and `class_` is `class`."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{shown(value)}"'
        for key, value in attributes.items()
    )
    return Html(f"<{name}{given}>{''.join(content)}</{name}>")


def table(heads: Iterable[str], rows: Iterable[Iterable[Html]]) -> Html:
    """A table with a head, which scrolls in its own box."""
    head = element("tr", *(element("th", shown(one), scope="col") for one in heads))
    body = (element("tr", *(element("td", cell) for cell in row)) for row in rows)
    whole = element("table", element("thead", head), element("tbody", *body))
    return element("div", whole, class_="scroll")


def page(title: str, *content: Html) -> Text:
    """The whole page."""
    digest = b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return Text(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{shown(title)}</title><style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join([element("h1", shown(title)), *content])
        + f"\n</main><script>{_SCRIPT}</script></body></html>\n"
    )
