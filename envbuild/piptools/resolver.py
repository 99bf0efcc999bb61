"""The Resolver port by pip-tools: pip's own resolver, run by a Python of the target."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envbuild.errors import HostError, IndexFailureError, Problem, UnsatisfiableError
from envbuild.piptools.tools import link_tools
from envbuild.posix.process import Command, scrubbed_environment
from envbuild.requirement.parse import settled_requirements
from envbuild.resolution.chosen_file import choose_file
from envbuild.resolution.resolution import Resolution, UnsupportedTargetError
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envbuild.posix.process import Completed
    from envbuild.resolution.resolution import (
        Resolver,
        ResolveRequest,
    )
    from envbuild.resolution.tools import FilteredIndex, ResolverTools
    from envbuild.target.target import Interpreter, Target

_WORKER = Path(__file__).with_name("worker.py")
_MEMORY = 1 << 30
"""Bytes of data that pip may use."""

_MOST_ANSWER = 8 << 20
"""Bytes of the worker's answer."""


@value
class PipToolsResolver:
    """Resolves with pip for targets whose Python and platform this host has."""

    tools: ResolverTools

    def resolve(self, request: ResolveRequest) -> Resolution:
        """Resolve one driver for one target; errors as in `Resolver`.

        UnsupportedTargetError names every target of the request that pip cannot resolve for here.
        """
        python = self._python(request)
        with (
            self.tools.index_for(request) as index,
            tempfile.TemporaryDirectory(prefix="envbuild-pip-") as name,
        ):
            answer = self._ask(request, index, python, Path(name))
            files = tuple(
                choose_file(
                    package,
                    version,
                    index.files(package, version),
                    request,
                    self.tools,
                )
                for package, version in answer
            )
        return Resolution(target=request.target, files=files)

    def _python(self, request: ResolveRequest) -> Interpreter:
        """The Python that stands for the target."""
        targets = request.targets or (request.target,)
        found = {target: self.tools.python_for(target) for target in targets}
        reasons: dict[str, list[str]] = {}
        for target, python in found.items():
            if isinstance(python, str):
                reasons.setdefault(python, []).append(str(target))
        if reasons:
            here = [target for target, python in found.items() if not isinstance(python, str)]
            raise UnsupportedTargetError(_unsupported(request, reasons, here))
        chosen = found.get(request.target) or self.tools.python_for(request.target)
        assert not isinstance(chosen, str)
        return chosen

    def _ask(
        self, request: ResolveRequest, index: FilteredIndex, python: Interpreter, folder: Path
    ) -> list[tuple[str, str]]:
        """Name and version of every chosen package, ordered by name."""
        tools = folder / "tools"
        tools.mkdir()
        link_tools(python.version, tools)
        job, answer = folder / "job.json", folder / "answer.json"
        fields = {
            "tools": str(tools),
            "cache": str(folder / "cache"),
            "answer": str(answer),
            "requires": settled_requirements(request.requires, request.target),
            "constraints": settled_requirements(request.constraints, request.target),
            "pins": {pin.name: pin.version for pin in request.pins},
        }
        job.write_text(json.dumps(fields), encoding="utf-8")
        completed = self.tools.runner.run(self._command(request, index, python, folder))
        table = _read(answer)
        if table is not None and (packages := _packages(table)) is not None:
            return packages
        raise self._failure(request, completed, table or {})

    def _command(
        self, request: ResolveRequest, index: FilteredIndex, python: Interpreter, folder: Path
    ) -> Command:
        """pip sees the router alone: no settings, passwords, caches or folders of the host's own pip."""
        apart = {
            key: text
            for key, text in self.tools.index_environment.items()
            if "PROXY" in key.upper()
        }
        patience = self.tools.patience(request)
        env = scrubbed_environment(
            os.environ,
            **apart,
            PIP_CONFIG_FILE=os.devnull,
            PIP_INDEX_URL=index.url,
            PIP_NO_INPUT="1",
            PIP_NO_CACHE_DIR="1",
            PIP_KEYRING_PROVIDER="disabled",
            PIP_DISABLE_PIP_VERSION_CHECK="1",
            PIP_RETRIES="0",  # the router repeats requests
            PIP_DEFAULT_TIMEOUT=str(int(patience) + 1),
            PIP_ONLY_BINARY=":all:",
            NETRC=os.devnull,
            TMPDIR=str(folder),
        )
        options = ("-I", "-S", "-B", "-W", "ignore")
        return Command(
            argv=(python.path, *options, str(_WORKER), str(folder / "job.json")),
            env=env,
            cwd=str(folder),
            timeout=patience,
            memory=_MEMORY,
            ends_group=True,
        )

    def _failure(
        self, request: ResolveRequest, completed: Completed, answer: dict[str, Any]
    ) -> Exception:
        """Why there is no answer: the indexes are asked first, as after a failure of uv."""
        place = f"{request.driver} for {request.target}"
        causes = _render_causes(answer)
        words = self.tools.conceal(causes or str(answer.get("failed") or completed.stderr.strip()))
        explained = self.tools.explain(request, words)
        if explained is not None:
            return explained
        if causes:
            hint = self.tools.advise(request) or request.widening_hint
            message = f"pip finds no set of versions that satisfies {place}"
            return UnsatisfiableError(Problem(message=message, detail=words, hint=hint))
        if completed.timed_out:
            message = (
                f"pip took longer than {self.tools.patience(request):g} seconds to resolve {place}"
            )
            hint = (
                "require narrower ranges, or if the network is slow, raise $ENVBUILD_HTTP_DEADLINE"
            )
            return IndexFailureError(Problem(message=message, hint=hint))
        if completed.code in (-signal.SIGABRT, -signal.SIGKILL) or "MemoryError" in words:
            message = f"pip needs more than {_MEMORY >> 30} GiB of memory to resolve {place}"
            return IndexFailureError(Problem(message=message, hint="ask the index's operator"))
        message = f"pip could not resolve {place}"
        words = words or f"it ended with exit code {completed.code} and no answer"
        return HostError(Problem(message=message, detail=words))


