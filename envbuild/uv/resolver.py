"""The Resolver port by uv: `uv pip compile` for one target at a time."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import HostError, IndexFailureError, Problem, UnsatisfiableError
from envbuild.posix.process import Command, scrubbed_environment
from envbuild.requirement.parse import settled_requirements
from envbuild.resolution.chosen_file import choose_file
from envbuild.resolution.resolution import Resolution
from envbuild.target.platform_range import known_platform, library_of
from envbuild.target.wheel_choice import best_wheel, unfit_versions
from envbuild.toml_text import toml_string
from envbuild.uv.executable import base_arguments, uv_executable
from envbuild.uv.output import declaration_hint, reasons_of, without_switches
from envbuild.uv.package_table import listed_packages
from envbuild.uv.small_wheels import write_stubs
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.posix.process import Completed
    from envbuild.resolution.resolution import (
        Pin,
        Resolver,
        ResolveRequest,
    )
    from envbuild.resolution.tools import ListedPackage, ResolverTools
    from envbuild.target.target import Platform

_SYSTEMS = {"musllinux": "unknown-linux-musl", "macosx": "apple-darwin"}
_MEMORY = 1 << 30
"""Bytes of data that uv may use: about five times what large drivers need, so that an endless page stops it."""

_ROUNDS = 50
"""The most resolutions that exclude versions whose wheels all need a newer system library."""


@value
class UvResolver:
    """Resolves through uv, with the indexes in `index_environment`."""

    tools: ResolverTools

    def resolve(self, request: ResolveRequest) -> Resolution:
        """Resolve one driver for one target; errors as in `Resolver`.

        If uv has no name for the platform, it resolves for one with a newer system library,
        and again without the versions that have no wheel for this platform, until it takes none of them.
        """
        of_host = {package.name for package in request.inherited}
        excluded: tuple[str, ...] = ()
        for _ in range(_ROUNDS):
            constraints = (*request.constraints, *excluded)
            try:
                answer = self._compile(replace(request, constraints=constraints))
            except UnsatisfiableError as error:
                raise _with_excluded(error, excluded, request) from error
            packages = [package for package in answer if package.name not in of_host]
            more = tuple(text for text in self._unfit(packages, request) if text not in constraints)
            if not more:
                break
            excluded += more
        files = (
            choose_file(package.name, package.version, package.files, request, self.tools)
            for package in packages
        )
        return Resolution(
            target=request.target, files=tuple(sorted(files, key=lambda f: f.package))
        )

    def _unfit(self, packages: Iterable[ListedPackage], request: ResolveRequest) -> Iterator[str]:
        """Constraints that exclude the versions, including chosen ones, whose wheels all need a newer library."""
        target = request.target
        if known_platform(target.platform) == target.platform:
            return
        for package in packages:
            name = package.name
            files = [file.name for file in package.files]
            if not _is_built(name, request) and best_wheel(files, target) is None:
                versions = unfit_versions((*files, *self.tools.listed_files(name)), target)
                yield from (f"{name}!={version}" for version in versions)

    def _compile(self, request: ResolveRequest) -> tuple[ListedPackage, ...]:
        """The packages of uv's answer, which is not asked if its answer is known; errors as in `Resolver`."""
        proven = self.tools.proven
        if proven is None:
            return self._ask(request)[1]
        known = proven.find(request)
        if known is not None:
            return known
        begun = datetime.now(UTC)
        answered, packages = self._ask(request)
        proven.learn(answered, packages, begun)
        return packages

    def _ask(self, request: ResolveRequest) -> tuple[ResolveRequest, tuple[ListedPackage, ...]]:
        """uv's answer, and what it was asked in the end; errors as in `Resolver`."""
        with tempfile.TemporaryDirectory(prefix="envbuild-lock-") as folder:
            output = Path(folder, "pylock.toml")
            completed = self.tools.runner.run(self._command(request, Path(folder), output))
            if completed.code != 0 and request.known:
                # known METADATA may be outdated: the index's own decides
                request = replace(request, known=())
                completed = self.tools.runner.run(self._command(request, Path(folder), output))
            if completed.code != 0:
                raise self._failure(request, completed)
            return request, listed_packages(output.read_text(encoding="utf-8"))

    def _command(self, request: ResolveRequest, folder: Path, output: Path) -> Command:
        target = request.target
        requires = settled_requirements(request.requires, target)
        _write_lines(folder / "requirements.in", requires)
        given = write_stubs(request.inherited, target, folder / "host")
        constraints = (*settled_requirements(request.constraints, target), *given)
        _write_lines(folder / "constraints.txt", constraints)
        overrides = settled_requirements(request.overrides, target)
        _write_lines(folder / "overrides.txt", overrides)
        if request.pins:
            output.write_text(_preferences(request.pins), encoding="utf-8")
        platform = target.platform
        argv = [uv_executable(), "pip", "compile", *base_arguments(secure=False)]
        argv += ["--quiet", "--no-header", "--format", "pylock.toml", "--output-file", str(output)]
        argv += ["--cache-dir", str(self.tools.cache), "--python", sys.executable]
        argv += ["--python-version", target.newest_python]
        argv += ["--python-platform", _uv_platform(platform)]
        argv += ["--constraints", str(folder / "constraints.txt")]
        argv += ["--overrides", str(folder / "overrides.txt")]
        argv += ["--only-binary", ":all:"]
        if request.known or request.told:
            known = folder / "known.toml"
            known.write_text(_static_metadata(request), encoding="utf-8")
            argv += ["--config-file", str(known)]
        if request.exclude_newer is not None:
            argv += ["--exclude-newer", request.exclude_newer]
        for name, limit in request.exclude_newer_packages:
            argv += ["--exclude-newer-package", f"{name}={limit or 'false'}"]
        argv.append(str(folder / "requirements.in"))
        extra = {**self.tools.index_environment, "TZ": "UTC"}  # uv reads a bare date in local time
        if platform.system == "macosx":
            extra["MACOSX_DEPLOYMENT_TARGET"] = f"{platform.major}.{platform.minor}"
        return Command(
            argv=tuple(argv),
            env=scrubbed_environment(_without_certificates(os.environ), **extra),
            cwd=str(folder),
            timeout=self.tools.patience(request),
            memory=_MEMORY,
            ends_group=True,
        )

    def _failure(self, request: ResolveRequest, completed: Completed) -> Exception:
        """uv's output does not tell these cases apart reliably, so the indexes are asked."""
        explained = self.tools.explain(request, completed.stderr)
        if explained is not None:
            return explained
        if completed.timed_out or completed.code == -signal.SIGABRT:
            return self._boundless(request, completed)
        words = (
            self.tools.conceal(completed.stderr.strip())
            or f"uv ended with exit code {completed.code} and no output"
        )
        target = request.target  # its newest patch release does not exist
        words = without_switches(words.replace(target.newest_python, target.python))
        place = f"{request.driver} for {target}"
        if completed.code == 1:
            hint = self.tools.advise(request) or declaration_hint(words) or request.widening_hint
            message = f"no set of versions satisfies {place}"
            detail = reasons_of(words)
            return UnsatisfiableError(Problem(message=message, detail=detail, hint=hint))
        message = f"uv could not resolve {place}"
        return HostError(Problem(message=message, detail=words, hint=_host_hint(words)))

    def _boundless(self, request: ResolveRequest, completed: Completed) -> IndexFailureError:
        """The error if uv used too much memory or time."""
        what = f"took longer than {self.tools.patience(request):g} seconds"
        if not completed.timed_out:
            what = f"needs more than {_MEMORY >> 30} GiB of memory"
        message = f"the resolution of {request.driver} for {request.target} {what}"
        hint = (
            "if the network is slow, raise $ENVBUILD_HTTP_DEADLINE; else ask the index's operator"
        )
        return IndexFailureError(Problem(message=message, hint=hint))


