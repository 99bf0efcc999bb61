"""The Installer port by uv: `uv venv` and `uv pip install` with every hash required."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from envbuild.build.sources import Sources
from envbuild.environment.contents import find_site_packages
from envbuild.errors import HostError, IndexFailureError, Problem
from envbuild.posix.deletion import remove_tree
from envbuild.posix.process import Command, scrubbed_environment
from envbuild.posix.shortage import SHORTAGES, disk_space_hint, is_full
from envbuild.uv.exact_files import (
    ARGUMENTS,
    INDEX,
    NOWHERE,
    forget_paths,
    render_wheels,
)
from envbuild.uv.executable import base_arguments, uv_executable
from envbuild.uv.output import DownloadProgress, without_switches, without_talk
from envbuild.uv.small_wheels import write_wheel
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from envbuild.build.installation import InstallRequest
    from envbuild.errors import EnvbuildError
    from envbuild.posix.process import Completed, Runner
    from envbuild.target.target import Interpreter


_OS_ERROR = re.compile(r"\(os error (\d{1,4})\)")
_OF_THE_HOST = SHORTAGES | {
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO),
    *(errno.EACCES, errno.EPERM, errno.EAGAIN, errno.EFBIG),
}

_UNPACKED = "archive-v*"
"""The folder of unpacked wheels in uv's cache."""


class Indexes(Protocol):
    """Serves installers, whichever index has a file."""

    manners: Mapping[str, str]
    """The variables for all requests of uv."""

    def files_url(self) -> str:
        """Where every file is: `ADDRESS/PACKAGE/FILE NAME`."""
        ...

    def counting(self, told: Callable[[str, int], None]) -> AbstractContextManager[None]:
        """Call `told` with a package and the bytes of its file that have come, in the block."""
        ...

    def without_secret(self, text: str) -> str:
        """uv's output without parts that would let other users of the host request files."""
        ...


