"""File systems that a store can lie on, mounted for a test; what the host cannot mount is said."""

from __future__ import annotations

import os
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
            unmount(place)
    finally:
        if device is not None:
            subprocess.run(("losetup", "-d", device), check=False)


@contextmanager
def tmpfs(place: Path, options: str) -> Iterator[Path]:
    """Mount a small file system in memory, with options such as `size=24m`."""
    place.mkdir()
    _said("mount", "-t", "tmpfs", "-o", options, "envbuild-test", str(place))
    try:
        yield place
    finally:
        unmount(place)


def mount_image(image: Path, place: Path) -> None:
    """Mount what a file holds; the test is skipped where no loop device is to be had."""
    place.mkdir(exist_ok=True)
    _said("mount", "-o", "loop", str(image), str(place))


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


def unmount(place: Path) -> None:
    """Unmount it as soon as nobody is there, and after a while in any case."""
    for _ in range(50):
        if subprocess.run(("umount", place), capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.1)
    subprocess.run(("umount", "-l", place), check=False)


_SMALL = 48 << 20


class Disk:
    """An ext4 of its own, in a file."""

    def __init__(self, scratch: Path) -> None:
        self.image = scratch / "disk.img"
        self.place = scratch / "d"

    def make(self, *options: str, size: int = _SMALL) -> None:
        with self.image.open("wb") as stream:
            stream.truncate(size)
        subprocess.run(("mkfs.ext4", "-q", "-F", *options, self.image), check=True)
        mount_image(self.image, self.place)
        self.place.chmod(0o755)

    def unmount(self) -> None:
        """Unmount it if it is mounted."""
        if self.place.is_mount():
            unmount(self.place)

    @property
    def store(self) -> Path:
        return self.place / "s"

    def leave_free(self, size: int) -> None:
        """Fill the disk up to so many bytes."""
        wanted = shutil.disk_usage(self.place).free - size
        with (self.place / "ballast").open("wb") as stream:
            while wanted > 0:
                try:
                    os.posix_fallocate(stream.fileno(), 0, wanted)
                except OSError:  # the file's own blocks need room too
                    wanted -= 16384
                else:
                    return

    def leave_inodes(self, count: int) -> None:
        """Use up inodes until so many are left."""
        folder = self.place / "many"
        folder.mkdir()
        number = 0
        while os.statvfs(self.place).f_ffree > count:
            (folder / str(number)).touch()
            number += 1

    def make_room(self) -> None:
        (self.place / "ballast").unlink(missing_ok=True)
        if (self.place / "many").exists():
            shutil.rmtree(self.place / "many")
