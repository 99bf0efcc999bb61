"""Where everything is measured: one fresh file system, one Python, one uv; and what the machine is."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.posix.process import scrubbed_environment
from envbuild.uv.executable import base_arguments, uv_executable
from tests.support.folders import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator


_LAYOUT = ("-i", "8192", "-J", f"size={1 << 10}")
"""An inode for every 8 KiB, and the journal in MiB that `mkfs` gives a disk of 128 GB.

An image of some GiB would get a small one, which is full in the midst of a rebuild.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A folder on a fresh file system, and the tools."""

    root: Path
    file_system: str
    """What it is, in words."""

    python: str = sys.executable
    """The interpreter of envbuild, and of `python -c pass`."""

    @property
    def envbuild(self) -> str:
        """The console script that users start."""
        return str(Path(self.python).with_name("envbuild"))

    @property
    def uv(self) -> str:
        """The very uv that envbuild uses."""
        return uv_executable()

    def environment(self, **more: str) -> dict[str, str]:
        """What every command gets, and nothing of the caller's settings for uv, pip or Python."""
        return dict(scrubbed_environment(os.environ, **more))

    def folder(self, name: str) -> Path:
        """A new, empty folder."""
        path = self.root / name
        path.mkdir(parents=True)
        return path

    def run(self, *argv: str, cwd: Path | None = None, **more: str) -> str:
        """Run what is not measured; its stdout."""
        done = subprocess.run(
            argv,
            cwd=cwd or self.root,
            env=self.environment(**more),
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{argv}: {done.stdout}{done.stderr}")
        return done.stdout

    def uv_arguments(self, command: str, *arguments: str, cache: Path) -> list[str]:
        """A uv command line as envbuild would write it."""
        words = command.split()
        return [
            self.uv,
            *words,
            *arguments,
            *base_arguments(),
            "--quiet",
            "--cache-dir",
            str(cache),
        ]


@contextlib.contextmanager
def open_place(folder: str | None, gib: int, *, memory: bool) -> Iterator[Place]:
    """A place on an ext4 of its own where this user may mount one, else in a folder.

    Its image is so many GiB, sparse, and lies in memory or beside the temporary files.
    """
    listed_versions = Path("/dev/shm" if memory else tempfile.gettempdir())
    if folder is None and os.geteuid() == 0 and listed_versions.is_dir():
        image = listed_versions / f"envbuild-bench-{os.getpid()}.img"
        mount = Path(tempfile.mkdtemp(prefix="eb-bench-"))
        try:
            with image.open("wb") as stream:
                stream.truncate(gib << 30)
            for argv in (
                ["mkfs.ext4", "-q", "-F", "-m", "0", *_LAYOUT, str(image)],
                ["mount", "-o", "loop,noatime", str(image), str(mount)],
            ):
                subprocess.run(argv, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            image.unlink(missing_ok=True)
        else:
            try:
                mount.chmod(0o755)
                where = "a RAM disk" if memory else "the disk"
                yield Place(
                    root=mount,
                    file_system=f"ext4, a loop image on {where} with a journal of 1 GiB, made for the run",
                )
            finally:
                subprocess.run(["umount", "-l", str(mount)], check=False)
                image.unlink(missing_ok=True)
                mount.rmdir()
            return
    path = Path(tempfile.mkdtemp(prefix="eb-bench-", dir=folder))
    try:
        kind = subprocess.run(["stat", "-fc", "%T", str(path)], capture_output=True, text=True)
        yield Place(root=path, file_system=f"{kind.stdout.strip()}, a folder among others")
    finally:
        remove_tree(path)


def describe_machine(place: Place) -> dict[str, str]:
    """Processor, memory, kernel, versions: what a reader needs to compare."""
    model = "unknown"
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {
        "processor": f"{model}, {len(os.sched_getaffinity(0))} cores of it",
        "memory": f"{memory:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "file system": place.file_system,
        "Python": platform.python_version(),
        "uv": place.run(place.uv, "--version").split()[1],
        "load before": f"{os.getloadavg()[0]:.1f}",
    }
