"""The addresses of indexes that are built into uv: its default index, and one for each torch backend."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.declaration.index import DEFAULT_INDEX, index_variable
from envbuild.declaration.torch_backend import AUTO, backend_index_name
from envbuild.errors import HostError, Problem, UsageError
from envbuild.nearest_name import nearest
from envbuild.posix.process import Command, scrubbed_environment
from envbuild.uv.executable import base_arguments, uv_executable

if TYPE_CHECKING:
    from envbuild.posix.process import Completed, Runner

_DEFAULT = re.compile(r"^--index-url\s+(\S+)", re.MULTILINE)
_TORCH_PAGE = re.compile(r"(https?://[^\s`'\"<>]+)/torch/(?![^\s`'\"<>])")
_KNOWN = re.compile(r"\[possible values: ([^\]]+)\]")
_NOWHERE = "http://127.0.0.1:9"
"""A default index in place of uv's own, so that a page of torch is the backend's; nobody is asked."""


def ask_address(runner: Runner, backend: str | None = None) -> str:
    """The address of uv's default index, or of a torch backend's; nothing outside this host is asked.

    UsageError, without a place, if uv knows no such backend; HostError if uv does not say the address.
    """
    if backend is None:
        done = _compile(runner, "", "--quiet", "--emit-index-url")
        match = _DEFAULT.search(done.stdout)
    else:
        options = ("--torch-backend", backend, "--default-index", _NOWHERE, "--verbose")
        done = _compile(runner, "torch", *options)
        match = _TORCH_PAGE.search(done.stderr)
    if match is not None:
        return match[1]
    if backend is not None and (known := _KNOWN.search(done.stderr)) is not None:
        raise _unknown(backend, known[1].split(", "))
    name = DEFAULT_INDEX if backend is None else backend_index_name(backend)
    message = f"uv does not say where the index '{name}' is"
    hint = f"name it with ${index_variable(name)}"
    raise HostError(Problem(message=message, detail=done.stderr, hint=hint))


def _compile(runner: Runner, requirement: str, *options: str) -> Completed:
    """`uv pip compile` of one requirement, with nothing in its cache and without a network."""
    with tempfile.TemporaryDirectory(prefix="envbuild-index-") as folder:
        asked = Path(folder, "asked.in")
        asked.write_text(requirement)
        argv = (uv_executable(), "pip", "compile", *base_arguments(), "--no-header", "--offline")
        argv += ("--python", sys.executable, "--cache-dir", f"{folder}/cache", *options, str(asked))
        environment = dict(scrubbed_environment(os.environ))
        environment.pop("RUST_LOG", None)  # which says what --verbose tells
        return runner.run(Command(argv=argv, env=tuple(environment.items()), cwd=folder))


def _unknown(backend: str, known: list[str]) -> UsageError:
    names = [name for name in known if name != AUTO]
    near = nearest(backend, names)
    hint = f"did you mean '{near}'? " if near else ""
    message = f"uv knows no torch backend {backend!r}"
    return UsageError(Problem(message=message, hint=f"{hint}uv knows {', '.join(names)}"))
