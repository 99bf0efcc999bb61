"""`publish oci://…` and `sync --from oci://…` with docker's registry."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.fleet.registries import docker_registry, login_line, need, static_root
from tests.support.command_line import NOWHERE, declare_drivers
from tests.support.folders import remove_tree
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fleet.conftest import Registered
    from tests.support.releases import Fleet

OFFLINE = {"ENVBUILD_INDEX_DEFAULT_URL": NOWHERE}


def test_a_host_follows_a_tag(registered: Registered) -> None:
    """A registry brings what a folder brings; nothing new costs one request."""
    built = registered.build()
    published = registered.publish("--format", "json").json
    assert published["uploaded"]["blobs"] == published["blobs"]
    again = registered.publish("--format", "json").json
    assert (again["unchanged"], again["uploaded"]["blobs"]) == (True, 0)
    registered.move_on()
    done = registered.follow("--only-from", "--format", "json")
    assert done.code == 0, done
    assert done.json["release"]["digest"] == published["digest"]
    assert registered.digests() == built
    registered.between.reset()
    assert registered.follow("--only-from").code == 0
    assert [one.path.rpartition("/")[2] for one in registered.between.requests] == ["ring-1"]


def test_one_package_moved(registered: Registered) -> None:
    """The publisher sends three blobs at most, and a host asks six times at most."""
    registered.build()
    registered.publish()
    registered.move_on()
    assert registered.follow("--only-from").code == 0
    followed = registered.store.rename(registered.store.with_name("host"))
    built = registered.build("1.1")
    registered.between.reset()
    moved = registered.publish("--format", "json").json
    assert moved["uploaded"]["blobs"] <= 3
    remove_tree(registered.store)
    followed.rename(registered.store)
    for path in (registered.run.cwd / "drivers.toml", *(registered.run.cwd / "locks").iterdir()):
        path.unlink()
    registered.between.reset()
    assert registered.follow("--only-from").code == 0
    assert len(registered.between.requests) <= 6, registered.between.requests
    assert registered.digests()["web"] == built["web"]


def test_what_another_repository_has_is_mounted(registered: Registered) -> None:
    """A release that is promoted into another repository sends no wheel again."""
    registered.build()
    registered.publish()
    registered.between.reset()
    other = f"oci://{registered.between.host}/fleet/stable:ring-1"
    registered.run("publish", "--no-tools", other, check=True)
    sent = registered.between.received
    manifest = 20_000
    assert sent < manifest
    asked = [one.path for one in registered.between.requests if one.method == "POST"]
    assert asked != []
    assert all("mount=" in path for path in asked)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("401", "requires a user and a password (401)"),
        ("403", "does not permit it (403)"),
        ("404", "nothing has been published"),
        ("429", "asks to try again later (429)"),
        ("502", "failed (502)"),
        ("hang", "did not answer in time"),
        ("hang up", "cannot be reached"),
        ("redirect", "redirects endlessly"),
        ("flip", "is not a release of envbuild"),
        ("cut", "stopped in the middle"),
    ],
)
def test_a_broken_registry_costs_a_message(registered: Registered, fault: str, words: str) -> None:
    """Exit 4 with the reason, and `current` stays; a second source helps at once."""
    built = registered.build()
    registered.publish()
    good = registered.store.parent / "good"
    registered.run("publish", "--no-tools", f"dir:{good}", check=True)
    registered.move_on()
    registered.between.fault = lambda _, path: fault if "/manifests/" in path else None
    env = {**OFFLINE, "ENVBUILD_HTTP_TIMEOUT": "1", "ENVBUILD_HTTP_DEADLINE": "3"}
    started = time.monotonic()
    done = registered.run("sync", "--from", registered.source, env=env)
    assert done.code == 4, done
    assert words in done.stderr, done
    assert registered.current == 0
    assert time.monotonic() - started < 60
    named = ("--from", registered.source, "--from", f"dir:{good}", "--only-from")
    done = registered.run("sync", *named, env=env)
    assert done.code == 0, done
    assert registered.digests() == built


@pytest.mark.parametrize("fault", ["404", "502", "429", "flip", "cut", "hang up", "hang"])
def test_a_broken_blob_costs_a_message(registered: Registered, fault: str) -> None:
    """Blobs come from the next source, else the sync fails and keeps what arrived whole."""
    built = registered.build()
    registered.publish()
    good = registered.store.parent / "good"
    registered.run("publish", "--no-tools", f"dir:{good}", check=True)
    manifest = registered.run(
        "publish", "--no-tools", registered.source, "--format", "json", check=True
    ).json
    registered.move_on()
    config = json.loads(
        next(
            path.read_text()
            for path in (good / "blobs/sha256").iterdir()
            if path.name == manifest["digest"].removeprefix("sha256:")
        )
    )["config"]["digest"]
    registered.between.fault = lambda _, path: (
        fault if "/blobs/" in path and config not in path else None
    )
    env = {**OFFLINE, "ENVBUILD_HTTP_TIMEOUT": "1", "ENVBUILD_HTTP_DEADLINE": "3"}
    alone = registered.run("sync", "--from", registered.source, "--only-from", env=env)
    assert alone.code == 4, alone
    assert "no source has" in alone.stderr
    assert registered.current == 0
    named = ("--from", registered.source, "--from", f"dir:{good}", "--only-from")
    done = registered.run("sync", *named, env=env)
    assert done.code == 0, done
    assert registered.digests() == built


class Killer:
    """Kills a publish at its n-th request that is not a GET."""

    def __init__(self, stop: int) -> None:
        self.left = stop
        self.process: subprocess.Popen[str] | None = None

    def __call__(self, method: str, path: str) -> str | None:
        """How to spoil a request."""
        del path
        self.left -= method != "GET"
        if self.left == 0 and self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            return "hang up"
        return None


def test_a_publish_that_is_killed_costs_nothing(registered: Registered, scratch: Path) -> None:
    """At whichever request it dies, hosts see the old release or the new one, and the next publish ends it."""
    registered.build()
    first = registered.publish("--format", "json").json["digest"]
    registered.build("1.1")
    there = {first}
    for stop in range(1, 40):
        killer = Killer(stop)
        registered.between.fault = killer
        killer.process = registered.run.start("publish", "--no-tools", registered.source)
        killer.process.communicate(timeout=60)
        registered.between.fault = None
        argv = ("sync", "--from", registered.source, "--dry-run", "--format", "json")
        seen = registered.run(*argv, cwd=scratch, check=True).json["release"]["digest"]
        there.add(seen)
        code = killer.process.returncode
        if code == 0:
            break
        assert code == -signal.SIGKILL
    assert code == 0
    assert len(there) == 2
    assert seen != first
    assert stop > 3


def test_credentials_are_those_of_docker_and_podman(fleet: Fleet, scratch: Path) -> None:
    """Without any: 401 and the files' names; with a wrong one: 401; with docker's or podman's: it goes."""
    built = fleet.build()
    right = base64.b64encode(b"ops:secret").decode()
    with docker_registry(scratch / "registry", login=login_line("ops", "secret")) as host:
        place = f"oci://{host}/fleet/web:ring-1"
        refused = fleet.run("publish", "--no-tools", place)
        assert refused.code == 5, refused
        assert "requires a user and a password (401)" in refused.stderr
        assert "docker's or podman's" in refused.stderr
        docker, podman = scratch / "docker", scratch / "auth.json"
        docker.mkdir()
        for login, code in ((base64.b64encode(b"ops:wrong").decode(), 5), (right, 0)):
            (docker / "config.json").write_text(json.dumps({"auths": {host: {"auth": login}}}))
            done = fleet.run("publish", "--no-tools", place, env={"DOCKER_CONFIG": str(docker)})
            assert done.code == code, done
            assert "secret" not in done.stderr + done.stdout
        fleet.move_on()
        podman.write_text(json.dumps({"auths": {f"{host}/fleet": {"auth": right}}}))
        env = {**OFFLINE, "REGISTRY_AUTH_FILE": str(podman)}
        done = fleet.run("sync", "--from", place, env=env)
        assert done.code == 0, done
        assert fleet.digests() == built


