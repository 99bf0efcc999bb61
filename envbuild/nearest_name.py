"""The known name that is nearest to an unknown one."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 100
"""In characters; a longer name is no typing error."""

_MOST_COMPARED = 500
_MOST_LISTED = 40


def nearest(text: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """The known word that is most similar to a text, if one of the first few hundred is similar."""
    from difflib import get_close_matches  # only mistakes need it

    if len(text) > _LONGEST:
        return None
    words = [word for word in islice(known, _MOST_COMPARED) if len(word) <= _LONGEST]
    return next(iter(get_close_matches(text, words, n=1, cutoff=likeness)), None)


def near_hint(text: str, known: Iterable[str], otherwise: str) -> str:
    """The hint for an unknown word: the nearest known one, or another hint."""
    near = nearest(text, known)
    return f"did you mean '{near}'?" if near else otherwise


def name_hint(name: str, known: Iterable[str]) -> str:
    """The hint for an unknown name: the nearest known name, or all of them."""
    names = tuple(known)
    if not names:
        return "there are none"
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return near_hint(name, names, f"there are: {', '.join(names[:_MOST_LISTED])}{more}")


def no_driver(name: str, known: Iterable[str]) -> tuple[str, str]:
    """Message and hint for a driver that is not declared."""
    return f"there is no driver {name!r}", name_hint(name, known)
