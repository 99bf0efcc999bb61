"""Finding Pythons as one command does, and programs that answer like Pythons."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from envbuild.posix.process import SystemRunner
from envbuild.python import probe as interpreter_probe
from envbuild.python.interpreters import Interpreters
from envbuild.uv.executable import uv_executable

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.target.target import Interpreter
    from tests.support.counting import Counting


def interpreters(store: Path, runner: Counting, uv: str | None = None) -> Interpreters:
    """What one command would make of the present environment."""
    store.mkdir(exist_ok=True)
    return Interpreters(
        runner=runner,
        uv=uv or uv_executable(),
        environment=dict(os.environ),
        cache=store / "cache" / "interpreters.json",
        pythons=store / "pythons",
    )


def at(found: tuple[Interpreter, ...], path: Path) -> Interpreter | None:
    """The interpreter of that path."""
    return next((python for python in found if python.path == str(path.resolve())), None)


def script(path: Path, text: str) -> Path:
    """An executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def made_up(path: Path, *, version: str = "3.99.1", unfit: str = "") -> Path:
    """A program that answers as a Python would."""
    library = path.parent.parent / "lib" / "python3.99"
    library.mkdir(parents=True, exist_ok=True)
    (library / "os.py").touch()
    return script(path, f"echo '{answer(path, version=version, unfit=unfit)}'")


def answer(executable: Path, *, version: str = "3.99.1", unfit: str = "") -> str:
    """What a Python at that path would print."""
    own = interpreter_probe.ask_python(sys.executable, SystemRunner(), os.environ)
    assert own is not None
    fields = {
        "version": version,
        "cache_tag": "cpython-399",
        "magic": own.magic,
        "base": str(executable),
        "stdlib": str(executable.parent.parent / "lib" / "python3.99"),
        "libc": own.libc,
        "unfit": unfit,
    }
    return json.dumps(fields)
