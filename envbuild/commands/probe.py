"""`envbuild probe`: run the declared probes in the current environments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.commands.selection import select_drivers
from envbuild.errors import NoError, Problem
from envbuild.value import value

if TYPE_CHECKING:
    from envbuild.build.prober import Prober
    from envbuild.declaration.declaration import Declaration
    from envbuild.declaration.driver import Driver
    from envbuild.environment.probe import ProbeResult
    from envbuild.store.manifest import Manifest


@value
class DriverProbes:
    """A probed driver of the current generation."""

    driver: str
    environment: str
    results: tuple[ProbeResult, ...]
    """Empty if no probe is declared."""


@value
class ProbeReport:
    """The result of `envbuild probe`."""

    generation: int
    drivers: tuple[DriverProbes, ...]

    @property
    def exit_code(self) -> int:
        """1 if a probe failed."""
        results = (result for driver in self.drivers for result in driver.results)
        return 1 if any(result.failure is not None for result in results) else 0


def probe(
    declaration: Declaration, names: tuple[str, ...], manifest: Manifest, prober: Prober
) -> ProbeReport:
    """Probe the named drivers, or every declared one of the current generation.

    NoError if a named one is not in the current generation.
    """
    selected = [
        driver
        for driver in select_drivers(declaration, names)
        if names or manifest.driver(driver.name) is not None
    ]
    environments = {driver.name: _environment(driver, manifest) for driver in selected}
    results = prober.probe_all((driver, environments[driver.name]) for driver in selected)
    return ProbeReport(
        generation=manifest.generation,
        drivers=tuple(
            DriverProbes(
                driver=driver.name,
                environment=str(environments[driver.name]),
                results=tuple(result for result in results if result.driver == driver.name),
            )
            for driver in selected
        ),
    )


def _environment(driver: Driver, manifest: Manifest) -> Path:
    entry = manifest.driver(driver.name)
    if entry is None:
        message = f"{driver.name} is not in the current generation"
        raise NoError(Problem(message=message, hint=f"run `envbuild sync {driver.name}`"))
    return Path(entry.environment)
