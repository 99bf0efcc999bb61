"""Read what is installed in an environment; no code of it runs."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from envbuild.environment.fit import Distribution
from envbuild.requirement.parse import is_requirement, normalized_name

if TYPE_CHECKING:
    from pathlib import Path

_FIELD = re.compile(
    r"(?P<name>name|version|requires-dist|requires-python):(?P<text>.*)", re.IGNORECASE
)
_FOLD = re.compile(r"\n[ \t]+")
_LARGEST = 16 << 20
"""Bytes of METADATA; of what is longer the rest is not read."""


def read_distributions(environment: Path) -> tuple[Distribution, ...]:
    """Every distribution with a METADATA, by name; one that cannot be read is left to `verify`."""
    found = []
    for path in environment.glob("lib/python3.*/site-packages/*.dist-info/METADATA"):
        with suppress(OSError):
            with path.open("rb") as stream:
                content = stream.read(_LARGEST)
            distribution = parse_distribution(content)
            if distribution is not None:
                found.append(distribution)
    return tuple(sorted(found, key=lambda item: item.name))


def parse_distribution(content: bytes) -> Distribution | None:
    """METADATA → what it says of itself; None where it names no package or no version.

    What is no requirement asks for nothing.
    Header lines alone are read, which are a hundredth of what a full reader takes.
    """
    text = content.decode("utf-8", errors="replace").replace("\r\n", "\n")
    head = _FOLD.sub(" ", text.partition("\n\n")[0])
    fields: dict[str, list[str]] = {}
    for line in head.split("\n"):
        match = _FIELD.match(line)
        if match is not None:
            fields.setdefault(match["name"].lower(), []).append(" ".join(match["text"].split()))
    if not fields.get("name") or not fields.get("version"):
        return None
    return Distribution(
        name=normalized_name(fields["name"][0]),
        version=fields["version"][0],
        requires=tuple(filter(is_requirement, fields.get("requires-dist", ()))),
        requires_python=(fields.get("requires-python") or [""])[0],
    )
