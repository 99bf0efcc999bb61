"""`publish` on one host and `sync --from` on another: two stores at one path, one after the other."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from envbuild.release.compression import compress, decompress
from envbuild.release.layout import LayoutFolder
from envbuild.release.oci import CONFIG, descriptor_of, parse_manifest, render_manifest
from envbuild.value import replace
from tests.conftest import NOWHERE, remove_tree
from tests.support.command_line import ROOT, declare_drivers
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.command_line import CommandLine, Result
    from tests.support.index_server import IndexServer


class Fleet:
    """A publishing host, and hosts that follow it: each has the store's path for itself, and no index."""

    def __init__(self, run: CommandLine, index: IndexServer, store: Path, python: str) -> None:
        self.run = run
        self.index = index
        self.store = store
        self.python = python
        self.place = store.parent / "release"

    @property
    def source(self) -> str:
        """The release's folder, as the command line names it."""
        return f"dir:{self.place}"

    def build(self, version: str = "1.0", more: str = "") -> dict[str, str]:
        """Declare, lock and build a version of `web`; the content digests."""
        drivers = {"web": [f"web=={version}"], "gate": ["gate"]}
        self.run.declare(declare_drivers(drivers, python=self.python, more=more))
        self.run("lock", check=True)
        self.run("sync", check=True)
        return self.digests()

    def publish(self, *options: str) -> Result:
        """Publish into the folder."""
        return self.run("publish", "--no-tools", self.source, *options, check=True)

    def move_on(self) -> None:
        """Become another host: the same paths, an empty store, no declaration, no index."""
        remove_tree(self.store)
        for name in ("drivers.toml", "locks"):
            path = self.run.cwd / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def follow(self, *options: str) -> Result:
        """Follow the folder, as a host that reaches no index."""
        env = {"ENVBUILD_INDEX_DEFAULT_URL": NOWHERE}
        return self.run("sync", "--from", self.source, *options, env=env)

    def digests(self) -> dict[str, str]:
        """The content digest of each driver's environment in the current generation."""
        found = self.run("verify", "--format", "json", check=True).json
        number = self.current
        return {
            item["drivers"][0]: item["content"]
            for item in found["environments"]
            if number in item["generations"]
        }

    @property
    def current(self) -> int:
        """The current generation's number; 0 if there is none."""
        link = self.store / "current"
        return int(link.readlink().name) if link.is_symlink() else 0


@pytest.fixture
def fleet(run_envbuild: CommandLine, index: IndexServer, store: Path, python_version: str) -> Fleet:
    """Two versions of `web`, one of `gate`, and what both require."""
    index.add(
        *(command_wheel("web", version, requires=("base",)) for version in ("1.0", "1.1")),
        command_wheel("gate", "2.0", requires=("base",)),
        Wheel(name="base", files={"base.py": "VALUE = 1\n"}),
    )
    return Fleet(run_envbuild, index, store, python_version)


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


def test_an_expired_release_is_refused(fleet: Fleet) -> None:
    """What nobody has published anew for too long is not followed, unless somebody says so."""
    fleet.build()
    fleet.publish("--expires", "1s")
    fleet.move_on()
    time.sleep(1.1)
    refused = fleet.follow()
    assert refused.code == 1, refused
    assert "release 1 expired at" in refused.stderr
    assert fleet.current == 0
    taken = fleet.follow("--allow-older")
    assert taken.code == 0, taken
    assert fleet.current == 1


def wheel_blob(place: Path, name: str) -> Path:
    """The blob of a wheel in a release's folder."""
    for manifest in (place / "blobs/sha256").iterdir():
        if manifest.read_bytes()[:1] != b"{":
            continue
        for layer in json.loads(manifest.read_bytes()).get("layers", ()):
            if layer["annotations"]["org.opencontainers.image.title"].startswith(name):
                return place / "blobs/sha256" / str(layer["digest"]).removeprefix("sha256:")
    raise AssertionError(name)


