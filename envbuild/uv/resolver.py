"""The Resolver port by uv: `uv pip compile` for one target at a time."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import HostError, IndexFailureError, Problem, UnsatisfiableError
from envbuild.posix.process import Command, scrubbed_environment
from envbuild.requirement.parse import settled_requirement
from envbuild.resolution.resolution import Resolution
from envbuild.target.platform_range import known_platform, library_of
from envbuild.target.wheel_choice import best_wheel, unfit_versions
from envbuild.toml_text import toml_string
from envbuild.uv.chosen_file import choose_file, offered_files
from envbuild.uv.executable import base_arguments, uv_executable
from envbuild.uv.output import pre_release_hint, without_switches
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from envbuild.errors import EnvbuildError
    from envbuild.posix.process import Completed, Runner
    from envbuild.resolution.resolution import Pin, ResolveRequest
    from envbuild.target.target import Platform
    from envbuild.uv.chosen_file import OfferedFile

_SYSTEMS = {"musllinux": "unknown-linux-musl", "macosx": "apple-darwin"}
_MEMORY = 1 << 30
"""Bytes of data that uv may have: some five times what large drivers need, and less than an endless page."""

_ANSWERS = 4
"""How many answers in a row may take as long as one may, before all of them together have taken too long."""

_ROUNDS = 50
"""Resolutions in which versions are left out whose wheels are all for a newer system library."""


@value
class UvResolver:
    """Resolves through uv, over the indexes that `index_environment` gives it."""

    runner: Runner
    cache: Path
    """uv's cache, private to the store."""

    index_environment: Mapping[str, str]
    """The variables that tell uv where indexes live; credentials stay off the command line."""

    explain: Callable[[ResolveRequest, str], EnvbuildError | None]
    """Asks the indexes why a resolution failed with these words; None where they all answered well."""

    advise: Callable[[ResolveRequest], str | None]
    """What the declaration can change where nothing satisfies a driver; None where nothing is seen."""

    conceal: Callable[[str], str]
    """Takes out of uv's words what other users of the host must not see."""

    deadline: float
    """Seconds in which one answer of an index has to be there as a whole."""

    sole_digest: Callable[[OfferedFile], str]
    """The one sha256 of a file that an index offers; IndexFailureError where there are two."""

    offered: Callable[[str], tuple[str, ...]]
    """The names of all files that a package's index lists; IndexFailureError where it does not."""

    def resolve(self, request: ResolveRequest) -> Resolution:
        """Resolve one driver for one target; errors as in `Resolver`.

        Where uv has no name for the platform it is asked about one with a newer system library,
        and again without the versions that have no wheel for this one, until none of them is taken.
        """
        excluded: tuple[str, ...] = ()
        for _ in range(_ROUNDS):
            constraints = (*request.constraints, *excluded)
            try:
                packages = self._compile(replace(request, constraints=constraints))
            except UnsatisfiableError as error:
                raise _with_excluded(error, excluded, request) from error
            more = tuple(text for text in self._unfit(packages, request) if text not in constraints)
            if not more:
                break
            excluded += more
        files = tuple(choose_file(package, request, self.sole_digest) for package in packages)
        return Resolution(
            target=request.target, files=tuple(sorted(files, key=lambda f: f.package))
        )

    def _unfit(
        self, packages: Iterable[Mapping[str, object]], request: ResolveRequest
    ) -> Iterator[str]:
        """What leaves out the versions, chosen ones among them, whose wheels are for newer libraries alone."""
        target = request.target
        if known_platform(target.platform) == target.platform:
            return
        for package in packages:
            name = str(package["name"])
            files = [file.name for file in offered_files(package)]
            if name not in request.allow_sdist and best_wheel(files, target) is None:
                versions = unfit_versions((*files, *self.offered(name)), target)
                yield from (f"{name}!={version}" for version in versions)

    def _compile(self, request: ResolveRequest) -> list[Mapping[str, object]]:
        """The package tables of uv's answer; errors as in `Resolver`."""
        with tempfile.TemporaryDirectory(prefix="envbuild-lock-") as folder:
            output = Path(folder, "pylock.toml")
            completed = self.runner.run(self._command(request, Path(folder), output))
            if completed.code != 0 and request.known:
                # whether it is the index that says no is only known when nothing else was believed
                plain = replace(request, known=())
                completed = self.runner.run(self._command(plain, Path(folder), output))
            if completed.code != 0:
                raise self._failure(request, completed)
            table = tomllib.loads(output.read_text(encoding="utf-8"))
        return list(table.get("packages", []))

    def _command(self, request: ResolveRequest, folder: Path, output: Path) -> Command:
        _write_lines(folder / "requirements.in", _settled(request.requires, request))
        _write_lines(folder / "constraints.txt", _settled(request.constraints, request))
        _write_lines(folder / "overrides.txt", _settled(request.overrides, request))
        if request.pins:
            output.write_text(_preferences(request.pins), encoding="utf-8")
        platform = request.target.platform
        argv = [uv_executable(), "pip", "compile", *base_arguments()]
        argv += ["--quiet", "--no-header", "--format", "pylock.toml", "--output-file", str(output)]
        argv += ["--cache-dir", str(self.cache), "--python", sys.executable]
        argv += ["--python-version", request.target.newest_python]
        argv += ["--python-platform", _uv_platform(platform)]
        argv += ["--constraints", str(folder / "constraints.txt")]
        argv += ["--overrides", str(folder / "overrides.txt")]
        argv += ["--only-binary", ":all:"]
        if request.known or request.told:
            known = folder / "known.toml"
            known.write_text(_static_metadata(request), encoding="utf-8")
            argv += ["--config-file", str(known)]
        argv += [part for name in request.allow_sdist for part in ("--no-binary", name)]
        if request.exclude_newer is not None:
            argv += ["--exclude-newer", request.exclude_newer]
        for name, limit in request.exclude_newer_packages:
            argv += ["--exclude-newer-package", f"{name}={limit or 'false'}"]
        argv.append(str(folder / "requirements.in"))
        extra = {**self.index_environment, "TZ": "UTC"}  # uv takes a bare date in local time
        if platform.system == "macosx":
            extra["MACOSX_DEPLOYMENT_TARGET"] = f"{platform.major}.{platform.minor}"
        builds = bool(request.allow_sdist)  # and a compiler may need what it needs
        return Command(
            argv=tuple(argv),
            env=scrubbed_environment(os.environ, **extra),
            cwd=str(folder),
            timeout=None if builds else _ANSWERS * self.deadline,
            memory=None if builds else _MEMORY,
            ends_group=True,
        )

    def _failure(self, request: ResolveRequest, completed: Completed) -> Exception:
        """uv's words cannot be trusted to tell these apart, so the indexes are asked."""
        explained = self.explain(request, completed.stderr)
        if explained is not None:
            return explained
        if completed.timed_out or completed.code == -signal.SIGABRT:
            return self._boundless(request, completed)
        words = (
            self.conceal(completed.stderr.strip()) or f"uv ended with {completed.code} and no word"
        )
        target = request.target  # whose newest patch release is nobody's
        words = without_switches(words.replace(target.newest_python, target.python))
        place = f"{request.driver} for {target}"
        if completed.code == 1:
            hint = (
                self.advise(request)
                or pre_release_hint(words)
                or f"widen a range of drivers.{request.driver}.requires"
            )
            message = f"no set of versions satisfies {place}"
            return UnsatisfiableError(Problem(message=message, detail=words, hint=hint))
        message = f"uv could not resolve {place}"
        return HostError(Problem(message=message, detail=words, hint=_host_hint(words)))

    def _boundless(self, request: ResolveRequest, completed: Completed) -> IndexFailureError:
        """What uv was given had no end, as far as it was waited for."""
        what = f"took longer than {_ANSWERS * self.deadline:g} seconds"
        if not completed.timed_out:
            what = f"came to more than {_MEMORY >> 30} GiB"
        message = f"what indexes gave for {request.driver} on {request.target} {what}"
        hint = (
            "raise $ENVBUILD_HTTP_DEADLINE where the network is slow; else ask who runs the index"
        )
        return IndexFailureError(Problem(message=message, hint=hint))