def _unsupported(
    request: ResolveRequest, reasons: dict[str, list[str]], here: Sequence[Target]
) -> Problem:
    """The error for targets, by the reason why they cannot run; `here` are the others."""
    targets = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in reasons.items())
    pythons = _quoted(target.python for target in here)
    platforms = _quoted(str(target.platform) for target in here)
    declare = f"declare python = [{pythons}] and platforms = [{platforms}]" if pythons else ""
    others = (
        *((declare,) if declare else ()),
        "lock on a host that has all of them",
        'set resolver = "uv", which resolves for any target',
    )
    return Problem(
        message="pip cannot resolve for a Python that is not running, and these targets of "
        f"{request.driver} cannot run here: {targets}",
        key=f"drivers.{request.driver}.resolver",
        hint=", or ".join(others),
    )


def _quoted(texts: Iterable[str]) -> str:
    return ", ".join(f'"{text}"' for text in dict.fromkeys(texts))


def _read(path: Path) -> dict[str, Any] | None:
    """The worker's answer; None if there is none."""
    try:
        with path.open("rb") as stream:
            table = json.loads(stream.read(_MOST_ANSWER))
    except (OSError, ValueError):
        return None
    return table if isinstance(table, dict) else None


def _packages(table: dict[str, Any]) -> list[tuple[str, str]] | None:
    packages = table.get("packages")
    if not isinstance(packages, list):
        return None
    return sorted((str(name), str(version)) for name, version in packages)


def _render_causes(answer: dict[str, Any]) -> str:
    """The requirements that exclude one another, a line each; empty if the failure has another reason."""
    if "unsatisfiable" not in answer:
        return ""
    lines = [
        f"{parent or 'the driver'} requires {requirement}"
        for requirement, parent in answer["unsatisfiable"]
    ]
    words = str(answer.get("words", ""))
    if not words.startswith("ResolutionImpossible"):
        lines.append(words)
    return "\n".join(dict.fromkeys(lines))


def make_resolver(tools: ResolverTools) -> Resolver:
    """pip-tools as a resolver of `declaration.resolvers`."""
    return PipToolsResolver(tools=tools)
