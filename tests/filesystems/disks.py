"""File systems that a store can lie on, mounted for a test; what the host cannot mount is said."""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIZE = 320 << 20
"""The smallest that mkfs.xfs makes is 300 MiB; the file is sparse."""

IMAGES = {
    "ext4": ("mkfs.ext4", "-q", "-F"),
    "ext4 without fractions of seconds": ("mkfs.ext4", "-q", "-F", "-I", "128"),
    "xfs": ("mkfs.xfs", "-q", "-f"),
    "xfs of any case": ("mkfs.xfs", "-q", "-f", "-n", "version=ci"),
    "btrfs": ("mkfs.btrfs", "-q", "-f"),
    "exfat": ("mkfs.exfat",),
}
"""What makes each file system in a file."""

MOUNTS = {
    "tmpfs": ("mount", "-t", "tmpfs", "-o", "size=512M", "envbuild-test", "{place}"),
    "noexec": ("mount", "-t", "tmpfs", "-o", "size=64M,noexec", "envbuild-test", "{place}"),
    "overlay": (
        *("mount", "-t", "overlay", "envbuild-test", "-o"),
        *("lowerdir={lower},upperdir={upper},workdir={work}", "{place}"),
    ),
    "fuse-overlayfs": (
        *("fuse-overlayfs", "-o", "lowerdir={lower},upperdir={upper},workdir={work}", "{place}"),
    ),
    "exfat": ("mount.exfat-fuse", "{device}", "{place}"),
}
"""What mounts a file system that no loop device can be mounted as."""


@contextmanager
def mounted(kind: str, scratch: Path) -> Iterator[Path]:
    """Mount an empty file system; the value is its uppermost folder, which every user can enter."""
    place = scratch / "disk"
    folders = {name: scratch / name for name in ("lower", "upper", "work")}
    for folder in (place, *folders.values()):
        folder.mkdir()
    device = None
    if kind in IMAGES:
        image = _image(kind, scratch)
        device = _said("losetup", "-f", "--show", str(image))
    words = MOUNTS.get(kind, ("mount", "{device}", "{place}"))
    try:
        _said(*(word.format(place=place, device=device, **folders) for word in words))
        try:
            yield place
        finally:
            _unmount(place)
    finally:
        if device is not None:
            subprocess.run(("losetup", "-d", device), check=False)


def _image(kind: str, scratch: Path) -> Path:
    image = scratch / "disk.img"
    with image.open("wb") as stream:
        stream.truncate(SIZE)
    _said(*IMAGES[kind], str(image))
    return image


def _said(*argv: str) -> str:
    """What a program prints; the test is skipped, with the reason, if it is not here or fails."""
    if shutil.which(argv[0]) is None:
        pytest.skip(f"NOT TESTED: there is no {argv[0]} here")
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        said = " ".join((done.stdout + done.stderr).split())
        pytest.skip(f"NOT TESTED: {' '.join(argv[:3])}: {said[:200]}")
    return done.stdout.strip()


def _unmount(place: Path) -> None:
    for _ in range(50):
        if subprocess.run(("umount", place), capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.1)
    subprocess.run(("umount", "-l", place), check=False)
