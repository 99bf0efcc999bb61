"""The port that creates environments and installs into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.lockfile.lockfile import ChosenFile
    from envbuild.target.target import Interpreter


@value
class InstallRequest:
    """Wheels, or source distributions, to install into one environment, each exactly as locked."""

    driver: str
    environment: str
    """The absolute path of an environment that is made for them alone; what is there is removed."""

    interpreter: Interpreter

    files: tuple[ChosenFile, ...]
    from_source: tuple[str, ...]
    """Normalised names of packages whose file is a source distribution."""

    lock: int
    """As in `Installer.create`."""

    refresh: tuple[str, ...] = ()
    """Normalised names of packages that are downloaded again, even where a cache has them."""

    downloaded: Callable[[int, int], None] | None = None
    """Called from another thread: the bytes received, and the size of all downloads begun."""


class Installer(Protocol):
    """Makes an empty environment and installs into it."""

    def create(self, environment: str, interpreter: Interpreter, lock: int) -> None:
        """Make an empty environment at an absolute path where nothing stands; HostError if it cannot.

        `lock` is the descriptor of the environment's lock.
        Every program that writes into the environment keeps it open,
        so that the lock is held for as long as somebody writes, even where envbuild is killed.
        """
        ...

    def install(self, request: InstallRequest) -> None:
        """Make an environment with every file, its sha256 checked, and nothing else.

        No Python is started that finds a file of a wheel in its environment.

        IndexFailureError says which file an index did not give as locked;
        HostError what the host could not do.
        """
        ...
