"""The store on disk, in a real folder: what is valid, what is current, what is refused."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.environment.receipt import Receipt, render_receipt
from envbuild.environment.survey import scan_contents
from envbuild.errors import HostError, NoError
from envbuild.store.guard import MARKER
from envbuild.store.manifest import Manifest, ManifestDriver, render_manifest
from envbuild.store.store import Store
from envbuild.value import replace
from tests.support.values import CREATED, digest, make_derivation, make_entry, make_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Another umask for a while."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture
def made(store: Path) -> Store:
    """A store that has been prepared."""
    found = Store(root=store)
    found.prepare()
    return found


def mode_of(path: Path) -> int:
    """A file's own permission bits."""
    return stat.S_IMODE(path.lstat().st_mode)


def build(store: Store, name: str = "asr", version: str = "1.0") -> ManifestDriver:
    """Put a small environment with its receipt into the store; its entry for a manifest."""
    entry = make_entry(name, version)
    environment = store.environments / Path(entry.environment).name
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / name).write_text("#!/bin/sh\n")
    store.write_receipt(
        Receipt(
            environment=environment.name,
            key=entry.key,
            created=CREATED,
            derivation=make_derivation(),
            contents=scan_contents(environment),
        )
    )
    return replace(
        entry,
        environment=str(environment),
        binary=f"{environment}/bin/{name}",
        stable_binary=f"{store.current}/{name}/bin/{name}",
        python=f"{environment}/bin/python",
    )


def switch(store: Store, *drivers: ManifestDriver) -> Manifest:
    """Make a generation of these drivers current."""
    with store.switching():
        manifest = make_manifest(*drivers, generation=store.next_generation())
        store.add_generation(manifest)
    return manifest


def test_a_private_umask_makes_a_store_for_everybody(scratch: Path) -> None:
    """Built as root under umask 077, service users reach every environment, and the cache nobody else."""
    root = scratch / "opt" / "envbuild" / "store"
    with umask(0o077):
        found = Store(root=root)
        found.prepare()
        entry = build(found)
        switch(found, entry)
    reached = [
        root.parent.parent,
        root.parent,
        root,
        found.environments,
        root / "receipts",
        root / "generations",
        root / "generations" / "1",
        root / "generations" / "1" / "bin",
    ]
    assert {str(path): oct(mode_of(path)) for path in reached} == {
        str(path): "0o755" for path in reached
    }
    for file in (MARKER, "current/manifest.json", f"receipts/{Path(entry.environment).name}.json"):
        assert mode_of(root / file) == 0o644
    assert mode_of(found.cache) == 0o700


def test_valid_is_what_has_a_receipt_and_stands(made: Store) -> None:
    """A killed build has no receipt; an environment that somebody removed does not stand."""
    entry = build(made)
    name = Path(entry.environment).name
    assert made.is_valid(name)
    assert not made.is_valid("asr-2.0-0123456789ab")
    made.receipt(name).unlink()
    assert not made.is_valid(name)
    other = Path(build(made, "other").environment)
    (other / "bin" / "other").unlink()
    (other / "bin").rmdir()
    other.rmdir()
    assert not made.is_valid(other.name)


def test_a_receipt_is_read_back_as_written(made: Store) -> None:
    """Its size is told from its first line, names that are no UTF-8 included in the rest."""
    environment = made.environment("x-1.0-0123456789ab")
    environment.mkdir()
    with open(os.fsencode(environment) + b"/no utf-8 \xff", "wb") as stream:  # noqa: PTH123
        stream.write(b"12345")
    receipt = Receipt(
        environment=environment.name,
        key=digest("x"),
        created=CREATED,
        derivation=make_derivation(),
        contents=scan_contents(environment),
    )
    made.write_receipt(receipt)
    assert made.receipt(environment.name).read_text(encoding="utf-8") == render_receipt(receipt)
    assert made.receipt_size(environment.name) == 5


def test_nothing_is_current_before_the_first_sync(store: Path, made: Store) -> None:
    """A store without a generation says so, and that is no damage."""
    for found in (Store(root=store.with_name("nowhere")), made):
        assert found.read_current() is None
        assert found.current_number() is None
        assert found.generation_numbers() == ()
        with pytest.raises(NoError, match="nothing has been synced"):
            found.require_current()


