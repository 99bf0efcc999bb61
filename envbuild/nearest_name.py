"""What was probably meant by a name that nothing has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(text: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """The known word that looks most like a text, if any does."""
    from difflib import get_close_matches  # only mistakes need it

    return next(iter(get_close_matches(text, list(known), n=1, cutoff=likeness)), None)


def name_hint(name: str, known: Iterable[str]) -> str:
    """The hint for an unknown name: the nearest known one, or all there are."""
    names = tuple(known)
    near = nearest(name, names)
    return f"did you mean '{near}'?" if near else f"there are: {', '.join(names) or 'none'}"


def no_driver(name: str, known: Iterable[str]) -> tuple[str, str]:
    """Message and hint for a driver that is not declared."""
    return f"there is no driver {name!r}", name_hint(name, known)
