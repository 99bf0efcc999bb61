"""What breaks while a release is published or followed: it costs a message, never a wrong environment."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.fleet.registries import Between, docker_registry, login_line, need
from tests.support.command_line import NOWHERE, declare_drivers
from tests.support.folders import remove_tree
from tests.support.http import Handler, LoopbackServer
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fleet.conftest import Registered
    from tests.support.releases import Fleet

OFFLINE = {
    "ENVBUILD_INDEX_DEFAULT_URL": NOWHERE,
    "ENVBUILD_HTTP_TIMEOUT": "2",
    "ENVBUILD_HTTP_DEADLINE": "5",
}


def build_big(fleet: Fleet, size: int) -> dict[str, str]:
    """Build `web` with a large package that cannot be compressed; the content digests."""
    fleet.index.add(Wheel(name="big", files={"big.bin": os.urandom(size)}))
    fleet.run.declare(declare_drivers({"web": ["web==1.0", "big"]}, python=fleet.python))
    fleet.run("lock", check=True)
    fleet.run("sync", check=True)
    return fleet.digests()


def big_blob(fleet: Fleet) -> str:
    """The end of the path of the large package's blob."""
    done = fleet.run("fetch", "--out", "wheels", "--format", "json", check=True)
    (big,) = [one for one in done.json["files"] if one["package"] == "big"]
    return f"sha256:{big['sha256']}"


def test_a_registry_that_dies_inside_a_blob(fleet: Fleet, scratch: Path) -> None:
    """It ends while a wheel is on its way: what came stays, and the next sync takes the rest from another."""
    built = build_big(fleet, size := 4 << 20)
    blob = big_blob(fleet)
    with ExitStack() as first, Between("") as between:
        between.behind = first.enter_context(docker_registry(scratch / "registry"))
        source = f"oci://{between.host}/fleet/web:1"
        fleet.run("publish", "--no-tools", source, check=True)
        fleet.move_on()
        asked: list[str] = []

        def die(_: str, path: str) -> str | None:
            if asked and between.sent > size // 3:  # the half of it is on its way
                first.close()
                return "hang up"
            if path.endswith(blob):
                asked.append(path)
                return "cut"
            return None

        between.fault = die
        between.reset()
        broken = fleet.run("sync", "--from", source, "--only-from", env=OFFLINE)
        assert broken.code == 4, broken
        assert asked
        assert fleet.current == 0
        between.fault = None
        between.reset()
        with docker_registry(scratch / "registry") as again:
            between.behind = again
            done = fleet.run("sync", "--from", source, "--only-from", env=OFFLINE)
            assert done.code == 0, done
        assert between.sent < size * 3 // 4
    assert fleet.digests() == built


def test_a_blob_that_breaks_off_again_and_again_arrives(registered: Registered) -> None:
    """Each answer brings half of what is left, and nothing is sent twice."""
    built = build_big(registered, size := 4 << 20)
    blob = big_blob(registered)
    registered.publish()
    registered.move_on()
    cut: list[str] = []

    def fault(method: str, path: str) -> str | None:
        if method != "GET" or not path.endswith(blob) or len(cut) == 3:
            return None
        cut.append(path)
        return "cut"

    registered.between.fault = fault
    registered.between.reset()
    for _ in range(5):
        done = registered.run("sync", "--from", registered.source, "--only-from", env=OFFLINE)
        if done.code == 0:
            break
        assert done.code == 4, done
    assert done.code == 0, done
    assert len(cut) == 3
    assert registered.between.sent < size * 11 // 10
    assert registered.digests() == built


class Storage(LoopbackServer):
    """What a registry leads to for blobs; notes with which headers it was asked."""

    def __init__(self, blobs: Path) -> None:
        super().__init__(_Stored)
        self.blobs = blobs


class _Stored(Handler):
    server: Storage

    def respond(self) -> None:
        """A blob of docker's registry, by the digest at the path's end."""
        digest = self.path.rpartition(":")[2]
        found = self.server.blobs / digest[:2] / digest / "data"
        self.answer(200, found.read_bytes()) if found.is_file() else self.answer(404)