@pytest.mark.parametrize("damage", ["flipped", "truncated", "missing"])
def test_a_damaged_blob_is_asked_of_the_next(fleet: Fleet, damage: str) -> None:
    """One source with a wrong blob costs a message; alone, and without an index, it costs the sync and nothing else."""
    built = fleet.build()
    fleet.publish()
    second = fleet.store.parent / "second"
    shutil.copytree(fleet.place, second)
    blob = wheel_blob(fleet.place, "base-")
    content = blob.read_bytes()
    blob.unlink()
    if damage == "flipped":
        blob.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    elif damage == "truncated":
        blob.write_bytes(content[:50])
    fleet.move_on()
    alone = fleet.follow("--only-from")
    assert alone.code == 4, alone
    assert "no source gave base-1.0-py3-none-any.whl of release 1" in alone.stderr
    assert fleet.current == 0
    done = fleet.follow("--from", f"dir:{second}", "--only-from")
    assert done.code == 0, done
    assert fleet.digests() == built


def test_what_no_source_gives_comes_from_the_index(fleet: Fleet) -> None:
    """A source is never the only way, unless somebody says so; the message says what was missing."""
    built = fleet.build()
    fleet.publish()
    wheel_blob(fleet.place, "base-").unlink()
    fleet.move_on()
    done = fleet.run("sync", "--from", fleet.source)
    assert done.code == 0, done
    assert "the index is asked" in done.stderr
    assert fleet.digests() == built


def test_a_host_with_lockfiles_goes_on_without_a_release(fleet: Fleet) -> None:
    """Where no source gives one, its own lockfiles and the index are the last source; unless it is told not to."""
    built = fleet.build()
    remove_tree(fleet.store)
    refused = fleet.run("sync", "--from", fleet.source, "--only-from")
    assert refused.code == 4, refused
    done = fleet.run("sync", "--from", fleet.source)
    assert done.code == 0, done
    assert f"warning: {fleet.source}: gives no release" in done.stderr
    assert "own lockfiles are taken" in done.stderr
    assert fleet.digests() == built
    (fleet.run.cwd / "locks/web.toml").unlink()
    alone = fleet.run("sync", "--from", fleet.source)
    assert alone.code == 4, alone


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


def test_another_content_is_not_switched_to(fleet: Fleet) -> None:
    """An environment that came out otherwise than released stays out of the generation: exit 4, by its name."""
    fleet.build()
    fleet.publish()
    release = fleet.store.parent / "false"
    shutil.copytree(fleet.place, release)
    rewrite(release, lambda text: text.replace('"content": "sha256:', '"content": "sha512:', 1))
    fleet.move_on()
    assert fleet.follow().code == 0
    damaged = fleet.run("sync", "--from", f"dir:{release}")
    assert damaged.code == 4
    assert "the release is damaged" in damaged.stderr

    def other(text: str) -> str:
        start = text.index('"content": "sha256:') + len('"content": "sha256:')
        return text[:start] + "0" * 64 + text[start + 64 :]

    shutil.rmtree(release)
    shutil.copytree(fleet.place, release)
    rewrite(release, other)
    fleet.move_on()
    done = fleet.run("sync", "--from", f"dir:{release}")
    assert done.code == 4, done
    assert "[not-as-released]" in done.stderr
    assert fleet.current == 0


def rewrite(place: Path, change: Callable[[str], str]) -> None:
    """Change the `release.json` of a folder as its owner could: with right digests everywhere."""
    folder = LayoutFolder(path=place)
    content = folder.manifest()
    assert content is not None
    manifest = parse_manifest(content)
    old = b"".join(folder.read(manifest.config, 0))
    text = decompress(old, most=1 << 24).decode()
    new = compress(change(text).encode())
    config = descriptor_of(CONFIG, new, manifest.config.annotations)
    folder.put(config, lambda: io.BytesIO(new))
    folder.finish(((None, render_manifest(replace(manifest, config=config))),))


