"""The output of `envbuild list` and `envbuild which`, from the manifest's JSON object.

Quick verbs import this module: no dataclasses, no typing.
"""

from __future__ import annotations

from envbuild.report.lines import column_lines, render_bytes
from envbuild.text import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from envbuild.text import Text

_HEADS = ("DRIVER", "VERSION", "PYTHON", "SIZE", "SINCE", "SHIMS", "ENVIRONMENT")


def render_list(manifest: Mapping[str, Any]) -> Text:
    """The current generation as columns; then every shim that is not named like its command.

    Then every driver with another version because a later Python of its list was used.
    """
    drivers = manifest["drivers"]
    rows = [_HEADS, *(_row(name, entry) for name, entry in drivers.items())]
    moved = [
        f"{name}: the shim of {command} is {shim}, because another driver has that name"
        for name, entry in drivers.items()
        for command, shim in entry["shims"].items()
        if shim != command
    ]
    moved += [
        preferred_line(
            f"{name} {entry['version']}", entry["python_version"], first["python"], first["version"]
        )
        for name, entry in drivers.items()
        if (first := entry.get("preferred"))
    ]
    head = f"generation {manifest['generation']}, {manifest['created']}"
    return text_of([head, *column_lines(rows), *moved])


def named_variant(driver: str, variant: str | None) -> str:
    """`asr@cuda13`; the name alone for a driver without variants."""
    return driver if variant is None else f"{driver}@{variant}"


def preferred_line(driver: str, python: str, first: str, version: str) -> str:
    """The line about a driver (name and version) on a later Python of its list, with the version on the first."""
    return f"{driver}: on Python {python}; on {first}, its first choice, the locked version is {version}"


def render_which(path: str) -> Text:
    """A driver's path, alone on a line."""
    return text_of([path])


def list_table(manifest: Mapping[str, Any]) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "generation": manifest["generation"],
        "created": manifest["created"],
        "drivers": {
            name: {key: value for key, value in entry.items() if key != "packages"}
            for name, entry in manifest["drivers"].items()
        },
    }


def which_table(name: str, entry: Mapping[str, Any]) -> dict[str, object]:
    """A driver's paths as a JSON object."""
    return {
        "driver": name,
        "driver_version": entry["version"],
        "binary": entry["binary"],
        "stable_binary": entry["stable_binary"],
        "python": entry["python"],
        "environment": entry["environment"],
    }


def _row(name: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    own = (entry["shim"],) if "shim" in entry else ()
    return (
        named_variant(name, entry.get("variant")),
        entry["version"],
        entry["python_version"],
        render_bytes(entry["size"]),
        entry["since"],
        ",".join(dict.fromkeys((*own, *entry["shims"].values()))),
        entry["environment"],
    )