def test_blobs_may_lie_in_another_storage(fleet: Fleet, scratch: Path) -> None:
    """A redirect is followed, and the other server gets no credentials of the registry."""
    built = fleet.build()
    blobs = scratch / "registry/data/docker/registry/v2/blobs/sha256"
    with (
        docker_registry(scratch / "registry", login=login_line("me", "secret")) as host,
        Between(host) as between,
        Storage(blobs) as storage,
    ):
        docker = scratch / "docker"
        docker.mkdir()
        entry = {"auth": base64.b64encode(b"me:secret").decode()}
        (docker / "config.json").write_text(json.dumps({"auths": {between.host: entry}}))
        env = {**OFFLINE, "DOCKER_CONFIG": str(docker)}
        source = f"oci://{between.host}/fleet/web:1"
        index = {"DOCKER_CONFIG": str(docker)}
        fleet.run("publish", "--no-tools", source, env=index, check=True)
        fleet.move_on()
        between.fault = lambda method, path: (
            f"to {storage.origin}/{path.rpartition('/')[2]}"
            if method == "GET" and "/blobs/" in path
            else None
        )
        done = fleet.run("sync", "--from", source, "--only-from", env=env)
        assert done.code == 0, done
    assert fleet.digests() == built
    assert len(storage.requests) >= 3
    assert all("authorization" not in one.headers for one in storage.requests)
    assert any("authorization" in one.headers for one in between.requests)


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[None]:
    """A disk of its own at a path; the test is skipped where none can be mounted."""
    place.mkdir(parents=True)
    argv = ("mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(place))
    if subprocess.run(argv, capture_output=True, check=False).returncode != 0:
        pytest.skip("NOT TESTED: no tmpfs can be mounted here")
    try:
        yield
    finally:
        subprocess.run(("umount", "-l", str(place)), check=True)


def test_a_full_disk_where_it_is_published(fleet: Fleet, scratch: Path) -> None:
    """Exit 5 and a message; hosts see the old release, and with room the next publish goes on."""
    fleet.build()
    with small_disk(scratch / "small", "8m"):
        place = f"dir:{scratch / 'small/release'}"
        fleet.run("publish", "--no-tools", place, check=True)
        index = (scratch / "small/release/index.json").read_bytes()
        build_big(fleet, 12 << 20)
        full = fleet.run("publish", "--no-tools", place)
        assert full.code == 5, full
        assert "No space left on device" in full.stderr
        assert (scratch / "small/release/index.json").read_bytes() == index
        subprocess.run(("mount", "-o", "remount,size=64m", str(scratch / "small")), check=True)
        assert fleet.run("publish", "--no-tools", place).code == 0
        assert (scratch / "small/release/index.json").read_bytes() != index
        assert not list((scratch / "small/release/blobs/sha256").glob(".*"))


def test_a_full_disk_where_it_is_followed(fleet: Fleet) -> None:
    """Exit 5 and a message; `current` stays, and with room the next sync goes on with what came."""
    fleet.build()
    fleet.publish()
    first = fleet.store.parent / "first"
    shutil.copytree(fleet.place, first)
    built = build_big(fleet, 24 << 20)
    fleet.publish()
    fleet.move_on()
    with small_disk(fleet.store, "16m"):
        assert fleet.run("sync", "--from", f"dir:{first}", env=OFFLINE).code == 0
        full = fleet.follow("--only-from")
        assert full.code == 5, full
        said = " ".join(full.stderr.split())  # uv breaks its lines where a path makes them long
        assert "No space left on device" in said
        assert fleet.current == 1
        subprocess.run(("mount", "-o", "remount,size=256m", str(fleet.store)), check=True)
        done = fleet.follow("--only-from")
        assert done.code == 0, done
        assert fleet.digests()["web"] == built["web"]
        fleet.run("verify", check=True)


def test_a_clock_that_was_set_back_makes_no_old_release_good(fleet: Fleet) -> None:
    """An expired release stays expired for a host that has followed a later one, whatever its clock says."""
    need("faketime")
    fleet.build()
    fleet.publish("--expires", "1s")
    expired = fleet.store.parent / "expired"
    shutil.copytree(fleet.place, expired)
    time.sleep(1.1)
    fleet.build("1.1")
    fleet.publish()
    fleet.move_on()
    assert fleet.follow().code == 0
    argv = ("faketime", "-f", "-400d")
    for options, words in (((), "expired at"), ((), "is older than release 2")):
        refused = fleet.run.wrapped(argv, "sync", "--from", f"dir:{expired}", *options)
        assert refused.code == 1, refused
        assert words in refused.stderr
    assert fleet.current == 1


def test_a_key_that_is_taken_back_counts_no_more(fleet: Fleet, scratch: Path) -> None:
    """From the next sync on; and nothing of the release but its wheels is taken then."""
    key = scratch / "key"
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key), check=True)
    fleet.build()
    fleet.publish("--sign", str(key))
    fleet.move_on()
    fleet.store.mkdir()
    settings = fleet.store / "settings.toml"
    settings.write_text(f'[trust]\nkeys = ["{key.with_suffix(".pub").read_text().strip()}"]\n')
    assert fleet.follow("--format", "json").json["release"]["trusted"] is True
    settings.write_text("[trust]\nkeys = []\n")
    again = fleet.follow("--format", "json")
    assert (again.code, again.json["release"]["trusted"]) == (0, False)


def test_two_publish_at_once(registered: Registered) -> None:
    """Both end well, and the tag has one of the two releases as a whole."""
    built = {}
    processes = []
    for version in ("1.0", "1.1"):
        built[version] = registered.build(version)["web"]
        processes.append(registered.run.start("publish", "--no-tools", registered.source))
        for _ in range(600):  # until it has read what it publishes
            if len(processes) == 2 or any(x.method == "HEAD" for x in registered.between.requests):
                break
            time.sleep(0.05)
    codes = [(process.communicate(timeout=120), process.returncode)[1] for process in processes]
    assert codes == [0, 0]
    registered.move_on()
    done = registered.follow("--only-from")
    assert done.code == 0, done
    assert registered.digests()["web"] in built.values()


def test_gc_while_it_is_fetched(registered: Registered) -> None:
    """A gc of everything, caches too, takes nothing away from a sync that is fetching."""
    built = registered.build()
    registered.publish()
    registered.move_on()
    fetching, collected = threading.Event(), threading.Event()

    def wait(method: str, path: str) -> str | None:
        if method == "GET" and "/blobs/" in path:
            fetching.set()
            collected.wait(30)
        return None

    registered.between.fault = wait
    process = registered.run.start("sync", "--from", registered.source, "--only-from")
    assert fetching.wait(60)
    for options in (("--cache", "--wait"), ("--keep", "1", "--wait")):
        registered.run("gc", *options)
    collected.set()
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert registered.digests() == built
    remove_tree(registered.store)