def test_a_release_for_another_path_says_which_it_has(fleet: Fleet) -> None:
    """`--rebuild` builds it from the same wheels, at the path that this host has."""
    fleet.build()
    fleet.publish()
    fleet.move_on()
    env = {"ENVBUILD_STORE": f"{fleet.store}2", "ENVBUILD_INDEX_DEFAULT_URL": NOWHERE}
    refused = fleet.run("sync", "--from", fleet.source, env=env)
    assert refused.code == 5, refused
    assert f"in the store {fleet.store}, not {fleet.store}2" in refused.stderr
    assert "--rebuild" in refused.stderr
    done = fleet.run("sync", "--from", fleet.source, "--rebuild", "--only-from", env=env)
    assert done.code == 0, done


def test_a_declaration_of_the_host_must_agree(fleet: Fleet) -> None:
    """What is declared here and released otherwise is refused; what agrees is followed."""
    built = fleet.build()
    fleet.publish()
    declaration = (fleet.run.cwd / "drivers.toml").read_text()
    fleet.move_on()
    fleet.run.declare(declaration)
    assert fleet.follow("--only-from").code == 0
    assert fleet.digests() == built
    fleet.move_on()
    fleet.run.declare(declaration.replace("[drivers.web]", '[drivers.web]\nenv = { A = "1" }'))
    refused = fleet.follow()
    assert refused.code == 5, refused
    assert "from another declaration than this host has" in refused.stderr
    fleet.run.declare(declaration.replace("web==1.0", "web==1.1"))
    stale = fleet.follow()
    assert stale.code == 1, stale
    assert "does not agree" in stale.stderr
    assert fleet.current == 0


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


BAD = {
    "a digest for a tag": (("publish", "oci://r.example/x@sha256:00"), 2, "names a digest"),
    "a web root to write to": (("publish", "https://r.example/x"), 2, "can only be read"),
    "no kind": (("publish", "/srv/release"), 2, "does not say what kind"),
    "no such driver": (("publish", "dir:r", "nobody"), 2, "there is no driver 'nobody'"),
    "no such target": (("publish", "dir:r", "--target", "3.1-x"), 2, "no lockfile has a target"),
    "no age": (("publish", "dir:r", "--expires", "soon"), 2, "must be a duration"),
    "no key": (("publish", "dir:r", "--sign", "/no/key"), 2, "cannot sign"),
    "a folder of others": (("publish", "dir:."), 2, "has other files"),
    "no source": (("sync", "--only-from"), 2, "no source of one is named"),
    "nothing there": (
        ("sync", "--from", "dir:/no/release", "--only-from"),
        4,
        "nothing has been published",
    ),
    "build alone": (("sync", "--from", "dir:/r", "--build"), 2, "--fetch is not given"),
    "no folder": (("fetch",), 2, "name the folder"),
}


def test_bad_input(fleet: Fleet) -> None:
    """One clear message with a documented exit code, and nothing is lost."""
    fleet.build()
    for case, (argv, code, words) in BAD.items():
        done = fleet.run(*argv)
        assert done.code == code, (case, done)
        assert words in done.stderr, (case, done)
        assert "Traceback" not in done.stderr
    assert fleet.current == 1


def test_a_wrong_source_in_the_settings_is_named(fleet: Fleet) -> None:
    """The settings' own source is followed without an option, and an address that is none is refused."""
    built = fleet.build()
    fleet.publish()
    fleet.move_on()
    fleet.store.mkdir()
    (fleet.store / "settings.toml").write_text('[[source]]\nrelease = "nonsense"\n')
    assert fleet.run("sync").code == 2
    (fleet.store / "settings.toml").write_text(f'[[source]]\nrelease = "{fleet.source}"\n')
    done = fleet.run("sync", "--only-from")
    assert done.code == 0, done
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