def test_skopeo_moves_a_release_unharmed(registered: Registered, scratch: Path) -> None:
    """From a folder into a registry, from there into a folder: the same digests, and hosts follow both."""
    skopeo = need("skopeo")
    key = scratch / "key"
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)), check=True)
    built = registered.build()
    folder = scratch / "folder"
    argv = ("publish", "--no-tools", f"dir:{folder}", "--sign", str(key), "--format", "json")
    digest = registered.run(*argv, check=True).json["digest"]
    signature = f"{digest.replace(':', '-')}.sig"
    copy = (
        skopeo,
        "--insecure-policy",
        "copy",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
    )
    away, back = f"docker://{registered.registry}/moved", scratch / "back"
    for tag in ("latest", signature):
        for one, other in (
            (f"oci:{folder}:{tag}", f"{away}:{tag}"),
            (f"{away}:{tag}", f"oci:{back}:{tag}"),
        ):
            copied = subprocess.run((*copy, one, other), capture_output=True, text=True)
            assert copied.returncode == 0, copied.stderr
    trust = f"[trust]\nkeys = [{json.dumps(key.with_suffix('.pub').read_text().strip())}]\n"
    for source in (f"dir:{back}", f"oci://{registered.registry}/moved"):
        registered.move_on()
        registered.store.mkdir()
        (registered.store / "settings.toml").write_text(trust)
        done = registered.run(
            "sync", "--from", source, "--only-from", "--format", "json", env=OFFLINE
        )
        assert done.code == 0, done
        assert done.json["release"] == {
            "sequence": 1,
            "digest": digest,
            "source": source,
            "trusted": True,
        }
        assert registered.digests() == built


