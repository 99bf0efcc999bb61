"""What a release costs on its way, counted by a proxy: bytes, requests, uploads; every way comes to the same."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.fleet.registries import static_root
from tests.support.command_line import NOWHERE, declare_drivers
from tests.support.folders import remove_tree
from tests.support.wheels import Wheel, command_wheel

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fleet.conftest import Registered

SMALL = 40
"""Packages beside those that move: the manifest and `release.json` grow with them."""


def words(seed: int, lines: int) -> str:
    """A module that is compressed as people's modules are, to a fourth or so."""
    chosen = random.Random(seed)
    return "".join(
        f"def name_{chosen.randrange(10**9)}(value):\n    return value * {chosen.randrange(10**6)}\n"
        for _ in range(lines)
    )


def large(version: str) -> Wheel:
    """A package of some megabytes: libraries for the most part, and many modules."""
    seed = int(version.replace(".", "")) * 1000
    modules = {f"large/m{number}.py": words(seed + number, 400) for number in range(20)}
    return Wheel(
        name="large",
        version=version,
        files={**modules, "large/__init__.py": "", "large/lib.so": os.urandom(3 << 20)},
    )


def declared(registered: Registered, *, small: str = "1.0", big: str = "1.0") -> dict[str, str]:
    """Lock and build with these versions of the two packages that move; the content digests."""
    others = [f"other{number}" for number in range(SMALL)]
    requires = ["web==1.0", f"small=={small}", f"large=={big}", *others]
    registered.run.declare(declare_drivers({"web": requires}, python=registered.python))
    registered.run("lock", check=True)
    registered.run("sync", check=True)
    return registered.digests()


@pytest.fixture
def figures(registered: Registered, scratch: Path) -> Registered:
    """Forty small packages, one that moves, and a large one."""
    registered.index.add(
        *(Wheel(name=f"other{n}", files={f"other{n}.py": words(n, 100)}) for n in range(SMALL)),
        *(command_wheel("small", version, requires=("other1",)) for version in ("1.0", "1.1")),
        *(large(version) for version in ("1.0", "1.1")),
    )
    key = scratch / "key"
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key), check=True)
    return registered


def follow(figures: Registered, scratch: Path) -> tuple[int, int]:
    """Follow the tag as a host that trusts the key and has no files; bytes and requests to it."""
    host = scratch / "host"
    host.mkdir(exist_ok=True)
    public = (scratch / "key.pub").read_text().strip()
    figures.store.mkdir(exist_ok=True)
    (figures.store / "settings.toml").write_text(f'[trust]\nkeys = ["{public}"]\n')
    figures.between.reset()
    argv = ("sync", "--from", figures.source, "--only-from")
    env = {"ENVBUILD_INDEX_DEFAULT_URL": NOWHERE}
    figures.run(*argv, cwd=host, env=env, check=True)
    return figures.between.sent, len(figures.between.requests)


def test_what_moves_and_no_more(figures: Registered, scratch: Path) -> None:
    """A first host gets little more than its wheels; what has moved brings itself, its bytecode and the lists."""
    sign = ("publish", "--no-tools", figures.source, "--sign", str(scratch / "key"))
    json = ("--format", "json")
    host = scratch / "followed"
    sizes: dict[str, int] = {}
    built = declared(figures)
    for name in ("first", "small", "large"):
        if name == "small":
            built = declared(figures, small="1.1")
        elif name == "large":
            built = declared(figures, small="1.1", big="1.1")
        figures.between.reset()
        published = figures.run(*sign, *json, check=True).json
        uploads = [one for one in figures.between.requests if one.method == "PUT"]
        if name != "first":
            assert published["uploaded"]["blobs"] <= 3
            blobs = [one for one in uploads if "/blobs/" in one.path]
            manifests = [one for one in uploads if "/manifests/" in one.path]
            signature = 2
            assert (len(blobs) <= 3 + signature, len(manifests)) == (True, 2)
        wheels = figures.run("fetch", "--out", "wheels", *json, check=True).json["files"]
        sizes |= {one["package"]: one["size"] for one in wheels}
        publisher = figures.store.rename(scratch / "publisher")
        if host.exists():
            host.rename(figures.store)
        sent, requests = follow(figures, scratch)
        assert figures.digests() == built
        total = sum(sizes.values())
        if name == "first":
            assert sent <= 1.15 * total, (sent, total)
        elif name == "small":
            assert (sent <= 300_000, requests <= 6) == (True, True), (sent, requests)
        else:
            assert sent <= 1.4 * sizes["large"], (sent, sizes["large"])
            assert requests <= 6, requests
        idle, asked = follow(figures, scratch)
        assert (idle, asked) == (0, 1)
        figures.store.rename(host)
        publisher.rename(figures.store)


def test_every_way_comes_to_the_same(figures: Registered, scratch: Path) -> None:
    """Index, folder, tar, web root and registry: the same content digests, at one store's path."""
    built = declared(figures)
    folder, tar = scratch / "ways/folder", scratch / "ways/fleet.tar"
    places = (f"dir:{folder}", f"tar:{tar}", figures.source)
    digests = {
        figures.run("publish", "--no-tools", place, "--format", "json", check=True).json["digest"]
        for place in places
    }
    assert len(digests) == 1
    with static_root(folder) as url:
        for place in (*places, url):
            figures.move_on()
            env = {"ENVBUILD_INDEX_DEFAULT_URL": NOWHERE}
            figures.run("sync", "--from", place, "--only-from", env=env, check=True)
            assert figures.digests() == built, place
    remove_tree(figures.store)
    declared(figures)
    assert figures.digests() == built
    shutil.rmtree(scratch / "ways")
