"""`envbuild ps`: the processes that use environments of the store."""

from __future__ import annotations

from posixpath import basename

from envbuild.store.generations import readable_manifest
from envbuild.store.guard import require_store
from envbuild.store.processes import find_processes
from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.environment.lease import Process
    from envbuild.store.store import Store


@value
class Running:
    """A process, and the environment that it uses."""

    process: Process
    driver: str | None
    """The driver of its environment; None if no generation has the environment."""

    version: str | None
    current: bool
    """Whether its environment is the driver's current one."""

    variant: str | None = None
    """The variant that its environment is; None for a driver without variants."""


def ps(store: Store) -> tuple[Running, ...]:
    """Every process that uses an environment of the store, by driver and pid; errors as in `require_store`."""
    require_store(store.root)
    current = store.current_number()
    known: dict[str, tuple[str, str, str | None, bool]] = {}
    for number in store.generation_numbers():
        manifest = readable_manifest(store.root, number)
        for driver in manifest.drivers if manifest is not None else ():
            name = basename(driver.environment)
            is_current = number == current or known.get(name, ("", "", None, False))[3]
            known[name] = (driver.name, driver.version, driver.variant, is_current)
    running = (_running(process, known) for process in find_processes(store.environments))
    return tuple(sorted(running, key=lambda item: (item.driver or "~", item.process.pid)))


def _running(process: Process, known: dict[str, tuple[str, str, str | None, bool]]) -> Running:
    driver, version, variant, current = known.get(process.environment, (None, None, None, False))
    return Running(
        process=process, driver=driver, version=version, variant=variant, current=current
    )
