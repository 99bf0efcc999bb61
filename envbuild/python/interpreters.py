"""Find the Pythons of a host, and let uv install one if none fits."""

from __future__ import annotations

import os
import re
import sys
import threading
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem
from envbuild.python.downloads import MIRROR, read_downloads
from envbuild.python.managed import install_python, installed_pythons
from envbuild.python.memory import Memory, Remembered
from envbuild.python.probe import ask_candidate, executables_of, is_shareable
from envbuild.store.pythons import python_name
from envbuild.target.host import probe_system
from envbuild.target.target import KNOWN_PYTHONS, Interpreter, choose_interpreter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.posix.process import Runner

_STANDARD_FOLDERS = ("/usr/local/bin", "/usr/bin", "/bin")
"""Searched in addition to `PATH`, so that a timer with an almost empty environment finds the same Pythons."""

_OWN = ("/usr/local/bin/python3", "/usr/bin/python3")
"""The host's own Python: an image's, else the distribution's."""

_PYTHON = re.compile(r"python[\d.]*")
_NAME = re.compile(r"python(3(\.\d+)?)?")
_LIBC = {"manylinux": "glibc", "musllinux": "musl"}


class Interpreters:
    """The Pythons of this host, for one command; threads can share it.

    Candidates come from `PATH`, from standard folders, from the Pythons that uv manages for the user,
    from pyenv's `versions/` (under `$PYENV_ROOT`, else `~/.pyenv`, and beside shims on `PATH`),
    from the store's own `pythons/`, and the Python that runs envbuild.
    A virtual environment or a wrapper script counts as the Python behind it.
    Left out: PyPy and other implementations, pre-releases, free-threaded, debug and 32-bit builds,
    3.7 and older, and builds for another C library than the host's.

    A Python that was found once stays a candidate while its file is unchanged, even if `PATH` changes.
    A changed file is probed again only if the search finds it.
    Folders are listed only if one of them or a known Python is new or has changed,
    and a Python is started only if its own file has.
    """

    def __init__(
        self,
        *,
        runner: Runner,
        uv: str,
        environment: Mapping[str, str],
        cache: Path,
        pythons: Path,
    ) -> None:
        """`uv` is an absolute path, `cache` a JSON file with earlier answers, `pythons` the managed ones.

        A cache that cannot be read or written only costs time.
        """
        self._runner = runner
        self._uv = uv
        self._environment = environment
        self._memory = Memory(cache)
        self._pythons = pythons
        self._found: tuple[Interpreter, ...] | None = None
        self._refreshed = False
        self._refused: dict[str, str] = {}
        self._lock = threading.Lock()

    def discover(self) -> tuple[Interpreter, ...]:
        """Every usable Python, ordered by path; computed once."""
        with self._lock:
            return self._discover()

    def at(self, path: str) -> Interpreter | None:
        """The usable Python with this real path, as it is now; None if there is none."""
        with self._lock:
            self._memory.forget_silent()
            found = self._probe(path)
            return found if found is not None and found.path == path else None

    def named(self, path: str, *, file: str, line: int, key: str) -> Interpreter:
        """The Python at a path, or behind it; HostError, for the declaration's key, if none can be used."""
        with self._lock:
            self._memory.forget_silent()
            found = self._probe(_real(path))
            self._memory.save()
        if found is None:
            message = f"{path} is not a Python that environments can be built on"
            if not os.path.exists(path):  # noqa: PTH110
                message = f"there is no Python {path} on this host"
            hint = "name another one, or disable the driver on this host"
            raise HostError(Problem(file=file, line=line, key=key, message=message, hint=hint))
        return found

    def provide(
        self,
        requests: tuple[str, ...],
        *,
        prefer_shareable: bool,
        downloads: bool,
        source: str = "host",
        own_first: bool = False,
        offline: bool = False,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Interpreter:
        """The interpreter for requests in order of preference; uv installs one if none fits.

        With `source` "store", only Pythons that envbuild has installed in the store count.
        With `own_first`, the host's own `python3` comes before the order of preference.
        Chooses as `choose_interpreter` does, and searches again before it gives up.
        Nothing is downloaded with `offline`, or without `downloads` (from the declaration).
        HostError, for the declaration's `key`, lists what was found and what to do.
        """
        with self._lock:
            own = tuple(map(os.path.realpath, _OWN)) if own_first else ()
            found = self._of(source, self._discover())
            chosen = choose_interpreter(found, requests, prefer_shareable=prefer_shareable, own=own)
            if chosen is None and not self._refreshed and source != "store":
                self._refreshed = True
                found = self._discover(refresh=True)
                chosen = choose_interpreter(
                    found, requests, prefer_shareable=prefer_shareable, own=own
                )
            if chosen is not None:
                return chosen
            offline = offline and not read_downloads(self._environment).are_local
            why = _why_not_fetched(downloads=downloads, offline=offline, dry_run=dry_run)
            chosen = self._install(requests, source) if why is None else None
            if chosen is None:
                raise self._none_fits(requests, why, key, source)
            return chosen

    def _of(self, source: str, found: tuple[Interpreter, ...]) -> tuple[Interpreter, ...]:
        """Those that a driver with this `python-source` can have."""
        if source != "store":
            return found
        return tuple(one for one in found if python_name(self._pythons, one.path) is not None)

    def _discover(self, *, refresh: bool = False) -> tuple[Interpreter, ...]:
        if self._found is None or refresh:
            folders = {folder: _changed(folder) for folder in self._path_folders()}
            changed = self._memory.forget_changed()
            if refresh:
                self._memory.forget_silent()
            known = self._memory.knows(folders) and not (changed or refresh)
            searched = () if known else self._on_path()
            candidates = tuple(dict.fromkeys((*self._known_places(), *searched)))
            probed = {path: self._probe(path) for path in candidates}
            found = {python.path: python for python in probed.values() if python is not None}
            self._found = tuple(found[path] for path in sorted(found))
            if all(map(self._remember, searched)):
                self._memory.learn(folders)
            self._memory.save()
        return self._found

    def _known_places(self) -> tuple[str, ...]:
        """The executables to probe in any case."""
        own = str(getattr(sys, "_base_executable", None) or sys.executable)
        data = Path(self._environment.get("XDG_DATA_HOME") or self._home / ".local/share")
        folders = (*(root / "versions" for root in self._pyenv_roots()), data / "uv/python")
        prefixes = (prefix for folder in folders for prefix in folder.glob("*"))
        paths = [own, *(path for prefix in prefixes for path in executables_of(prefix))]
        paths += [*installed_pythons(self._pythons), *self._memory.paths()]
        return tuple(map(_real, paths))

    def _probe(self, path: str) -> Interpreter | None:
        """The interpreter behind a candidate's path, if this host can use it."""
        remembered = self._remember(path)
        if remembered is not None and remembered.answer.base != path:
            path = remembered.answer.base
            remembered = self._remember(path)
        if remembered is None or remembered.answer.unfit or remembered.answer.libc != self._libc:
            return None
        answer = remembered.answer
        if answer.base != path or not os.access(path, os.X_OK):
            return None
        return Interpreter(
            path=path,
            version=answer.version,
            cache_tag=answer.cache_tag,
            size=remembered.size,
            mtime_ns=remembered.mtime_ns,
            shareable=is_shareable(path, answer.stdlib),
            magic=int(answer.magic) if answer.magic.isdecimal() else None,
        )

    @cached_property
    def _libc(self) -> str:
        """The host's C library, as a Python names it."""
        return _LIBC.get(probe_system()[0], "")

    def _remember(self, path: str) -> Remembered | None:
        """The answer of the file as it is now, cached or probed; None if it gives none."""
        try:
            status = os.stat(path)  # noqa: PTH116
        except OSError:
            return None
        remembered = self._memory.recall(path, status)
        if remembered is None:
            answer = ask_candidate(path, self._runner, self._environment)
            if answer is not None:
                remembered = self._memory.note(path, status, answer)
        return remembered

    def _on_path(self) -> tuple[str, ...]:
        """What is named like a Python in the searched folders, as paths to probe."""
        found = (path for folder in self._path_folders() for path in Path(folder).glob("python*"))
        return tuple({_real(str(path)): None for path in found if _NAME.fullmatch(path.name)})

    def _path_folders(self) -> tuple[str, ...]:
        """The folders of `PATH` and the standard ones, in order; relative folders and pyenv's shims are skipped.

        What a shim starts depends on the working folder.
        """
        shims = {os.path.realpath(root / "shims") for root in self._pyenv_roots()}
        folders = dict.fromkeys(map(os.path.realpath, (*self._named_folders(), *_STANDARD_FOLDERS)))
        return tuple(folder for folder in folders if folder not in shims)

    def _named_folders(self) -> tuple[str, ...]:
        path = self._environment.get("PATH", "")
        return tuple(folder for folder in path.split(os.pathsep) if Path(folder).is_absolute())

    @property
    def _home(self) -> Path:
        return Path(self._environment.get("HOME") or Path.home())

    def _pyenv_roots(self) -> tuple[Path, ...]:
        """Folders of pyenv's Pythons: `$PYENV_ROOT`, and beside shims on `PATH`."""
        told = Path(self._environment.get("PYENV_ROOT") or self._home / ".pyenv")
        shims = (Path(folder) for folder in self._named_folders() if Path(folder).name == "shims")
        beside = (path.parent for path in shims if (path.parent / "versions").is_dir())
        return tuple(dict.fromkeys((told, *beside)))

    def _install(self, requests: tuple[str, ...], source: str) -> Interpreter | None:
        """Let uv install the first request that it can; each is tried once in a command."""
        for request in requests:
            if request in self._refused:
                continue
            refusal = install_python(
                request,
                into=self._pythons,
                uv=self._uv,
                runner=self._runner,
                environment=self._environment,
                downloads=read_downloads(self._environment),
            )
            if refusal is None:
                found = self._of(source, self._discover(refresh=True))
                chosen = choose_interpreter(found, (request,), prefer_shareable=False)
                if chosen is not None:
                    return chosen
                refusal = "uv installed it, but it does not run here"
            self._refused[request] = refusal
        return None

    def _none_fits(
        self, requests: tuple[str, ...], why: str | None, key: str | None, source: str
    ) -> HostError:
        """The error with what was found and what to do; `why` says why nothing was downloaded, None that it failed."""
        wanted = " or ".join(requests)
        refused = [self._refused[request] for request in requests if request in self._refused]
        reason = why or "the download failed"
        place, hint = (
            "",
            (
                f"install Python {requests[0]} where every user can start it, "
                "or set `python` to a version that was found"
            ),
        )
        if source == "store":
            place = " in the store"
            hint = (
                f"name a mirror by ${MIRROR}, or remove `python-source` to use the host's Pythons"
            )
        found = describe(self._of(source, self._found or ()))
        return HostError(
            Problem(
                key=key,
                message=f"there is no Python {wanted}{place}, and {reason}; {found}",
                hint=hint,
                detail=None if why else "\n".join(refused),
            )
        )


def _why_not_fetched(*, downloads: bool, offline: bool, dry_run: bool) -> str | None:
    """Why no Python may be downloaded, as the end of a sentence; None if it may."""
    if not downloads:
        return "`python-downloads = false` forbids the download"
    if offline:
        return "nothing is downloaded offline"
    return "a dry run downloads nothing" if dry_run else None


def host_minors(interpreters: Iterable[Interpreter]) -> tuple[str, ...]:
    """The minor versions that a driver can have, of the host's own `python3` first, then the newest."""
    own = set(map(os.path.realpath, _OWN))
    found = {one.version.rpartition(".")[0]: False for one in interpreters}
    found |= {one.version.rpartition(".")[0]: True for one in interpreters if one.path in own}
    known = [minor for minor in KNOWN_PYTHONS if minor in found]
    return tuple(sorted(known, key=lambda minor: not found[minor]))


def describe(interpreters: Iterable[Interpreter]) -> str:
    """The Pythons that were found, newest first, in one line."""
    newest = sorted(interpreters, key=lambda python: (python.release, python.path), reverse=True)
    if not newest:
        return "no other was found"
    return "found: " + ", ".join(f"{python.version} ({python.path})" for python in newest)


def _real(path: str) -> str:
    """The path to probe: the real path, unless the program depends on the name it is started by."""
    real = os.path.realpath(path)
    return real if _PYTHON.fullmatch(os.path.basename(real)) else path  # noqa: PTH119


def _changed(folder: str) -> int:
    """The folder's mtime in nanoseconds; -1 if it is missing."""
    try:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116
    except OSError:
        return -1