def _with_excluded(
    error: UnsatisfiableError, excluded: tuple[str, ...], request: ResolveRequest
) -> UnsatisfiableError:
    """The error, with what was left out for the platform's sake in its hint."""
    if not excluded:
        return error
    platform = request.target.platform
    names = ", ".join(dict.fromkeys(text.partition("!=")[0] for text in excluded))
    hint = (
        f"newer versions of {names} have wheels for a newer {library_of(platform).split()[0]} "
        f"than {platform} alone: declare {known_platform(platform)} where every host has it"
    )
    return UnsatisfiableError(replace(problem, hint=hint) for problem in error.problems)


def _host_hint(words: str) -> str | None:
    if "initialize cache" not in words:
        return None
    return "set $XDG_CACHE_HOME to a folder that can be written"


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _settled(lines: Iterable[str], request: ResolveRequest) -> Iterator[str]:
    return (settled_requirement(line, request.target) for line in lines)


def _preferences(pins: Iterable[Pin]) -> str:
    """The pins as the output of an earlier run, which uv keeps to where it can."""
    packages = "".join(
        f'\n[[packages]]\nname = "{pin.name}"\nversion = "{pin.version}"\n' for pin in pins
    )
    return f'lock-version = "1.0"\ncreated-by = "envbuild"\n{packages}'


def _static_metadata(request: ResolveRequest) -> str:
    """What is known as uv's `dependency-metadata`, for which it asks no index.

    Markers that the target leaves open are settled, so that uv takes what any host may need.
    """
    told = {(package.name, package.version) for package in request.told}
    known = (one for one in request.known if (one.name, one.version) not in told)
    target = request.target
    return "".join(
        "[[dependency-metadata]]\n"
        f"name = {toml_string(package.name)}\n"
        f"version = {toml_string(package.version)}\n"
        f"requires-dist = [{', '.join(toml_string(settled_requirement(text, target)) for text in package.requires)}]\n"
        for package in (*known, *request.told)
    )


def _uv_platform(platform: Platform) -> str:
    """uv's own name for the oldest platform that it knows and that takes all of this one's wheels."""
    platform = known_platform(platform)
    if platform.system == "manylinux":
        return f"{platform.arch}-manylinux_{platform.major}_{platform.minor}"
    arch = "aarch64" if platform.arch == "arm64" else platform.arch
    return f"{arch}-{_SYSTEMS[platform.system]}"
