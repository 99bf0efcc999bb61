"""What a wheel says about itself inside is what counts, whatever its index says of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from envbuild.lockfile.text import render_lockfile
from envbuild.value import replace as with_
from tests.support.command_line import declare_drivers
from tests.support.index_server import IndexServer
from tests.support.open_markers import installed, uv_is_content
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envbuild.lockfile.lockfile import Lockfile
    from tests.support.command_line import CommandLine

WEB = command_wheel("web", "1.0", requires=("beta>=1", "gamma"))
BOUND = '[[index]]\nname = "own"\nurl = "{url}"\npackages = ["web"]\n'


def lie(index: IndexServer, wheel: Wheel, told: Wheel) -> None:
    """Serve the METADATA of another wheel beside this one."""
    held = index.files[wheel.filename]
    index.files[wheel.filename] = replace(held, metadata=told.metadata())


@pytest.fixture
def own() -> Iterator[IndexServer]:
    """A second index, which `web` is bound to; its METADATA of `web` leaves out `beta`."""
    with IndexServer([WEB]) as server:
        lie(server, WEB, replace(WEB, requires=("gamma",)))
        yield server


def declare(command: CommandLine, version: str, own: IndexServer | None = None) -> None:
    """One driver `web`, bound to `own` where there is one."""
    more = BOUND.format(url=own.url) if own is not None else ""
    command.declare(declare_drivers({"web": ["web"]}, python=version, more=more))


def write(command: CommandLine, lockfile: Lockfile) -> None:
    """Put a lockfile there as `lock` would write it."""
    (command.cwd / "locks/web.toml").write_text(render_lockfile(lockfile))


def test_the_lock_goes_by_what_the_wheel_says(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """Metadata beside a wheel that omits a requirement keeps nothing out of the lockfile."""
    index.add(WEB, Wheel(name="beta"), Wheel(name="gamma"))
    lie(index, WEB, replace(WEB, requires=("gamma",)))
    declare(run_envbuild, python_version)
    run_envbuild("lock", check=True)
    run_envbuild("check", check=True)
    run_envbuild("sync", check=True)
    assert installed(run_envbuild, "web") == {"web", "beta", "gamma"}
    assert uv_is_content(run_envbuild, "web")


def test_what_the_wheel_asks_for_and_nobody_has_ends_the_lock(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """Nothing unsound is written: exit 3, with what the wheel asks for."""
    index.add(WEB, Wheel(name="gamma"))
    lie(index, WEB, replace(WEB, requires=("gamma",)))
    declare(run_envbuild, python_version)
    refused = run_envbuild("lock")
    assert refused.code == 3, refused
    assert "beta" in refused.stderr
    assert "the files of web 1.0 have more requirements than their index says" in refused.stderr
    assert not (run_envbuild.cwd / "locks/web.toml").exists()


def lock_with_a_lie(command: CommandLine) -> None:
    """A lockfile that believed an index which left `beta` out of what `web` asks for."""
    command("lock", check=True)
    lockfile = command.lockfile("web")
    packages = tuple(
        with_(package, requires=("gamma",)) if package.name == "web" else package
        for package in lockfile.packages
        if package.name != "beta"
    )
    write(command, with_(lockfile, packages=packages))


def test_a_lie_is_never_switched_to(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> None:
    """Where the lock believed the index, the sync says what the wheel says: exit 4, both texts, no switch."""
    index.add(command_wheel("web", "0.9"))
    declare(run_envbuild, python_version)
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    before = (store / "current/manifest.json").read_bytes()
    index.add(WEB, Wheel(name="beta"), Wheel(name="gamma"))
    run_envbuild("lock", "--upgrade", check=True)
    lock_with_a_lie(run_envbuild)
    run_envbuild("check", check=True)
    for _ in range(2):
        refused = run_envbuild("sync")
        assert refused.code == 4, refused
        assert f"its METADATA of {WEB.filename} differs from that in the wheel" in refused.stderr
        assert "wheel: beta>=1" in refused.stderr
        assert 'constraints = ["web!=1.0"]' in refused.stderr
        assert (store / "current/manifest.json").read_bytes() == before
    run_envbuild("lock", "--upgrade-package", "web", check=True)
    run_envbuild("sync", check=True)
    assert installed(run_envbuild, "web") == {"web", "beta", "gamma"}


def test_a_bound_index_that_lies_is_noticed(
    run_envbuild: CommandLine,
    index: IndexServer,
    own: IndexServer,
    store: Path,
    python_version: str,
) -> None:
    """At sync at the latest: exit 4, and nothing is switched to without all that the wheel asks for."""
    index.add(Wheel(name="beta"), Wheel(name="gamma"))
    declare(run_envbuild, python_version, own)
    locked = run_envbuild("lock")
    if locked.code == 0:
        locked = run_envbuild("sync")
    if locked.code == 0:
        assert installed(run_envbuild, "web") == {"web", "beta", "gamma"}
    else:
        assert locked.code == 4, locked
        assert "index 'own'" in locked.stderr
        assert not (store / "current").exists()


def test_an_override_is_a_decision_at_sync_too(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> None:
    """What the declaration overrides is met by the override, in `lock`, `check` and `sync` alike."""
    index.add(
        command_wheel("web", "1.0", requires=("beta>=2",)), Wheel(name="beta"), Wheel(name="gamma")
    )
    text = declare_drivers({"web": ["web"]}, python=python_version)
    run_envbuild.declare(text.replace("requires =", 'overrides = ["beta<2"]\nrequires ='))
    run_envbuild("lock", check=True)
    run_envbuild("check", check=True)
    run_envbuild("sync", check=True)
    assert installed(run_envbuild, "web") == {"web", "beta"}


def test_an_environment_that_is_there_is_judged_by_todays_overrides(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> None:
    """The same files under another declaration are another question: without the override they are refused."""
    index.add(command_wheel("web", "1.0", requires=("beta>=2",)), Wheel(name="beta"))
    plain = declare_drivers({"web": ["web"]}, python=python_version)
    run_envbuild.declare(plain.replace("requires =", 'overrides = ["beta<2"]\nrequires ='))
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
    before = (store / "current/manifest.json").read_bytes()
    run_envbuild.declare(plain)
    lockfile = run_envbuild.lockfile("web")
    write(run_envbuild, with_(lockfile, inputs=with_(lockfile.inputs, overrides=())))
    refused = run_envbuild("sync")
    assert refused.code == 1, refused
    assert "web 1.0 requires beta >=2, and 1.0 is there" in refused.stderr
    assert (store / "current/manifest.json").read_bytes() == before


def test_pins_that_stand_are_judged_before_they_are_written(
    run_envbuild: CommandLine, index: IndexServer, python_version: str
) -> None:
    """A range that moves keeps no lockfile that does not hold together: it is resolved anew."""
    index.add(command_wheel("web", "1.0", requires=("beta>=1",)), Wheel(name="beta"))
    declare(run_envbuild, python_version)
    run_envbuild("lock", check=True)
    lockfile = run_envbuild.lockfile("web")
    left = tuple(package for package in lockfile.packages if package.name != "beta")
    write(run_envbuild, with_(lockfile, packages=left))
    run_envbuild.declare(declare_drivers({"web": ["web<2"]}, python=python_version))
    run_envbuild("lock", check=True)
    assert {package.name for package in run_envbuild.lockfile("web").packages} == {"web", "beta"}


def test_an_unsound_lockfile_is_stale_unsound_and_never_switched_to(
    run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str
) -> None:
    """One wording, asked three times: `check`, `lock --check` and `sync` say the same of one lockfile."""
    index.add(command_wheel("web", "1.0", requires=("beta>=1",)), Wheel(name="beta"))
    declare(run_envbuild, python_version)
    run_envbuild("lock", check=True)
    lockfile = run_envbuild.lockfile("web")
    left = tuple(package for package in lockfile.packages if package.name != "beta")
    write(run_envbuild, with_(lockfile, packages=left))
    said = "web 1.0 requires beta >=1, which is missing"
    for argv in (("check",), ("lock", "--check"), ("sync",)):
        answer = run_envbuild(*argv)
        assert answer.code == 1, answer
        assert said in answer.stdout + answer.stderr
    assert not (store / "current").exists()
    run_envbuild("lock", check=True)
    run_envbuild("sync", check=True)
