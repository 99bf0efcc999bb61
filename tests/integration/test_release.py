"""`publish` on one host and `sync --from` on another: two stores at one path, one after the other."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys

from envbuild.release.oci import CONFIG, descriptor_of, parse_manifest, render_manifest
from envbuild.value import replace
from tests.support.command_line import NOWHERE, ROOT, declare_drivers
from tests.support.folders import remove_tree
from tests.support.releases import Fleet, fleet

__all__ = ["fleet"]


def test_a_host_with_nothing_follows_a_release(fleet: Fleet) -> None:
    """A release is enough: no declaration, no lockfile, no index; and both hosts are equal bit for bit."""
    built = fleet.build()
    published = json.loads(fleet.publish("--format", "json").stdout)
    assert published["sequence"] == 1
    assert {one["driver"]: one["content"] for one in published["environments"]} == built
    fleet.move_on()
    done = fleet.follow("--only-from", "--format", "json")
    assert done.code == 0, done
    assert done.json["release"]["sequence"] == 1
    assert done.json["switched"] is True
    assert fleet.digests() == built
    again = fleet.follow("--format", "json")
    assert again.code == 0, again
    assert again.json["empty"] is True
    assert fleet.current == 1


def test_a_tar_is_the_same_release(fleet: Fleet) -> None:
    """What goes by a disk is what goes by a folder: one digest, and one tar, byte for byte."""
    built = fleet.build()
    folder = json.loads(fleet.publish("--format", "json").stdout)
    tars = [fleet.store.parent / name for name in ("one.tar", "two.tar")]
    for tar in tars:
        again = fleet.run(
            "publish", "--no-tools", f"tar:{tar}", "--format", "json", check=True
        ).json
        assert again["digest"] == folder["digest"]
    assert tars[0].read_bytes() == tars[1].read_bytes()
    fleet.move_on()
    env = {"ENVBUILD_FROM": f"tar:{tars[0]}", "ENVBUILD_INDEX_DEFAULT_URL": NOWHERE}
    done = fleet.run("sync", env=env)
    assert done.code == 0, done
    assert fleet.digests() == built


def test_publishing_again_writes_what_is_new(fleet: Fleet) -> None:
    """Nothing new is no release; one package that moved is its wheel, its bytecode and the config."""
    fleet.build()
    fleet.publish()
    again = fleet.publish("--format", "json").json
    assert (again["unchanged"], again["sequence"], again["uploaded"]["blobs"]) == (True, 1, 0)
    fleet.build("1.1")
    moved = fleet.publish("--format", "json").json
    assert (moved["sequence"], moved["previous"]) == (2, again["digest"])
    assert moved["uploaded"]["blobs"] <= 3


def test_another_library_packs_another_config(fleet: Fleet) -> None:
    """Its bytes are not written under the name of the last config: where that is not, there is a new release."""
    fleet.build()
    fleet.publish()
    last = fleet.store / "releases" / "published.manifest.json"
    packed = parse_manifest(last.read_bytes())
    other = b"by another library"
    config = descriptor_of(CONFIG, other, packed.config.annotations)
    last.write_bytes(render_manifest(replace(packed, config=config)))
    (fleet.place / "blobs" / "sha256" / config.sha256).write_bytes(other)
    assert fleet.publish("--format", "json").json["sequence"] == 1
    fleet.place = fleet.store.parent / "second"
    moved = fleet.publish("--format", "json").json
    for blob in (fleet.place / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    assert moved["sequence"] == 2


def test_a_host_goes_on_with_the_release(fleet: Fleet) -> None:
    """A second release makes a second generation; going back takes a word."""
    fleet.build()
    fleet.publish()
    first = fleet.store.parent / "first"
    shutil.copytree(fleet.place, first)
    built = fleet.build("1.1")
    fleet.publish()
    fleet.move_on()
    assert fleet.run("sync", "--from", f"dir:{first}").code == 0
    assert fleet.follow("--only-from").code == 0
    assert fleet.digests()["web"] == built["web"]
    older = fleet.run("sync", "--from", f"dir:{first}")
    assert older.code == 1
    assert "release 1 is older than release 2" in older.stderr
    assert "--allow-older" in older.stderr
    assert fleet.current == 2
    assert fleet.run("sync", "--from", f"dir:{first}", "--allow-older").code == 0
    assert fleet.current == 3


def test_only_what_is_built_for_a_published_target_goes_along(fleet: Fleet) -> None:
    """Of another Python than the store's there are wheels, and neither bytecode nor an environment."""
    other = "3.12" if fleet.python != "3.12" else "3.13"
    declared = declare_drivers({"web": ["web"]}, python=fleet.python)
    fleet.run.declare(declared.replace(f'"{fleet.python}"', f'["{fleet.python}", "{other}"]', 1))
    fleet.run("lock", check=True)
    fleet.run("sync", check=True)
    lockfile = (fleet.run.cwd / "locks/web.toml").read_text()
    (target,) = (line.strip(' ",') for line in lockfile.splitlines() if f'  "{other}-' in line)
    published = fleet.publish("--target", target, "--format", "json").json
    assert published["environments"] == []
    both = fleet.publish("--format", "json").json
    assert [one["target"].split("-")[0] for one in both["environments"]] == [fleet.python]


