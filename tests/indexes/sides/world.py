"""What a case has to play with: an index behind a proxy that plays faults."""

from __future__ import annotations

import contextlib
import email.utils
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.fault_proxy import Fault, FaultProxy, ProxyHandler
    from tests.support.http import LoopbackServer
    from tests.support.index_server import IndexServer


SIDES = ("default", "bound")
BOUND = ("bound",)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A status with headers of its own."""

    code: int
    headers: tuple[tuple[str, str], ...] = ()

    def strike(self, handler: ProxyHandler) -> None:
        """Answer with it and never ask the index."""
        handler.answer(self.code, b"injected\n", **dict(self.headers))


@dataclass(frozen=True, kw_only=True, slots=True)
class Later:
    """429 with a date in `Retry-After`, a second ahead."""

    def strike(self, handler: ProxyHandler) -> None:
        """Answer with it."""
        when = email.utils.formatdate(time.time() + 1, usegmt=True)
        handler.answer(429, b"later\n", Retry_After=when)


@dataclass(kw_only=True, slots=True)
class World:
    """What a case has to play with."""

    index: IndexServer
    faults: FaultProxy
    home: Path
    folder: Path
    env: dict[str, str | None] = field(default_factory=dict)
    url: str = ""
    """Where the index is said to be."""

    form: str = ""
    """What form the index is said to have."""

    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    stranger: LoopbackServer | None = None
    """Who is to be asked, and must not be told who we are."""

    def inject(self, pattern: str, fault: Fault, times: int | None = 1) -> None:
        """Strike requests between envbuild and the index."""
        self.faults.inject(pattern, fault, times=times)

    def write_netrc(self, *lines: str, mode: int = 0o600) -> None:
        """A `.netrc` in the home folder."""
        file = self.home / ".netrc"
        file.write_text("".join(f"{line}\n" for line in lines))
        file.chmod(mode)


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One thing that a network does."""

    name: str
    prepare: Callable[[World], None]
    words: str | None = None
    """A regular expression of what both sides say, with exit 4; None where it works."""

    sides: tuple[str, ...] = SIDES
    """Where this is so; the page of a bound package leads nowhere else."""

    def __str__(self) -> str:
        """The name in the test's id."""
        return self.name


def retried(name: str, pattern: str, fault: Fault, times: int = 1) -> Case:
    return Case(name=name, prepare=lambda world: world.inject(pattern, fault, times))


def failed(name: str, pattern: str, fault: Fault, words: str, **env: str) -> Case:
    def prepare(world: World) -> None:
        world.env |= env
        world.inject(pattern, fault, None)

    return Case(name=name, prepare=prepare, words=words)


PAGE, METADATA, FILE = r"/simple/base/", r"base.*\.metadata$", r"base.*\.whl$"
SOON = (("Retry_After", "1"),)
IMPATIENT = {"ENVBUILD_HTTP_RETRIES": "0"}
