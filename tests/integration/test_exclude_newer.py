"""`exclude-newer` on a default index, a bound index and a folder alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.command_line import declare_drivers
from tests.support.index_server import IndexServer, Offer
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.command_line import CommandLine

OLD = Wheel(name="acme-tool", version="1.0", requires=("acme-base",))
NEW = Wheel(name="acme-tool", version="2.0", requires=("acme-base",))
BASE = Wheel(name="acme-base")
LIMIT = 'exclude-newer = "2026-06-01"'


@pytest.fixture
def own() -> Iterator[IndexServer]:
    """An index that `acme-*` can be bound to."""
    with IndexServer() as server:
        yield server


@pytest.fixture
def declare(run_envbuild: CommandLine, python_version: str) -> Callable[..., None]:
    """Declare a driver that asks for acme-tool, with lines of its own and a place of `acme-*`."""

    def write(*lines: str, where: str = "") -> None:
        bound = f'[[index]]\nname = "own"\n{where}\npackages = ["acme-*"]\n' if where else ""
        text = declare_drivers({"app": ["acme-tool"]}, python=python_version, more=bound)
        more = "\n".join(("[drivers.app]", *lines))
        run_envbuild.declare(text.replace("[drivers.app]", more))

    return write


def _fill(server: IndexServer) -> None:
    server.add(OLD, BASE)
    server.add(NEW, uploaded="2026-10-01T00:00:00Z")


def _version(project: Path) -> str:
    text = (project / "locks/app.toml").read_text()
    return text.partition('\nversion = "')[2].partition('"')[0]


@pytest.mark.parametrize("bound", [False, True], ids=["default", "bound"])
def test_what_is_too_young_is_not_there_but_for_packages_of_their_own(
    run_envbuild: CommandLine,
    index: IndexServer,
    own: IndexServer,
    declare: Callable[..., None],
    project: Path,
    bound: bool,
) -> None:
    """A limit counts on every kind of index; a package's own limit, or none, stands in its place.

    A changed limit makes the lockfile stale, and `show` says whose it is.
    """
    server, where = (own, f'url = "{own.url}"') if bound else (index, "")
    _fill(server)
    declare(LIMIT, where=where)
    run_envbuild("lock", check=True)
    assert _version(project) == "1.0"
    declare(LIMIT, "exclude-newer-packages = { Acme_Tool = false }", where=where)
    assert "exclude-newer-packages: acme-tool = false is new" in run_envbuild("lock").stdout
    assert _version(project) == "1.0"
    run_envbuild("lock", "--upgrade", check=True)
    assert _version(project) == "2.0"
    assert (
        'exclude-newer-packages = ["acme-tool=false"]' in (project / "locks/app.toml").read_text()
    )
    declare('exclude-newer-packages = { acme-tool = "2026-06-01" }', where=where)
    run_envbuild("lock", check=True)
    assert _version(project) == "1.0"
    shown = run_envbuild("show", check=True).stdout
    assert "exclude-newer-packages.acme-tool" in shown
    assert run_envbuild("check").code == 0


@pytest.mark.parametrize("place", ["default", "default folder", "bound", "bound folder"])
def test_an_index_without_upload_times_is_one_clear_error(
    run_envbuild: CommandLine,
    index: IndexServer,
    own: IndexServer,
    declare: Callable[..., None],
    scratch: Path,
    project: Path,
    place: str,
) -> None:
    """Where nobody knows how old files are the limit is neither ignored nor an empty index: exit 4 names
    the index, and the line that the hint shows makes the lock succeed.
    """
    for server in (index, own):
        _fill(server)
        server.offer = Offer(upload_times=False)
    for wheel in (OLD, NEW, BASE):
        wheel.write(scratch / "wheels")
    where = {"bound": f'url = "{own.url}"', "bound folder": f'path = "{scratch / "wheels"}"'}
    env: dict[str, str | None] = {}
    if place == "default folder":
        env = {"ENVBUILD_INDEX_DEFAULT_URL": str(scratch / "wheels")}
    declare(LIMIT, where=where.get(place, ""))
    result = run_envbuild("lock", env=env)
    assert result.code == 4, result
    name = "own" if place in where else "default"
    assert f"index '{name}' (" in result.stderr
    assert (
        "gives no upload times, so `exclude-newer` cannot be applied to acme-tool" in result.stderr
    )
    assert "exclude-newer-packages = { acme-tool = false" in result.stderr
    assert not (project / "locks").exists()
    exempt = "exclude-newer-packages = { acme-tool = false, acme-base = false }"
    declare(LIMIT, exempt, where=where.get(place, ""))
    run_envbuild("lock", env=env, check=True)


def test_an_index_of_what_packages_ask_for_is_named_too(
    run_envbuild: CommandLine, index: IndexServer, own: IndexServer, python_version: str
) -> None:
    """A bound package that nobody asks for directly fails the lock in the same words."""
    index.add(Wheel(name="app", requires=("acme-base",)))
    own.add(BASE)
    own.offer = Offer(upload_times=False)
    bound = f'[[index]]\nname = "own"\nurl = "{own.url}"\npackages = ["acme-*"]\n'
    text = declare_drivers({"app": ["app"]}, python=python_version, more=bound)
    run_envbuild.declare(text.replace("[defaults]", f"[defaults]\n{LIMIT}"))
    result = run_envbuild("lock")
    assert result.code == 4, result
    assert "index 'own' (" in result.stderr
    assert "cannot be applied to acme-base" in result.stderr
