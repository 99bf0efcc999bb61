"""`envbuild lock` over a fake resolver and a real folder: what is resolved, kept, refused and written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.commands.lock import LockResult, Upgrade, targets_of
from envbuild.declaration.index import Index
from envbuild.errors import (
    IndexFailureError,
    Problem,
    UnsatisfiableError,
    UsageError,
)
from envbuild.lockfile.parse import parse_lockfile
from envbuild.value import replace
from tests.support.locking import FakeIndex, content, lock
from tests.support.values import LINUX, MAC, make_declaration, make_driver

if TYPE_CHECKING:
    from envbuild.lockfile.folder import LockFolder

ASR = make_driver("asr")
GATEWAY = make_driver("gateway")


def changes(result: LockResult, driver: str) -> list[tuple[str, str]]:
    """What changed for a driver."""
    (entry,) = (entry for entry in result.drivers if entry.driver == driver)
    return [(change.package, change.kind) for change in entry.changes]


def test_a_first_lock_writes_every_driver(folder: LockFolder, index: FakeIndex) -> None:
    """Each driver gets a lockfile of its own, and the result says what is in it."""
    result = lock(folder, index, ASR, GATEWAY)
    assert folder.drivers() == ("asr", "gateway")
    assert result.exit_code == 0
    assert [(d.driver, d.fresh, d.version, d.packages) for d in result.drivers] == [
        ("asr", False, "1.0", 2),
        ("gateway", False, "1.0", 2),
    ]
    assert result.drivers[0].reasons == ("there is no lockfile",)
    stored = folder.read("asr")
    assert stored is not None
    assert stored.lockfile.packages_for(LINUX)[1].required_by == ("asr",)


def test_every_driver_begins_before_one_goes_on(folder: LockFolder, index: FakeIndex) -> None:
    """The pages of all drivers are waited for at once: one target of each is resolved first."""
    two = tuple(replace(driver, python=("3.12", "3.11")) for driver in (ASR, GATEWAY))
    lock(folder, index, *two, jobs=1)
    assert [(request.driver, request.target.python) for request in index.requests] == [
        ("asr", "3.12"),
        ("gateway", "3.12"),
        ("asr", "3.11"),
        ("gateway", "3.11"),
    ]


def test_a_second_lock_asks_nobody_and_writes_nothing(folder: LockFolder, index: FakeIndex) -> None:
    """What is fresh stays as it is, to the byte, however the index has moved."""
    lock(folder, index, ASR)
    before = (folder.path / "asr.toml").stat()
    index.packages["idna"].append("4.0")
    index.requests.clear()
    result = lock(folder, index, ASR)
    assert index.requests == []
    after = (folder.path / "asr.toml").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert result.drivers[0].fresh
    assert result.all_fresh


def test_only_what_is_stale_is_resolved(folder: LockFolder, index: FakeIndex) -> None:
    """A change of one driver moves no pin of another."""
    lock(folder, index, ASR, GATEWAY)
    before = content(folder, "gateway")
    index.packages["idna"].append("4.0")
    changed = replace(ASR, constraints=("idna<5",))
    result = lock(folder, index, changed, GATEWAY)
    assert {request.driver for request in index.requests[2:]} == {"asr"}
    assert content(folder, "gateway") == before
    assert result.drivers[0].reasons == ("constraints: idna<5 is new",)


def test_a_relock_keeps_every_pin_that_still_fits(folder: LockFolder, index: FakeIndex) -> None:
    """What was tested together stays together; only what has to move does."""
    lock(folder, index, ASR)
    index.packages["idna"] = ["3.10", "4.0"]
    index.packages["asr"] = ["2.0"]
    result = lock(folder, index, replace(ASR, constraints=("x",)))
    assert changes(result, "asr") == [("asr", "moved")]
    assert index.requests[-1].pins[1].version == "3.10"


def test_upgrade_moves_everything(folder: LockFolder, index: FakeIndex) -> None:
    """`--upgrade` resolves as if there were no lockfile, and shows what moved."""
    lock(folder, index, ASR)
    index.packages["idna"].append("4.0")
    result = lock(folder, index, ASR, upgrade=Upgrade(everything=True))
    assert index.requests[-1].pins == ()
    assert changes(result, "asr") == [("idna", "moved")]


def test_upgrade_package_moves_that_package_alone(folder: LockFolder, index: FakeIndex) -> None:
    """`--upgrade-package` leaves every other pin, in every driver that has the package."""
    lock(folder, index, ASR, GATEWAY)
    for versions in index.packages.values():
        versions.append("9.0")
    result = lock(folder, index, ASR, GATEWAY, upgrade=Upgrade(packages=("idna",)))
    assert changes(result, "asr") == changes(result, "gateway") == [("idna", "moved")]
    assert result.drivers[0].reasons == ("an upgrade of idna was requested",)


def test_upgrade_of_a_package_that_no_lockfile_has_is_a_slip(
    folder: LockFolder, index: FakeIndex
) -> None:
    """A misspelt name is said before anything is resolved."""
    lock(folder, index, ASR)
    index.requests.clear()
    with pytest.raises(UsageError, match="no lockfile has idnaa"):
        lock(folder, index, ASR, upgrade=Upgrade(packages=("idna", "idnaa")))
    assert index.requests == []


def test_upgrade_of_a_package_before_any_lock_is_no_slip(
    folder: LockFolder, index: FakeIndex
) -> None:
    """A first lock takes the newest of everything anyhow."""
    assert lock(folder, index, ASR, upgrade=Upgrade(packages=("idna",))).exit_code == 0


def test_named_drivers_alone_are_locked(folder: LockFolder, index: FakeIndex) -> None:
    """`envbuild lock asr` leaves the others as they are, locked or not."""
    result = lock(folder, index, ASR, GATEWAY, names=("asr",))
    assert folder.drivers() == ("asr",)
    assert [entry.driver for entry in result.drivers] == ["asr"]


def test_an_unknown_name_is_refused_with_the_nearest(folder: LockFolder, index: FakeIndex) -> None:
    """A misspelt driver is exit code 2 and changes nothing."""
    with pytest.raises(UsageError) as caught:
        lock(folder, index, ASR, GATEWAY, names=("gatewy", "nothing"))
    first, second = caught.value.problems
    assert (first.message, first.hint) == (
        "there is no driver 'gatewy'",
        "did you mean 'gateway'?",
    )
    assert second.hint == "there are: asr, gateway"
    assert not folder.path.exists()


def test_a_disabled_driver_is_locked_only_by_name(folder: LockFolder, index: FakeIndex) -> None:
    """`enabled = false` takes a driver out of the fleet and not out of reach."""
    off = replace(GATEWAY, enabled=False)
    lock(folder, index, ASR, off)
    assert folder.drivers() == ("asr",)
    lock(folder, index, ASR, off, names=("gateway",))
    assert folder.drivers() == ("asr", "gateway")


def test_a_failure_writes_nothing_at_all(folder: LockFolder, index: FakeIndex) -> None:
    """One driver that cannot be resolved leaves every lockfile as it was; all problems are said."""
    index.failures = {
        "asr": UnsatisfiableError(Problem(message="no versions", detail="because …")),
        "gateway": UnsatisfiableError(Problem(message="no versions either")),
    }
    third = make_driver("embeddings")
    index.packages["embeddings"] = ["1.0"]
    with pytest.raises(UnsatisfiableError) as caught:
        lock(folder, index, ASR, GATEWAY, third)
    assert folder.drivers() == ()
    assert [(p.message, p.key, p.line) for p in caught.value.problems] == [
        ("no versions", "drivers.asr.requires", 2),
        ("no versions either", "drivers.gateway.requires", 2),
        ("nothing was written; these could have been locked: embeddings", None, None),
    ]
    assert caught.value.problems[0].detail == "because …"


def test_of_several_failures_the_one_to_mend_first_decides(
    folder: LockFolder, index: FakeIndex
) -> None:
    """The exit code is that of the index or host that kept others from an answer; all are said."""
    index.failures = {
        "asr": UnsatisfiableError(Problem(message="no versions")),
        "gateway": IndexFailureError(Problem(message="the index is down", file="drivers.toml")),
    }
    with pytest.raises(IndexFailureError) as caught:
        lock(folder, index, ASR, GATEWAY)
    assert len(caught.value.problems) == 2
    assert caught.value.problems[1].line is None


def test_one_problem_of_many_targets_is_said_once(folder: LockFolder, index: FakeIndex) -> None:
    """A driver that fails on every target alike says so once."""
    index.failures = {"asr": IndexFailureError(Problem(message="the index is down"))}
    wide = replace(ASR, python=("3.12", "3.11"), platforms=(str(LINUX.platform), str(MAC.platform)))
    with pytest.raises(IndexFailureError) as caught:
        lock(folder, index, wide)
    assert len(caught.value.problems) == 1


def test_every_target_is_resolved_for_itself(folder: LockFolder, index: FakeIndex) -> None:
    """A lockfile covers every declared Python on every platform, in the order declared."""
    wide = replace(ASR, python=("3.12", "3.11"), platforms=(str(LINUX.platform), str(MAC.platform)))
    lock(folder, index, wide)
    stored = folder.read("asr")
    assert stored is not None
    assert stored.lockfile.targets == targets_of(wide)
    assert sorted(str(request.target) for request in index.requests) == sorted(
        map(str, targets_of(wide))
    )


def test_a_new_target_begins_from_the_first_ones_pins(folder: LockFolder, index: FakeIndex) -> None:
    """A platform that is added gets the versions that the fleet runs already."""
    lock(folder, index, ASR)
    index.packages["idna"].append("4.0")
    wide = replace(ASR, platforms=(str(LINUX.platform), str(MAC.platform)))
    assert changes(lock(folder, index, wide), "asr") == []


def test_the_resolver_gets_what_was_declared(folder: LockFolder, index: FakeIndex) -> None:
    """Every input of a driver reaches the resolver."""
    driver = make_driver(
        "asr",
        "asr[x]>=1",
        constraints=("idna<4",),
        overrides=("idna==3.10",),
        exclude_newer="2026-11-01",
        allow_sdist=("docopt",),
    )
    lock(folder, index, driver)
    (request,) = index.requests
    assert request.requires == ("asr[x]>=1",)
    assert request.constraints == ("idna<4",)
    assert request.overrides == ("idna==3.10",)
    assert request.exclude_newer == "2026-11-01"
    assert request.allow_sdist == ("docopt",)


def test_packages_are_locked_to_the_index_they_are_bound_to(
    folder: LockFolder, index: FakeIndex
) -> None:
    """The lockfile names each package's index, by name alone."""
    bound = Index(
        name="internal",
        url="https://packages.example.com/simple",
        path=None,
        packages=("id*",),
        line=1,
    )
    declaration = make_declaration(ASR, indexes=(bound,))
    lock(folder, index, declaration=declaration)
    stored = folder.read("asr")
    assert stored is not None
    assert {p.name: p.index for p in stored.lockfile.packages} == {
        "asr": "default",
        "idna": "internal",
    }
    assert b"://" not in content(folder, "asr")


def test_metadata_that_is_locked_is_not_fetched_again(folder: LockFolder, index: FakeIndex) -> None:
    """A re-lock reads what files say only where the file is new."""
    lock(folder, index, ASR)
    assert len(index.fetched) == 2
    index.fetched.clear()
    index.packages["idna"].append("4.0")
    lock(folder, index, ASR, upgrade=Upgrade(everything=True))
    assert index.fetched == ["idna-4.0-py3-none-any.whl"]
    stored = folder.read("asr")
    assert stored is not None
    assert {p.name: p.requires for p in stored.lockfile.packages}["asr"] == ("idna",)


def test_the_same_index_gives_the_same_bytes(folder: LockFolder, index: FakeIndex) -> None:
    """Two colleagues who lock the same thing write the same file."""
    lock(folder, index, ASR, GATEWAY)
    before = content(folder, "asr")
    (folder.path / "asr.toml").unlink()
    lock(folder, index, GATEWAY, ASR)
    assert content(folder, "asr") == before
    assert parse_lockfile(before.decode(), file="x").driver == "asr"
