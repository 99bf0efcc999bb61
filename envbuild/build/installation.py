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
    """Wheels to install into one environment, exactly as locked."""

    driver: str
    environment: str
    """The absolute path of a new environment for them; what is there is removed."""

    interpreter: Interpreter

    files: tuple[ChosenFile, ...]

    lock: int
    """As in `Installer.create`."""

    refresh: tuple[str, ...] = ()
    """Normalised names of packages that are downloaded again, even if they are cached."""

    downloaded: Callable[[int, int], None] | None = None
    """Called from another thread: the received bytes, and the size of all started downloads."""


class Installer(Protocol):
    """Makes an empty environment and installs into it."""

    def create(self, environment: str, interpreter: Interpreter, lock: int) -> None:
        """Make an empty environment at an absolute path where nothing exists; HostError if it cannot.

        `lock` is the descriptor of the environment's lock.
        Every program that writes into the environment inherits it,
        so that the lock is held until the last one has ended, even if envbuild is killed.
        """
        ...

    def install(self, request: InstallRequest) -> None:
        """Make an environment with every file, each with its locked sha256, and nothing else.

        No Python starts that finds a file of a wheel in its environment.

        IndexFailureError names a file that an index did not give as locked;
        HostError says what the host could not do.
        """
        ...