@value
class UvInstaller:
    """Installs through uv."""

    runner: Runner
    cache: Path
    """uv's cache, private to the store and on its file system, so that files can be linked."""

    indexes: Indexes
    """Where every file is to be had, whichever index has it."""

    offline: bool
    explain: Callable[[InstallRequest], EnvbuildError | None]
    """Asks the indexes why an installation failed; None if they have every locked file."""

    link_mode: str = "hardlink"
    """As in the store's settings."""

    sources: Sources = Sources()
    """Places with wheels that are asked before the indexes."""

    def create(self, environment: str, interpreter: Interpreter, lock: int) -> None:
        """Make an empty environment; errors as in `Installer`."""
        completed = self._run(
            lock,
            "venv",
            "--no-project",
            "--link-mode",
            self.link_mode,
            "--python",
            interpreter.path,
            environment,
        )
        if completed.code != 0:
            message = f"uv could not create {environment}"
            hint = disk_space_hint(self.cache, 0)
            raise HostError(
                Problem(message=message, detail=without_switches(completed.stderr), hint=hint)
            )

    def install(self, request: InstallRequest) -> None:
        """Install every file; errors as in `Installer`."""
        if self.offline and request.refresh:
            message = f"{request.driver}: the cache is damaged, and nothing is downloaded offline"
            raise IndexFailureError(Problem(message=message, hint="sync once without --offline"))
        with tempfile.TemporaryDirectory(prefix="envbuild-sync-") as folder:
            completed = self._install(request, Path(folder))
        if completed.code != 0:
            raise self._failure(request, completed)

    def _install(self, request: InstallRequest, folder: Path) -> Completed:
        """Install wheels from the sources if these have all, else from uv's cache, else from the indexes too.

        uv's cache alone needs no network and a tenth of the time. It fails quickly: the first missing file ends it.
        It is not tried where uv has unpacked nothing yet.
        """
        cached = (*ARGUMENTS, "--offline")
        local = _unknown_to_uv(request, self.sources.fetch(request.files, folder), folder)
        is_local = all(file.sha256 in local for file in request.files)
        if not (is_local or request.refresh) and any(self.cache.glob(_UNPACKED)):
            completed = self._fill(request, folder, NOWHERE, {}, *cached)
            if completed.code == 0:
                return completed
        heard = _downloads(request)
        if self.offline or is_local:
            here = ARGUMENTS if request.refresh else cached  # uv refreshes nothing offline
            return self._fill(request, folder, NOWHERE, local, *here, heard=heard)
        address = self.indexes.files_url()
        counted = nullcontext() if heard is None else self.indexes.counting(heard.count)
        with counted:
            return self._fill(request, folder, address, local, *ARGUMENTS, heard=heard)

    def _fill(
        self,
        request: InstallRequest,
        folder: Path,
        address: str,
        local: Mapping[str, Path],
        *arguments: str,
        heard: DownloadProgress | None = None,
    ) -> Completed:
        """Install wheels into a new environment; uv starts its Python to inspect it."""
        locked = folder / "pylock.toml"
        locked.write_text(render_wheels(request.files, address, local), encoding="utf-8")
        self._make_empty(request)
        common = self._arguments(request, locked)
        completed = self._run(request.lock, *common, *arguments, heard=heard)
        if local and completed.code == 0:
            forget_paths(find_site_packages(Path(request.environment)))
        return completed

    def _make_empty(self, request: InstallRequest) -> None:
        """Make the environment again, so that it has no file of a wheel when uv inspects it."""
        place = Path(request.environment)
        remove_tree(place)
        place.mkdir(mode=0o700)
        self.create(request.environment, request.interpreter, request.lock)

    def _arguments(self, request: InstallRequest, requirements: Path) -> tuple[str, ...]:
        return (
            "pip",
            "install",
            "--python",
            f"{request.environment}/bin/python",
            "--no-deps",
            "--require-hashes",
            "--link-mode",
            self.link_mode,
            "--only-binary",
            ":all:",
            *(part for name in request.refresh for part in ("--refresh-package", name)),
            "--requirements",
            str(requirements),
        )

    def _run(
        self,
        lock: int,
        *arguments: str,
        heard: DownloadProgress | None = None,
    ) -> Completed:
        argv = (
            uv_executable(),
            *arguments,
            *base_arguments(),
            *(("--quiet",) if heard is None else ()),
            "--cache-dir",
            str(self.cache),
        )
        env = scrubbed_environment(os.environ, **self.indexes.manners, UV_DEFAULT_INDEX=INDEX)
        hear = heard.hear if heard is not None else None
        return self.runner.run(Command(argv=argv, env=env, cwd="/", keep_open=(lock,), heard=hear))

    def _failure(self, request: InstallRequest, completed: Completed) -> Exception:
        """Decide whether an index or the host failed, by checking the disk and asking the index."""
        words = self.indexes.without_secret(without_talk(completed.stderr))
        words = without_switches(words)
        needed = sum(file.size for file in request.files)
        host = HostError(
            Problem(
                message=f"uv could not install {request.driver}",
                detail=words,
                hint=disk_space_hint(self.cache, needed),
            )
        )
        if is_full(self.cache) or (self.offline and _names_host_error(words)):
            return host
        if self.offline:
            return _not_cached(request, words)
        explained = self.explain(request)
        if explained is not None:
            return explained
        of_the_host = host.problems[0].hint is not None or _names_host_error(words)
        if of_the_host or completed.code <= 0:
            return host
        return self._fault_of_wheels(request, words) or host

    def _fault_of_wheels(self, request: InstallRequest, words: str) -> IndexFailureError | None:
        """Why wheels cannot be installed on a host that can install a simple one; None if that fails too."""
        with tempfile.TemporaryDirectory(prefix="envbuild-sync-") as folder:
            self._make_empty(request)
            proof = str(write_wheel(Path(folder), "envbuild-proof", "1.0"))
            python = ("--python", f"{request.environment}/bin/python")
            options = ("--offline", "--no-deps", "--link-mode", self.link_mode)
            installed = self._run(request.lock, "pip", "install", *python, *options, proof)
        if installed.code != 0:
            return None
        message = f"{request.driver}: a wheel cannot be installed, although it is the locked one"
        hint = (
            'lock without this version (constraints = ["NAME!=VERSION"]), '
            "or ask its publisher to fix it"
        )
        return IndexFailureError(Problem(message=message, detail=words, hint=hint))


def _not_cached(request: InstallRequest, words: str) -> IndexFailureError:
    """The error for a file that is neither cached nor downloaded; `words` is uv's output."""
    file = re.search(rf"{re.escape(NOWHERE)}/[^/\s]+/([^/\s]+)", words)
    what = unquote(file[1]) if file else "a locked file"
    message = f"{request.driver}: {what} is not in the cache, and nothing is downloaded offline"
    return IndexFailureError(Problem(message=message, hint="sync once without --offline"))


def _unknown_to_uv(
    request: InstallRequest, local: Mapping[str, Path], folder: Path
) -> dict[str, Path]:
    """Local wheels by sha256; those that are refreshed as copies at new places.

    uv believes what it has unpacked of a path, also when it is told to refresh it.
    """
    anew = {file.sha256 for file in request.files if file.package in request.refresh}
    copies = folder / "anew"
    copies.mkdir()
    return {
        sha256: Path(shutil.copyfile(path, copies / path.name)) if sha256 in anew else path
        for sha256, path in local.items()
    }


def _names_host_error(words: str) -> bool:
    """Whether uv's output has a system error, as Rust writes its number, that no wheel can cause."""
    return any(int(number) in _OF_THE_HOST for number in _OS_ERROR.findall(words))


def _downloads(request: InstallRequest) -> DownloadProgress | None:
    if request.downloaded is None:
        return None
    return DownloadProgress(request.files, request.downloaded)
