"""`gc` on a store made by hand: managed Pythons, and what is known of the bytes."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest

from envbuild.commands.gc import Collected, GcOptions, gc
from envbuild.environment.content_digest import Contents, FileEntry
from envbuild.environment.receipt import Receipt
from envbuild.posix.file_locks import locked
from envbuild.report.store import gc_table, render_gc
from envbuild.store.processes import count_hidden
from envbuild.store.pythons import LOCK, WHOLE
from envbuild.store.store import Store
from envbuild.value import replace
from tests.support.plain_user import as_plain_user
from tests.support.values import CREATED, digest, make_derivation, make_entry, make_manifest

OLD = "cpython-3.12.1-linux-x86_64-gnu"
NEW = "cpython-3.12.9-linux-x86_64-gnu"


@pytest.fixture
def made(store: Path) -> Store:
    """A store with generation 1, whose one environment was built on the newer of two Pythons."""
    found = Store(root=store)
    found.prepare()
    for name in (OLD, NEW):
        _install(found, name)
    _build(found, "web-1.0-0", NEW)
    entry = make_entry("web", "1.0", environment=str(found.environment("web-1.0-0")))
    with found.switching():
        found.add_generation(make_manifest(entry, generation=1))
    return found


def _install(store: Store, name: str, *, age: float = 7200.0) -> Path:
    """A managed Python that was complete so many seconds ago; it is a copy of `sleep`."""
    folder = store.pythons / name
    (folder / "bin").mkdir(parents=True)
    shutil.copy(shutil.which("sleep") or "/bin/sleep", folder / "bin/python3.12")
    (folder / WHOLE).touch()
    os.utime(folder / WHOLE, (time.time() - age,) * 2)
    return folder


def _build(store: Store, name: str, python: str) -> None:
    environment = store.environment(name)
    (environment / "bin").mkdir(parents=True)
    (environment / "bin/x").write_bytes(bytes(5000))
    file = FileEntry(path="bin/x", mode=0o644, size=5000, sha256=digest("x"))
    store.write_receipt(
        Receipt(
            environment=name,
            key=digest(name),
            created=CREATED,
            derivation=make_derivation(str(store.pythons / python / "bin/python3.12")),
            contents=Contents(files=(file,), links=(), folders=()),
        )
    )


def _reasons(result: Collected) -> dict[str, tuple[str, ...]]:
    return {kept.subject: kept.reasons for kept in result.plan.kept}


def test_a_python_that_nothing_needs_goes(made: Store) -> None:
    """What no kept environment was built on is taken away, and what led to it; the other says why it stays."""
    (made.pythons / "cpython-3.12-linux-x86_64-gnu").symlink_to(NEW)
    (made.pythons / "cpython-3.11-linux-x86_64-gnu").symlink_to(OLD)
    assert gc(made, GcOptions(dry_run=True)).plan.pythons == (OLD,)
    assert (made.pythons / OLD / WHOLE).exists()
    result = gc(made, GcOptions(wait=True))
    assert result.plan.pythons == (OLD,)
    assert _reasons(result)[NEW] == ("needed by web-1.0-0",)
    assert (result.freed or 0) > 0
    left = sorted(path.name for path in made.pythons.iterdir() if path.name != LOCK)
    assert left == ["cpython-3.12-linux-x86_64-gnu", NEW]
    assert f"removed Python {OLD}\n" in render_gc(result)
    assert gc_table(result)["pythons"] == [OLD]


def test_a_python_goes_with_its_last_environment(made: Store) -> None:
    """What was built on it goes first, in the same gc."""
    _build(made, "web-0.9-0", OLD)
    assert gc(made, GcOptions(older_than=timedelta(days=36500))).plan.pythons == ()
    result = gc(made, GcOptions(wait=True))
    assert (result.plan.environments, result.plan.pythons) == (("web-0.9-0",), (OLD,))


def test_a_python_stays_with_an_environment_that_runs(made: Store) -> None:
    """An environment that is about to be used keeps its Python too."""
    _build(made, "web-0.9-0", OLD)
    with locked(made.claim("web-0.9-0"), shared=True):
        result = gc(made, GcOptions())
    assert result.plan.pythons == ()
    assert _reasons(result)[OLD] == ("needed by web-0.9-0",)


def test_the_link_of_an_environment_counts_where_its_receipt_is_damaged(made: Store) -> None:
    """A changed receipt costs no interpreter."""
    (made.environment("web-1.0-0") / "bin/python").symlink_to(made.pythons / NEW / "bin/python3.12")
    made.receipt("web-1.0-0").write_text("nonsense")
    result = gc(made, GcOptions())
    assert result.plan.pythons == (OLD,)
    assert (made.pythons / NEW / WHOLE).exists()


@pytest.mark.skipif(not Path("/proc/self/exe").exists(), reason="asks /proc")
def test_a_python_that_runs_stays(made: Store) -> None:
    """A process of the interpreter itself, of no environment, keeps it."""
    with subprocess.Popen((made.pythons / OLD / "bin/python3.12", "60")) as process:
        try:
            (reason,) = _reasons(gc(made, GcOptions()))[OLD]
        finally:
            process.kill()
    assert reason.startswith(f"in use by pid {process.pid} of user ")


def test_a_python_that_was_just_installed_stays(made: Store) -> None:
    """The environment that it was installed for is about to be built."""
    _install(made, "cpython-3.13.1-linux-x86_64-gnu", age=60)
    result = gc(made, GcOptions())
    assert result.plan.pythons == (OLD,)
    (reason,) = _reasons(result)["cpython-3.13.1-linux-x86_64-gnu"]
    assert reason.startswith("installed after ")


def test_pythons_stay_while_a_sync_runs(made: Store) -> None:
    """Whoever builds or installs may be about to need any of them."""
    for lock in (made.cache_lock, made.pythons / LOCK):
        with locked(lock, shared=True):
            result = gc(made, GcOptions())
        assert result.plan.pythons == ()
        assert _reasons(result)[OLD] == ("a sync is running",)
    assert (made.pythons / OLD / WHOLE).exists()


def test_what_was_never_whole_goes(made: Store) -> None:
    """A killed installation left it, and uv would take it for complete."""
    (made.pythons / OLD / WHOLE).unlink()
    assert gc(made, GcOptions()).plan.pythons == (OLD,)


def test_what_is_not_ours_stays(made: Store) -> None:
    """Only folders that uv names so are taken."""
    (made.pythons / "notes").mkdir()
    gc(made, GcOptions(wait=True))
    assert (made.pythons / "notes").is_dir()


def test_at_most_is_told_before_it_is_deleted(made: Store) -> None:
    """Without waiting, a gc knows the bound of what it frees; the one after it knows the figure."""
    shutil.rmtree(made.pythons)
    _build(made, "web-0.9-0", NEW)
    result = gc(made, GcOptions())
    assert (result.freed, result.at_most, result.last) == (None, 5000, None)
    assert "4.9 KiB at most" in render_gc(result)
    deadline = time.monotonic() + 10
    while (last := gc(made, GcOptions()).last) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert last.freed >= 8192
    again = gc(made, GcOptions())
    assert (again.freed, again.at_most) == (0, 0)


def test_no_bound_is_made_up(made: Store) -> None:
    """Where a half of an environment went, nobody knows how large it was until it is deleted."""
    (made.environment("half-1.0-0") / "bin").mkdir(parents=True)
    result = gc(made, GcOptions())
    assert result.plan.environments == ("half-1.0-0",)
    assert result.at_most is None


def test_what_comes_into_use_while_it_goes_is_put_back(
    made: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that starts at the very moment of a gc keeps its environment, receipt and all."""
    _build(made, "asr-1.0-0", NEW)
    environment, receipt = made.environment("asr-1.0-0"), made.receipt("asr-1.0-0")
    (environment / ".lease").touch()
    environment.chmod(0o555)
    content = receipt.read_bytes()
    held = []
    real = os.rename

    def renamed(source: os.PathLike[str], target: os.PathLike[str]) -> None:
        if Path(source) == environment:
            held.append((environment / ".lease").open("rb"))
            fcntl.fcntl(held[-1], fcntl.F_OFD_SETLK, bytes(32))
        real(source, target)

    monkeypatch.setattr(os, "rename", renamed)
    plan = gc(made, GcOptions(keep=1, wait=True)).plan
    held[0].close()
    assert plan.environments == ()
    assert [kept.reasons for kept in plan.kept if kept.subject == environment.name] == [
        ("it came into use",)
    ]
    assert receipt.read_bytes() == content
    assert environment.stat().st_mode & 0o777 == 0o555


def test_what_cannot_be_looked_into_is_said(made: Store) -> None:
    """A gc that is not root's knows others' processes by lease and command line alone, and says how many those are."""
    _build(made, "asr-1.0-0", NEW)
    result = replace(gc(made, GcOptions(keep=1, wait=True)), hidden=3)
    assert "\n3 processes of other users could not be inspected" in render_gc(result)
    assert gc_table(result)["hidden"] == 3


@pytest.mark.root
def test_processes_of_root_are_hidden_from_others(scratch: Path) -> None:
    """Who may not look into a process counts it among those."""

    def some_are_hidden() -> None:
        assert count_hidden() > 0

    assert as_plain_user(scratch, some_are_hidden) == 0
