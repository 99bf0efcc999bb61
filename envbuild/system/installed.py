"""Read what is installed in an environment; no code of it runs."""

from __future__ import annotations

from email.parser import HeaderParser
from typing import TYPE_CHECKING

from envbuild.installed import Distribution

if TYPE_CHECKING:
    from pathlib import Path


def read_distributions(environment: Path) -> tuple[Distribution, ...]:
    """Every distribution with a METADATA, by name; one that cannot be read is left to `verify`."""
    from packaging.utils import canonicalize_name

    found = []
    for path in environment.glob("lib/python3.*/site-packages/*.dist-info/METADATA"):
        try:
            headers = HeaderParser().parsestr(path.read_text(encoding="utf-8", errors="replace"))
        except OSError:
            continue
        name, version = headers.get("Name"), headers.get("Version")
        if name is not None and version is not None:
            found.append(
                Distribution(
                    name=str(canonicalize_name(name)),
                    version=version,
                    requires=tuple(headers.get_all("Requires-Dist", ())),
                )
            )
    return tuple(sorted(found, key=lambda item: item.name))