def test_a_static_root_is_followed(registered: Registered, scratch: Path) -> None:
    """Any web server gives a release's folder to hosts."""
    built = registered.build()
    folder = scratch / "www"
    registered.run("publish", "--no-tools", f"dir:{folder}", check=True)
    registered.move_on()
    with static_root(folder) as url:
        done = registered.run("sync", "--from", url, "--only-from", env=OFFLINE)
        assert done.code == 0, done
        missing = registered.run("sync", "--from", f"{url}/nowhere", env=OFFLINE)
        assert missing.code == 4, missing
        assert "nothing has been published" in missing.stderr
    assert registered.digests() == built


def test_without_tls_it_needs_leave(fleet: Fleet) -> None:
    """A place elsewhere without TLS could change lockfiles on the way."""
    refused = fleet.run("sync", "--from", "http://192.0.2.1/release")
    assert refused.code == 2
    assert "has no TLS" in refused.stderr
    assert "--insecure" in refused.stderr


def test_a_large_blob_goes_on_where_it_broke(registered: Registered) -> None:
    """A connection that breaks while gigabytes are sent costs the rest, and not all of it."""
    registered.index.add(Wheel(name="big", files={"big.bin": os.urandom(9 << 20)}))
    drivers = {"web": ["web==1.0", "big"]}
    registered.run.declare(declare_drivers(drivers, python=registered.python))
    registered.run("lock", check=True)
    registered.run("sync", check=True)
    broken: list[str] = []

    def fault(method: str, path: str) -> str | None:
        if method != "PATCH" or broken:
            return None
        broken.append(path)
        return "hang up"

    registered.between.fault = fault
    registered.publish()
    assert len(broken) == 1
    registered.between.fault = None
    registered.move_on()
    assert registered.follow("--only-from").code == 0