def test_a_release_of_some_drivers_is_followed(fleet: Fleet) -> None:
    """A host without a declaration has those that were published, and no other."""
    built = fleet.build()
    fleet.publish("web")
    fleet.move_on()
    done = fleet.follow("--only-from")
    assert done.code == 0, done
    assert fleet.digests() == {"web": built["web"]}
    assert fleet.follow("--only-from", "--format", "json").json["empty"] is True


def test_gc_removes_what_releases_have_left(fleet: Fleet) -> None:
    """Blobs and files of old releases go; what the current generation was made from stays."""
    fleet.build()
    fleet.publish()
    fleet.follow()
    fleet.build("1.1")
    fleet.publish()
    fleet.move_on()
    first = fleet.store.parent / "first"
    shutil.copytree(fleet.place, first)
    assert fleet.follow("--only-from").code == 0
    (fleet.store / "releases/1-0123456789ab").mkdir()
    (kept,) = (fleet.store / "releases").glob("2-*")
    assert any((fleet.store / "cache/blobs").iterdir())
    fleet.run("gc", "--cache", "--wait", check=True)
    assert not (fleet.store / "cache/blobs").exists()
    assert sorted((fleet.store / "releases").glob("*-*")) == [kept]
    assert fleet.follow("--only-from", "--format", "json").json["empty"] is True


def compilations(fleet: Fleet, *options: str) -> int:
    """How many processes compiled modules while the folder was followed."""
    trace = fleet.store.parent / "trace"
    argv = ("strace", "-f", "-qq", "-e", "trace=execve", "-s", "200", "-o", str(trace))
    done = fleet.run.wrapped(argv, "sync", "--from", fleet.source, "--only-from", *options)
    assert done.code == 0, done
    return trace.read_text().count("wheelcache/worker.py")


def test_only_a_trusted_signature_brings_bytecode(fleet: Fleet) -> None:
    """With one, wheels are not compiled again; without, with a foreign one, or a revoked key, they are."""
    for name in ("ours", "theirs"):
        argv = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(fleet.store.parent / name))
        subprocess.run(argv, check=True)
    ours, theirs = (fleet.store.parent / name for name in ("ours", "theirs"))
    built = fleet.build()
    done = fleet.publish("--sign", str(ours), "--format", "json")
    assert done.json["signed"] is True
    counts = {}
    for trusted in (ours, theirs, None):
        fleet.move_on()
        fleet.store.mkdir()
        if trusted is not None:
            key = trusted.with_suffix(".pub").read_text().strip()
            (fleet.store / "settings.toml").write_text(f"[trust]\nkeys = [{json.dumps(key)}]\n")
        counts[trusted] = compilations(fleet)
        again = fleet.follow("--format", "json").json
        assert again["release"]["trusted"] is (trusted is ours)
        assert fleet.digests() == built
    assert counts[ours] < counts[theirs] == counts[None]


def test_fetching_beforehand_switches_to_nothing(fleet: Fleet) -> None:
    """The slow part comes first; what is left then needs no source."""
    built = fleet.build()
    fleet.publish()
    fleet.move_on()
    assert fleet.follow("--fetch", "--only-from").code == 0
    assert fleet.current == 0
    for blob in (fleet.place / "blobs/sha256").iterdir():
        if blob.read_bytes()[:2] == b"PK":
            blob.unlink()
    assert fleet.follow("--fetch", "--build", "--only-from").code == 0
    assert fleet.current == 0
    assert fleet.follow("--only-from").code == 0
    assert fleet.digests() == built