def _is_built(name: str, request: ResolveRequest) -> bool:
    return name in request.allow_sdist or name in request.force_sdist


def _without_certificates(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a uv that asks the router alone, by http: reading certificates takes a quarter of its time."""
    return {key: text for key, text in environ.items() if not key.startswith("SSL_")}


def _with_excluded(
    error: UnsatisfiableError, excluded: tuple[str, ...], request: ResolveRequest
) -> UnsatisfiableError:
    """The error; its hint lists the versions that were excluded for the platform."""
    if not excluded:
        return error
    platform = request.target.platform
    names = ", ".join(dict.fromkeys(text.partition("!=")[0] for text in excluded))
    hint = (
        f"newer versions of {names} have wheels only for a newer {library_of(platform).split()[0]} "
        f"than that of {platform}: declare {known_platform(platform)} if every host has it"
    )
    return UnsatisfiableError(replace(problem, hint=hint) for problem in error.problems)


def _host_hint(words: str) -> str | None:
    if "initialize cache" not in words:
        return None
    return "set $XDG_CACHE_HOME to a writable folder"


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _preferences(pins: Iterable[Pin]) -> str:
    """The pins as an earlier output of uv, which it keeps if it can."""
    packages = "".join(
        f'\n[[packages]]\nname = "{pin.name}"\nversion = "{pin.version}"\n' for pin in pins
    )
    return f'lock-version = "1.0"\ncreated-by = "envbuild"\n{packages}'


def _static_metadata(request: ResolveRequest) -> str:
    """Known packages as uv's `dependency-metadata`, so that it asks no index for them.

    Open markers are settled, so that uv takes every package that some host may need.
    """
    told = {(package.name, package.version) for package in request.told}
    of_host = {package.name for package in request.inherited}
    known = (
        one
        for one in request.known
        if (one.name, one.version) not in told and one.name not in of_host
    )
    target = request.target
    return "".join(
        "[[dependency-metadata]]\n"
        f"name = {toml_string(package.name)}\n"
        f"version = {toml_string(package.version)}\n"
        f"requires-dist = [{', '.join(map(toml_string, settled_requirements(package.requires, target)))}]\n"
        for package in (*known, *request.told)
    )


def _uv_platform(platform: Platform) -> str:
    """uv's name for the oldest platform that it knows and that takes all wheels of this one."""
    platform = known_platform(platform)
    if platform.system == "manylinux":
        return f"{platform.arch}-manylinux_{platform.major}_{platform.minor}"
    arch = "aarch64" if platform.arch == "arm64" else platform.arch
    return f"{arch}-{_SYSTEMS[platform.system]}"


def make_resolver(tools: ResolverTools) -> Resolver:
    """uv as a resolver of `declaration.resolvers`."""
    return UvResolver(tools=tools)