def test_a_killed_upload_goes_on_in_a_later_publish(registered: Registered) -> None:
    """What the registry has as whole requests is not sent again; an upload that it has forgotten begins anew."""
    size = 40 << 20
    registered.index.add(Wheel(name="big", files={"big.bin": os.urandom(size)}))
    drivers = {"web": ["web==1.0", "big"]}
    registered.run.declare(declare_drivers(drivers, python=registered.python))
    registered.run("lock", check=True)
    registered.run("sync", check=True)
    pieces: list[str] = []
    processes: list[subprocess.Popen[str]] = []

    def kill(method: str, path: str) -> str | None:
        pieces.append(path) if method == "PATCH" else None
        if method != "PATCH" or len(pieces) < 3:
            return None
        os.killpg(processes[0].pid, signal.SIGKILL)
        return "hang up"

    registered.between.fault = kill
    processes.append(registered.run.start("publish", "--no-tools", registered.source))
    processes[0].communicate(timeout=60)
    assert processes[0].returncode == -signal.SIGKILL
    registered.between.fault = None
    registered.between.reset()
    registered.publish()
    assert 7 << 20 < registered.between.received < size // 2
    sessions = registered.store / "cache/uploads.json"
    assert json.loads(sessions.read_text()) == {}
    registered.move_on()
    assert registered.follow("--only-from").code == 0


def test_an_upload_that_is_forgotten_begins_anew(registered: Registered) -> None:
    """A registry drops old uploads, and a hostile one names an address elsewhere: neither costs more than bytes."""
    registered.index.add(Wheel(name="big", files={"big.bin": os.urandom(9 << 20)}))
    drivers = {"web": ["web==1.0", "big"]}
    registered.run.declare(declare_drivers(drivers, python=registered.python))
    registered.run("lock", check=True)
    registered.run("sync", check=True)
    wheels = registered.run("fetch", "--out", "wheels", "--format", "json", check=True).json
    (big,) = [one for one in wheels["files"] if one["package"] == "big"]
    root = f"http://{registered.between.host}/v2/fleet/web"
    addresses = (f"{root}/blobs/uploads/00000000-0000-0000-0000-000000000000", "http://192.0.2.1/")
    for number, address in enumerate(addresses):
        upload = f"{root}{number} sha256:{big['sha256']}"
        (registered.store / "cache/uploads.json").write_text(json.dumps({upload: address}))
        place = f"oci://{registered.between.host}/fleet/web{number}:1"
        done = registered.run("publish", "--no-tools", place)
        assert done.code == 0, done


def test_a_registry_that_takes_no_pieces_gets_all_in_one(registered: Registered) -> None:
    """Some refuse an upload in parts."""
    registered.index.add(Wheel(name="big", files={"big.bin": os.urandom(20 << 20)}))
    drivers = {"web": ["web==1.0", "big"]}
    registered.run.declare(declare_drivers(drivers, python=registered.python))
    registered.run("lock", check=True)
    registered.run("sync", check=True)
    refused: list[str] = []

    def fault(method: str, path: str) -> str | None:
        if method == "GET" and "/uploads/" in path:
            return "404"
        if method != "PATCH" or refused:
            return None
        refused.append(path)
        return "416"

    registered.between.fault = fault
    registered.publish()
    assert len(refused) == 1
    sent = [one for one in registered.between.requests if one.method == "PATCH"]
    ranges = [one.headers["content-range"] for one in sent]
    assert (ranges[0], ranges[1][:6]) == ("0-16777215", "0-2097")
    registered.between.fault = None
    registered.move_on()
    assert registered.follow("--only-from").code == 0


def test_a_repository_that_is_not_there_is_said(registered: Registered) -> None:
    """Some registries make none by themselves: 404 for whatever is written is a message, and no bug."""
    registered.build()
    registered.between.fault = lambda method, _: "404" if method in ("POST", "PUT") else None
    done = registered.run("publish", "--no-tools", registered.source)
    assert done.code == 5, done
    assert "there is no such repository" in done.stderr
