"""The versions that a driver's first resolution keeps, from an earlier tool."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable


_LINE = re.compile(
    r"(?P<name>[a-z0-9]+(-[a-z0-9]+)*)==(?P<version>[A-Za-z0-9!+._-]+)(?P<hashes>( sha256:[0-9a-f]{64})*)"
)


@value
class FirstPin:
    """A package as it was before."""

    name: str
    """Normalised (PEP 503)."""

    version: str
    hashes: tuple[str, ...] = ()
    """sha256 of the release's files; if there are any, another file of that version is refused."""


def render_first_pins(pins: Iterable[FirstPin], *, source: str) -> str:
    """One line for each package, ordered by name."""
    lines = [f"# From {source}; `envbuild lock` starts with these versions and removes this file."]
    for pin in sorted(pins, key=lambda pin: pin.name):
        hashes = "".join(f" sha256:{digest}" for digest in pin.hashes)
        lines.append(f"{pin.name}=={pin.version}{hashes}")
    return "".join(f"{line}\n" for line in lines)


def parse_first_pins(text: str) -> tuple[FirstPin, ...]:
    """Every pin of a text; ValueError names an invalid line by its number, without its content."""
    pins = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"line {number} is not a pin")
        hashes = tuple(part.removeprefix("sha256:") for part in match["hashes"].split())
        pins.append(FirstPin(name=match["name"], version=match["version"], hashes=hashes))
    return tuple(pins)
