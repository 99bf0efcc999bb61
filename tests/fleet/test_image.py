"""Images by a registry and tools that others wrote, and started by podman."""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.fleet.registries import Between, docker_registry, need
from tests.support.base_image import host_layer, write_base
from tests.support.images import Images, images
from tests.support.releases import fleet

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["fleet", "images"]

pytestmark = pytest.mark.skipif(
    "ENVBUILD_FLEET" not in os.environ, reason="NOT TESTED: the session `fleet` runs this"
)


def test_two_hosts_make_the_same_image(images: Images) -> None:
    """Two stores at one path, one of which follows the other's release: equal bit for bit."""
    images.build()
    images.publish()
    first = images.image("--format", "json")
    assert first.code == 0, first
    again = images.image("--format", "json").json
    assert (again["unchanged"], again["uploaded"]["blobs"]) == (True, 0)
    assert again["digest"] == first.json["digest"]
    files = {
        name: (images.run.cwd / name).read_bytes() for name in ("drivers.toml", "locks/web.toml")
    }
    images.move_on()
    assert images.follow("--only-from").code == 0
    (images.run.cwd / "locks").mkdir()
    for name, content in files.items():
        (images.run.cwd / name).write_bytes(content)
    other = images.image("--format", "json", to="other").json
    assert other["digest"] == first.json["digest"]
    assert other["sboms"] == first.json["sboms"]


def test_a_package_that_moves_changes_its_layer(images: Images) -> None:
    """The others stay as they are: a registry has them."""
    images.build()
    before = images.image("--format", "json").json
    images.build("1.1")
    after = images.image("--format", "json").json
    digests = {one["digest"] for one in before["layers"]}
    moved = [one["title"] for one in after["layers"] if one["digest"] not in digests]
    assert after["digest"] != before["digest"]
    assert "environment" in moved
    assert len(after["layers"]) > 2


def test_a_registry_takes_an_image_and_sends_nothing_twice(images: Images, scratch: Path) -> None:
    """Base and destination in one registry: the base's layers are mounted; skopeo moves and reads the image."""
    skopeo = need("skopeo")
    images.build()
    with docker_registry(scratch / "registry") as host, Between(host) as between:
        layout = images.base.removeprefix("oci-layout:").partition("@")[0]
        base = f"docker://{host}/bases/python:1"
        copy = (skopeo, "copy", "-q", "--src-tls-verify=false", "--dest-tls-verify=false")
        subprocess.run((*copy, f"oci:{layout}", base), check=True)
        digest = images.base.partition("@")[2]
        to = f"oci://{between.host}/images/web:1"
        argv = ("image", "web", "--base", f"oci://{between.host}/bases/python@{digest}", "--to", to)
        done = images.run(*argv, "--format", "json")
        assert done.code == 0, done
        mounted = [one.path for one in between.requests if "mount=" in one.path]
        assert any(str(done.json["layers"][0]["digest"])[7:] in path for path in mounted)
        between.reset()
        again = images.run(*argv, "--format", "json").json
        assert (again["unchanged"], between.received) == (True, 0)
        inspected = subprocess.run(
            (skopeo, "inspect", "--tls-verify=false", f"docker://{host}/images/web:1"),
            check=True,
            capture_output=True,
            text=True,
        )
        seen = json.loads(inspected.stdout)
        assert seen["Digest"] == done.json["digest"]
        assert seen["Labels"]["org.opencontainers.image.title"] == "web"
        subprocess.run((*copy, f"docker://{host}/images/web:1", f"oci:{scratch}/back"), check=True)
        index = json.loads((scratch / "back/index.json").read_text())
        assert index["manifests"][0]["digest"] == done.json["digest"]


PODMAN = """
umount /sys/fs/cgroup/unified 2>/dev/null
set -e
podman="podman --root $1/root --runroot $1/run --storage-driver vfs --cgroup-manager cgroupfs"
image=$($podman pull -q oci:$2:latest)
$podman run --rm --cgroups=disabled --network=none --read-only --tmpfs /tmp:rw \
    --ulimit nofile=$3:$3 --ulimit nproc=1000:1000 $image --version
$podman rmi -f $image >/dev/null
"""
"""Within a mount namespace: crun refuses the hybrid cgroups that some hosts have."""


def podman(images: Images, scratch: Path) -> subprocess.CompletedProcess[str]:
    """Start the image in the folder."""
    most = str(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    argv = ("unshare", "-m", "sh", "-c", PODMAN, "sh", str(scratch / "podman"))
    return subprocess.run(
        (*argv, str(images.store.parent / "image"), most),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def started(images: Images, scratch: Path, python: Path) -> Images:
    """Images upon a base with the C library and this Python, where podman can start one."""
    need("podman")
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: podman is started as root here")
    digest = write_base(images.store.parent / "base", (host_layer(python=python),))
    images.base = f"oci-layout:{images.store.parent / 'base'}@{digest}"
    return images


def test_podman_starts_the_command(started: Images, scratch: Path) -> None:
    """Upon a base with Python, as the base's own user, on a file system that cannot be written."""
    started.build()
    assert started.image("gate").code == 0
    done = podman(started, scratch)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "web 1.0\n"


def test_podman_starts_what_brings_its_python(
    started: Images, scratch: Path, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's Python is in the image, with bytecode, and the base needs none."""
    started.build()
    prefix, version = python.resolve().parents[1], platform.python_version()
    name = f"cpython-{version}-linux-x86_64-gnu"
    shutil.copytree(prefix, started.store / "pythons" / name, symlinks=True, ignore=_unneeded)
    (started.store / "pythons" / name / ".envbuild-whole").touch()
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # no other Python of this version
    started.python = version
    started.build()
    more = (prefix / "bin" / python.resolve().name, *prefix.glob("lib/python3*/lib-dynload/*"))
    digest = write_base(started.store.parent / "bare", (host_layer(python=None, more=more),))
    started.base = f"oci-layout:{started.store.parent / 'bare'}@{digest}"
    made = started.image("--format", "json")
    assert made.code == 0, made
    assert "python" in [layer["title"] for layer in made.json["layers"]]
    assert started.image("--format", "json", to="again").json["digest"] == made.json["digest"]
    done = podman(started, scratch)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "web 1.0\n"


def _unneeded(folder: str, names: list[str]) -> list[str]:
    """What a Python does not need to start."""
    del folder
    return [
        name for name in names if name in ("test", "site-packages", "idlelib") or name[-2:] == ".a"
    ]
