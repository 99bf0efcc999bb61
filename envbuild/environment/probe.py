"""The commands that must succeed in a finished environment before it becomes current, and their results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.value import value

if TYPE_CHECKING:
    from envbuild.declaration.driver import Driver

_TAIL = 12
"""How many of an output's last lines a message repeats."""


@value
class Probe:
    """A command of the environment that must succeed."""

    argv: tuple[str, ...]
    """The command's name in the environment's `bin/`, then its arguments."""

    timeout: int
    """Seconds for it and all processes that it starts."""

    key: str
    """The key that declares it, such as `drivers.vllm.probe[0]`."""

    def __str__(self) -> str:
        """The command line, as a user would type it."""
        return " ".join(self.argv)


@value
class ProbeResult:
    """The result of one probe."""

    driver: str
    probe: Probe
    seconds: float
    failure: str | None
    """The reason, as text; None if it succeeded."""

    output: str
    """Its whole output, standard error after standard output."""

    wrote: tuple[str, ...] = ()
    """The files that it changed in the environment, relative to it; it must not change any."""

    log: str | None = None
    """The file with the output; None without output."""

    @property
    def tail(self) -> str:
        """The output's last lines."""
        return "\n".join(self.output.strip().splitlines()[-_TAIL:])


def probes_of(driver: Driver) -> tuple[Probe, ...]:
    """Every probe of a driver; imports come first, because their errors say more."""
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