def test_wheels_for_a_host_without_network(fleet: Fleet) -> None:
    """`fetch` fills a folder that `[[index]] path` takes, and fetches nothing twice."""
    built = fleet.build()
    out = fleet.store.parent / "wheels"
    first = fleet.run("fetch", "--out", str(out), "--format", "json", check=True).json
    assert sorted(path.name for path in out.iterdir()) == [one["file"] for one in first["files"]]
    assert all(one["downloaded"] for one in first["files"])
    again = fleet.run("fetch", "--out", str(out), "--format", "json", check=True).json
    assert not any(one["downloaded"] for one in again["files"])
    one = next(out.iterdir())
    one.write_bytes(b"damaged")
    assert fleet.run("fetch", "--out", str(out), "--format", "json", check=True).json["files"] != []
    remove_tree(fleet.store)
    env = {"ENVBUILD_INDEX_DEFAULT_URL": str(out)}
    assert fleet.run("sync", env=env).code == 0
    assert fleet.digests() == built


def test_nothing_new_is_seen_at_once_and_what_is_new_too(fleet: Fleet) -> None:
    """With nothing new no program starts; another release, declaration or setting, and a lost environment, count."""
    fleet.build()
    fleet.publish()
    first, second = (fleet.store.parent / name for name in ("first", "second"))
    shutil.copytree(fleet.place, first)
    fleet.build("1.1")
    declaration = (fleet.run.cwd / "drivers.toml").read_text()
    fleet.publish()
    fleet.place.rename(second)
    shutil.copytree(first, fleet.place)
    fleet.move_on()
    assert fleet.follow("--only-from").code == 0
    trace = fleet.store.parent / "trace"
    argv = ("strace", "-f", "-qq", "-e", "trace=execve", "-o", str(trace))
    idle = fleet.run.wrapped(argv, "sync", "--from", fleet.source, "--only-from", check=True)
    assert "nothing to do: generation 1" in idle.stdout
    assert "release 1 of" in idle.stdout
    assert sum("execve(" in line for line in trace.read_text().splitlines()) == 1

    settings = fleet.store / "settings.toml"
    settings.write_text('link-mode = "nonsense"\n')
    assert fleet.follow().code == 2
    settings.unlink()
    fleet.run.declare(declaration)
    assert "does not agree" in fleet.follow().stderr
    (fleet.run.cwd / "drivers.toml").unlink()
    environment = (fleet.store / "current/web").resolve().name
    (fleet.store / f"receipts/{environment}.json").unlink()
    again = fleet.follow("--format", "json")
    assert again.json["built"] == ["web"]
    shutil.rmtree(fleet.place)
    shutil.copytree(second, fleet.place)
    assert fleet.follow("--only-from").code == 0
    assert fleet.current == 2


def test_a_plan_on_paper_adds_up(fleet: Fleet) -> None:
    """What `scripts/fleet-plan` prints are the bytes and blobs of the release, for so many hosts and rings."""
    fleet.build()
    fleet.publish()
    before = fleet.store.parent / "before"
    shutil.copytree(fleet.place, before)
    fleet.build("1.1")
    moved = fleet.publish("--format", "json").json
    argv = (sys.executable, ROOT / "scripts/fleet-plan", fleet.source, "--before", f"dir:{before}")
    options = ("--hosts", "1000", "--caches", "4", "--rings", "1,10%,100%", "--signed")
    done = subprocess.run((*argv, *options), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    rows = {line[:22].strip(): line[22:].split() for line in done.stdout.splitlines()}
    layers = moved["blobs"] - 1
    assert rows["a first host"][:3] == [f"{moved['size'] / 1e6:.2f}", "MB", f"{layers + 4}"]
    assert rows["a host that has --before"[:22]][-7:-5] == ["MB", "6"]
    rings = [line.split()[:2] for line in done.stdout.splitlines() if line.endswith(" 0 bytes")]
    assert rings == [["1", "1"], ["2", "100"], ["3", "899"]]
    missing = subprocess.run(
        (*argv[:2], "dir:/nowhere"), capture_output=True, text=True, timeout=60
    )
    assert missing.returncode == 4
    assert "nothing has been published to dir:/nowhere" in missing.stderr
