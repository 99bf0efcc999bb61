"""What a finished environment has to do before it is switched to, and how it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.value import value

if TYPE_CHECKING:
    from envbuild.declaration.declaration import Driver

_TAIL = 12
"""How many of the last lines of an output a message repeats."""


@value
class Probe:
    """A command of the environment that has to succeed."""

    argv: tuple[str, ...]
    """The command's name in the environment's `bin/`, then its arguments."""

    timeout: int
    """Seconds that it and all that it starts may take."""

    key: str
    """Where it is declared, such as `drivers.vllm.probe[0]`."""

    def __str__(self) -> str:
        """As it would be typed."""
        return " ".join(self.argv)


@value
class ProbeResult:
    """What became of one probe."""

    driver: str
    probe: Probe
    seconds: float
    failure: str | None
    """What went wrong, in words; None where it succeeded."""

    output: str
    """Everything that it printed, standard error after standard output."""

    wrote: tuple[str, ...] = ()
    """What it changed in the environment, relative to it; an environment is not to be changed."""

    log: str | None = None
    """The file that keeps the output; None where there was none to keep."""

    @property
    def tail(self) -> str:
        """The output's last lines."""
        return "\n".join(self.output.strip().splitlines()[-_TAIL:])


def probes_of(driver: Driver) -> tuple[Probe, ...]:
    """Every probe of a driver: its imports first, which say more when they fail."""
    imports = tuple(
        Probe(
            argv=("python", "-c", f"import {module}"),
            timeout=driver.probe_timeout,
            key=f"drivers.{driver.name}.imports[{number}]",
        )
        for number, module in enumerate(driver.imports)
    )
    commands = tuple(
        Probe(argv=argv, timeout=driver.probe_timeout, key=f"drivers.{driver.name}.probe[{number}]")
        for number, argv in enumerate(driver.probe)
    )
    return imports + commands