def test_a_generation_is_what_its_manifest_says(made: Store) -> None:
    """Links lead to environments, shims to their commands, and `current` to the whole of it."""
    asr = build(made, "asr")
    gateway = replace(
        build(made, "gateway"),
        commands=("gateway", "asr"),
        shims=(("gateway", "gateway"), ("asr", "gateway-asr")),
    )
    (Path(gateway.environment) / "bin" / "asr").write_text("")
    manifest = switch(made, asr, gateway)
    assert made.read_current() == manifest
    assert made.current.readlink() == Path("generations/1")
    assert made.current_number() == 1
    assert (made.current / "asr").resolve() == Path(asr.environment)
    assert sorted(path.name for path in (made.current / "bin").iterdir()) == [
        "asr",
        "gateway",
        "gateway-asr",
    ]
    assert (made.current / "bin" / "gateway-asr").resolve() == Path(
        f"{gateway.environment}/bin/asr"
    )
    assert Path(asr.stable_binary).resolve() == Path(asr.binary)


def test_a_store_that_is_moved_as_a_whole_keeps_its_links(made: Store, scratch: Path) -> None:
    """Links inside a store are relative, so that a mount point may change its name."""
    switch(made, build(made))
    made.root.rename(scratch / "moved")
    assert (scratch / "moved" / "current" / "bin" / "asr").resolve().is_file()


def test_generations_follow_one_another(made: Store) -> None:
    """Each switch takes a number that was never used, and the old generations stay."""
    entry = build(made)
    switch(made, entry)
    switch(made)
    assert made.generation_numbers() == (1, 2)
    assert made.current_number() == 2
    first = made.read_generation(1)
    assert first is not None
    assert first.drivers == (entry,)
    assert made.read_generation(3) is None


def test_numbers_are_not_used_again(made: Store) -> None:
    """Going back to an older generation does not make the next one overwrite a newer one."""
    for _ in range(3):
        switch(made)
    made.current.unlink()
    made.current.symlink_to("generations/1")
    assert made.next_generation() == 4


def test_a_record_that_goes_while_it_is_looked_for_names_nothing(made: Store) -> None:
    """A build looks at all generation records without the lock under which a gc takes some of them away."""
    entry = build(made)
    switch(made, entry)
    name = Path(entry.environment).name
    made.records.path(7).symlink_to("gone.json")  # listed, and not there to be read
    assert made.records.name(name) == (1,)


def test_a_generation_that_a_kill_left_half_made_is_no_generation(made: Store) -> None:
    """What a killed switch left is neither listed nor in the way, and leads nobody astray."""
    entry = build(made)
    half = made.root / "generations" / ".1.tmp"
    (half / "bin").mkdir(parents=True)
    (half / "asr").symlink_to(f"../../envs/{Path(entry.environment).name}")
    (half / "bin" / "asr").symlink_to("nowhere")
    (half / "manifest.json").write_text("{")
    assert made.generation_numbers() == ()
    manifest = switch(made, entry)
    assert manifest.generation == 1
    assert not half.exists()
    assert Path(entry.binary).is_file()


def test_a_generation_that_was_made_and_not_switched_to_is_passed_over(made: Store) -> None:
    """A kill between the two renames leaves the old generation current, and the next number is new."""
    switch(made)
    (made.root / "generations" / "2" / "bin").mkdir(parents=True)
    (made.root / "generations" / "2" / "manifest.json").write_text(
        render_manifest(make_manifest(generation=2))
    )
    assert made.current_number() == 1
    assert switch(made).generation == 3


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]"])
def test_a_damaged_manifest_is_named(made: Store, content: bytes) -> None:
    """A manifest that somebody spoilt is a host error with its path, not a bug."""
    switch(made)
    (made.generation(1) / "manifest.json").write_bytes(content)
    with pytest.raises(HostError, match=r"current/manifest\.json"):
        made.read_current()


def test_a_damaged_receipt_has_no_size(made: Store) -> None:
    """A receipt that was cut off is a host error with its path, not a bug."""
    name = Path(build(made).environment).name
    made.receipt(name).write_bytes(b"{")
    with pytest.raises(HostError, match=f"receipts/{name}.json"):
        made.receipt_size(name)


def test_a_current_that_leads_nowhere_is_no_generation(made: Store) -> None:
    """A generation that somebody removed is as if nothing was synced; its number is not used again."""
    made.current.symlink_to("generations/7")
    assert made.read_current() is None
    assert switch(made).generation == 8
    assert made.read_current() is not None


def test_a_private_folder_above_keeps_others_out(scratch: Path) -> None:
    """Whether service users reach a store depends on every folder above it, made or not yet made."""
    private = scratch / "private"
    private.mkdir(mode=0o700)
    assert not Store(root=private / "s").is_reachable
    private.chmod(0o755)
    assert Store(root=private / "s").is_reachable == Store(root=scratch).is_reachable
