"""What `envbuild list` and `envbuild which` print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.manifest import manifest_driver_table
from envbuild.report.units import render_bytes, render_columns

if TYPE_CHECKING:
    from envbuild.manifest import Manifest, ManifestDriver

_HEADS = ("DRIVER", "VERSION", "PYTHON", "SIZE", "SINCE", "SHIMS", "ENVIRONMENT")


def render_list(manifest: Manifest) -> str:
    """A table of the current generation; below it, the shims that are called otherwise than their command."""
    rows = [_HEADS, *map(_row, manifest.drivers)]
    moved = [
        f"{driver.name}: the shim of {command} is {shim}, because another driver has that name\n"
        for driver in manifest.drivers
        for command, shim in driver.shims
        if shim != command
    ]
    return f"generation {manifest.generation}, {manifest.created}\n{render_columns(rows)}{''.join(moved)}"


def list_table(manifest: Manifest) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "generation": manifest.generation,
        "created": manifest.created,
        "drivers": {driver.name: _entry(driver) for driver in manifest.drivers},
    }


def which_table(driver: ManifestDriver) -> dict[str, object]:
    """A driver's paths as a JSON object."""
    return {
        "driver": driver.name,
        "driver_version": driver.version,
        "binary": driver.binary,
        "stable_binary": driver.stable_binary,
        "python": driver.python,
        "environment": driver.environment,
    }


def _row(driver: ManifestDriver) -> tuple[str, ...]:
    return (
        driver.name,
        driver.version,
        driver.python_version,
        render_bytes(driver.size),
        driver.since,
        ",".join(shim for _, shim in driver.shims),
        driver.environment,
    )


def _entry(driver: ManifestDriver) -> dict[str, object]:
    table = manifest_driver_table(driver)
    del table["packages"]
    return table
