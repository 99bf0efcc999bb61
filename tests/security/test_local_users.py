"""Whoever has an account on the host: he cannot change, stop, starve or misdirect what others run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.plain_user import by_stranger
from tests.support.wheels import command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import CommandLine
    from tests.support.fault_proxy import FaultProxy, ProxyHandler
    from tests.support.index_server import IndexServer

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="NOT TESTED: needs root to become another user"
)


@dataclass(kw_only=True, slots=True)
class Intrusion:
    """A stranger who writes into every environment while one of its wheels is on its way."""

    store: Path
    attempts: int = 0

    def strike(self, handler: ProxyHandler) -> None:
        """Let him try, then give what was asked for."""
        script = 'for place in "$0"/envs/*/ "$0"/envs/*/lib/*/*/; do echo > "$place/x.pth"; done'
        by_stranger("/bin/sh", "-c", script, self.store)
        self.attempts += len(list((self.store / "envs").iterdir()))
        reply = handler.fetch()
        handler.begin(reply)
        handler.send(reply.body)


@pytest.mark.root
@needs_root
def test_nobody_enters_what_is_being_built(
    run_envbuild: CommandLine,
    index: IndexServer,
    faults: FaultProxy,
    store: Path,
    python_version: str,
) -> None:
    """The attacker is any user, while root syncs with the umask 000; he controls nothing but his timing.

    What he plants into an environment under construction would run as whoever starts the driver.
    """
    index.add(command_wheel("web"))
    run_envbuild.declare(declare_drivers({"web": ["web"]}, python=python_version))
    through = {"ENVBUILD_INDEX_DEFAULT_URL": faults.url}
    run_envbuild("lock", env=through, check=True)
    intrusion = Intrusion(store=store)
    faults.inject(r"\.whl$", intrusion)
    open_to_all = ("sh", "-c", 'umask 000; exec "$0" "$@"')
    run_envbuild.wrapped(open_to_all, "sync", env=through, check=True)
    assert intrusion.attempts == 1
    assert not list(store.rglob("x.pth"))
    shared = (path for path in store.rglob("*") if store / "cache" not in path.parents)
    assert [path for path in shared if path.lstat().st_mode & 0o022 and not path.is_symlink()] == []
