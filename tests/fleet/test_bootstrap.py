"""A host without network and without anything but Python: it starts from a disk."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.fleet.registries import need
from tests.support.folders import remove_tree
from tests.support.releases import Fleet, fleet

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["fleet"]

HOST = """
set -e
ip link set lo up
cd "$1"
tar -xf "$2" start.py
"$3" -I start.py "$2" --key "$4"
./envbuild-tools/bin/envbuild sync --from "tar:$2" --only-from
./envbuild-tools/bin/envbuild run web --version
./envbuild-tools/bin/envbuild verify --format json > verified.json
"""
"""The folder, the tar, the Python, the key."""


def add_python(fleet: Fleet, python: Path) -> str:
    """Make this Python one of the store's, as envbuild installs them; its folder's name."""
    version = platform.python_version()
    name = f"cpython-{version}-linux-{platform.machine()}-gnu"
    place = fleet.store / "pythons" / name
    unneeded = shutil.ignore_patterns("test", "site-packages", "idlelib", "*.a")
    shutil.copytree(python.resolve().parents[1], place, symlinks=True, ignore=unneeded)
    (place / ".envbuild-whole").touch()
    return name


@pytest.mark.parametrize("key", ["ours", "theirs"])
def test_a_host_starts_from_a_disk_with_python_alone(
    fleet: Fleet, scratch: Path, python: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """A tar, Python and `lo`: envbuild, the released Python and the environments come of it, equal bit for bit.

    The key that the host was told must have signed it, else nothing runs.
    """
    need("unshare")
    keys = {name: scratch / name for name in ("ours", "theirs")}
    for path in keys.values():
        subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path), check=True)
    fleet.build()
    add_python(fleet, python)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # no other Python of this version
    fleet.python = platform.python_version()
    built = fleet.build()
    tar = scratch / "fleet.tar"
    done = fleet.run("publish", f"tar:{tar}", "--pythons", "--sign", str(keys["ours"]))
    assert done.code == 0, done
    remove_tree(fleet.store)
    fleet.store.mkdir()
    told = keys[key].with_suffix(".pub").read_text().strip()
    (fleet.store / "settings.toml").write_text(f'[trust]\nkeys = ["{told}"]\n')
    host = scratch / "host"
    host.mkdir()
    env = {"PATH": "/usr/sbin:/usr/bin:/bin", "HOME": str(host), "ENVBUILD_STORE": str(fleet.store)}
    argv = ("unshare", "-n", "sh", "-c", HOST, "sh", str(host), str(tar), str(python), told)
    ran = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=180, check=False)
    if key == "theirs":
        assert ran.returncode != 0
        assert "has not signed this release" in ran.stderr
        assert os.listdir(fleet.store) == ["settings.toml"]  # noqa: PTH208
        return
    assert ran.returncode == 0, ran.stderr
    assert "web 1.0\n" in ran.stdout
    assert fleet.digests() == built
    for path in (fleet.store / "envs").glob("*/bin/python"):
        assert path.resolve().is_relative_to(fleet.store / "pythons")


def test_a_python_needs_a_signature(
    fleet: Fleet, python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever can write to the source decides on no program that a host starts."""
    need("unshare")
    fleet.build()
    name = add_python(fleet, python)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    fleet.python = platform.python_version()
    fleet.build()
    fleet.publish("--pythons")
    fleet.move_on()
    refused = fleet.follow("--only-from")
    assert refused.code == 5, refused
    assert "the release's Pythons are refused" in refused.stderr
    assert not (fleet.store / "pythons" / name).exists()
