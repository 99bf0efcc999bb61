"""Commands that finish an environment: they run in it once, and what they write is part of its receipt."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.environment.relocation import unshare_files
from envbuild.errors import HostError, NoError, Problem
from envbuild.posix.fence import find_fence
from envbuild.posix.files import write_private
from envbuild.posix.limits import Limits, Watch, usual_memory
from envbuild.posix.process import Command
from envbuild.posix.tree import path_text, walk_folders
from envbuild.text import output_lines
from envbuild.value import value
from envbuild.wheelcache.modules import cached_path

if TYPE_CHECKING:
    from envbuild.build.site import Site
    from envbuild.posix.process import Completed, Runner
    from envbuild.progress import Progress

_TAIL = 15
"""Lines of output that a message shows."""

_DISK = 32 << 30
"""Bytes of a step's own files, beside what it writes into the environment."""

_SPARE = 32 << 20
"""Bytes that stay free on the store's disk."""


@value
class Preparer:
    """Runs the `prepare` steps of drivers."""

    runner: Runner
    progress: Progress
    logs: Path
    """The folder for their outputs."""

    def prepare(self, site: Site) -> tuple[str, ...]:
        """Run every step in the finished environment, which is not read-only yet; the modules that they wrote.

        No file is shared with the wheel cache any more: a step may write into any.
        Bytecode of a module that a step wrote is removed, as Python would not notice that it is old.
        NoError with the output's end for a step that fails or takes too long;
        HostError where the network cannot be denied, or the environment is built beside itself.
        """
        driver = site.wanted.driver
        if site.place != site.environment:
            raise _cannot_repair(driver.name)
        fence = () if driver.prepare_network else self._fence(driver.name)
        limits = Limits(seconds=driver.prepare_timeout, memory=usual_memory(), disk=_DISK)
        unshare_files(site.place, clone=True)
        _make_writable(site.place)
        written: dict[str, None] = {}
        before = _sources(site.site_packages)
        for number, words in enumerate(driver.prepare):
            self.progress.stage(driver.name, f"preparing: {' '.join(words)}")
            done = self._run(site, fence, words, limits)
            log = self._keep(f"{site.environment.name}.prepare-{number}.log", done)
            failure = limits.failure(done)
            if failure is not None:
                raise NoError(
                    Problem(
                        key=f"drivers.{driver.name}.prepare[{number}]",
                        line=dict(driver.origins).get("prepare", driver.line) or None,
                        message=f"`{' '.join(words)}` of {driver.name} failed: {failure}",
                        detail="\n".join(output_lines(done.stdout)[-_TAIL:]) or None,
                        hint=f"its whole output is in {log}; the network was "
                        + ("allowed" if driver.prepare_network else "denied"),
                    )
                )
            after = _sources(site.site_packages)
            changed = [path for path, seen in after.items() if before.get(path) != seen]
            _remove_bytecode(site, changed)
            written |= dict.fromkeys(changed)
            before = after
        return tuple(sorted(written))

    def _fence(self, driver: str) -> tuple[str, ...]:
        """What a step is started with so that it reaches no network."""
        fence = find_fence(self.runner)
        if fence is not None:
            return fence
        raise HostError(
            Problem(
                key=f"drivers.{driver}.prepare",
                message=f"this host cannot keep the network from what prepares {driver}",
                hint="install the program `unshare`, and run as root or allow user namespaces; "
                "or set `prepare-network = true`",
            )
        )

    def _run(
        self, site: Site, fence: tuple[str, ...], words: tuple[str, ...], limits: Limits
    ) -> Completed:
        """Run a step in an empty folder, which is its home too."""
        bin_folder = f"{site.environment}/bin"
        with tempfile.TemporaryDirectory(prefix="envbuild-prepare-") as folder:
            return self.runner.run(
                Command(
                    argv=(*fence, f"{bin_folder}/{words[0]}", *words[1:]),
                    env=(
                        ("CACHE_DIRECTORY", folder),
                        ("HOME", folder),
                        ("PATH", f"{bin_folder}{os.pathsep}{os.defpath}"),
                        ("PYTHONDONTWRITEBYTECODE", "1"),
                        ("TMPDIR", folder),
                    ),
                    cwd=folder,
                    timeout=limits.seconds,
                    ends_group=True,
                    keep_open=(site.lock,),
                    most_output=limits.output,
                    watch=Watch(
                        folder=Path(folder), limits=limits, others=(site.place,), spare=_SPARE
                    ).look,
                )
            )

    def _keep(self, name: str, done: Completed) -> str:
        path = self.logs / name
        text = "".join(f"{line}\n" for line in output_lines(done.stdout))
        write_private(path, text.encode())
        return str(path)


def _make_writable(folder: Path) -> None:
    """Let the owner write every file; they get their modes when all is done."""
    for visit in walk_folders([os.fsencode(folder)]):
        for place in visit.places():
            if not os.path.islink(place):  # noqa: PTH114
                os.chmod(place, os.lstat(place).st_mode | 0o200)  # noqa: PTH101


def _sources(site_packages: Path) -> dict[str, tuple[int, int, int]]:
    """Every module below site-packages: its size, its time of change, its inode."""
    root = os.fsencode(site_packages)
    found = {}
    for visit in walk_folders([root]):
        for place in visit.places():
            if place.endswith(b".py"):
                status = os.lstat(place)
                path = path_text(place[len(root) + 1 :])
                found[path] = (status.st_size, status.st_mtime_ns, status.st_ino)
    return found


def _remove_bytecode(site: Site, modules: list[str]) -> None:
    for module in modules:
        cached = cached_path(module, site.wanted.interpreter.cache_tag)
        if cached is not None:
            (site.site_packages / cached).unlink(missing_ok=True)


def _cannot_repair(driver: str) -> HostError:
    return HostError(
        Problem(
            message=f"an environment of {driver} cannot be built in another folder: "
            "its `prepare` commands only run in its own place",
            hint="roll back, let `envbuild gc` remove it, and sync; "
            "or change the declaration, so that another one is built",
        )
    )
