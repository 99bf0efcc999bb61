"""What becomes of real packages when whole folders of them are links: each trial on both environments."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.bench.large import SETTINGS
from tests.support.pythons import MINOR

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scripts.bench.folder_plan import Kept
    from scripts.bench.place import Place

_RESOLVES = re.compile(
    r"__file__\)\.resolve\(|realpath\(__file__|realpath\(\s*os\.path\.\w+\(__file__"
)

_ASK = """
import importlib.metadata as metadata, importlib.resources as resources, json, os, pathlib, pkgutil, sys
site = next(path for path in sys.path if path.endswith("site-packages"))
found = list(metadata.distributions())
files = [file for one in found for file in one.files or ()]
outside = sum(not str(file.locate().resolve()).startswith(os.path.realpath(sys.prefix)) for file in files)
told = {
    "modules that pkgutil.iter_modules lists": len(list(pkgutil.iter_modules([site]))),
    "distributions that importlib.metadata lists": len(found),
    "their files that are there": sum(file.locate().exists() for file in files),
    "their files that resolve() leads out of it": outside,
    "files that importlib.resources lists of litellm": sum(1 for _ in resources.files("litellm").iterdir()),
    "files that os.walk sees": sum(len(names) for _, _, names in os.walk(site)),
    "files that os.walk sees, links followed": sum(len(names) for _, _, names in os.walk(site, followlinks=True)),
    "files that pathlib's rglob sees": sum(1 for path in pathlib.Path(site).rglob("*.py")),
    "sys.path": " ".join(path.replace(sys.prefix, "ENV").replace(sys.base_prefix, "BASE") for path in sys.path),
}
print(json.dumps(told))
"""

_IMPORTS = {
    "import of the driver's main module": "import litellm.proxy.proxy_server",
    "import of pandas, numpy ($ORIGIN), a sum": "import numpy, pandas; print(pandas.Series(numpy.ones(9)).sum())",
    "import of extensions: cryptography, tiktoken, uvloop, polars": (
        "import cryptography.hazmat.bindings._rust, tiktoken, tokenizers, uvloop, orjson, polars"
    ),
    "a template, found by its package's path": (
        "import litellm, os; print(len(os.listdir(os.path.dirname(litellm.__file__))))"
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """The same wheels in two environments."""

    place: Place
    files: Path
    """Every file a hard link."""

    folders: Path
    """Whole folders symbolic links."""

    kept: Kept

    def both(self, trial: Callable[[Path], str]) -> tuple[str, str]:
        """What a trial says of each."""
        return trial(self.files), trial(self.folders)


def try_all(pair: Pair) -> str:
    """A table of what was tried; what takes an environment apart comes last."""
    place = pair.place
    table: list[tuple[str, tuple[str, str]]] = []
    for what, code in _IMPORTS.items():
        table.append((what, pair.both(lambda env, code=code: _python(place, env, code))))
    answers = [json.loads(_python(place, env, _ASK)) for env in (pair.files, pair.folders)]
    table += [(name, (_short(answers[0][name]), _short(answers[1][name]))) for name in answers[0]]
    table.append(("uv pip check", pair.both(lambda env: _uv(place, "pip check", env))))
    listed = pair.both(lambda env: f"{len(_uv(place, 'pip list', env).splitlines())} lines")
    table.append(("uv pip list", listed))
    table.append(("pip check", pair.both(lambda env: _pip(place, env, "check"))))
    table.append(("modules that resolve their own path", _resolving(pair)))
    table.append(("modules that compileall sees", pair.both(lambda env: _compilable(place, env))))
    table.append(("du: MiB", pair.both(lambda env: place.run("du", "-sm", str(env)).split()[0])))
    table.append(
        (
            "copied to where the wheel cache is not: import",
            pair.both(lambda env: _copied(pair, env)),
        )
    )
    if os.geteuid() == 0 and shutil.which("unshare"):
        bound = pair.both(lambda env: _bound(pair, env))
        table.append(("bind-mounted alone: the import", bound))
    table.append(
        (
            "a file written into certifi of this environment is",
            pair.both(lambda env: _leaks(pair, env)),
        )
    )
    table.append(
        (
            "after `pip uninstall idna` the package is",
            pair.both(lambda env: _removes(pair, env)),
        )
    )
    lines = [f"{'tried':<60} {'all files linked':<22} folders linked"]
    lines += [f"{what:<60} {one:<22} {other}" for what, (one, other) in table]
    return "\n".join(line.rstrip() for line in lines)


def _python(place: Place, env: Path, code: str) -> str:
    """The last line of what a piece of code says in an environment; the error's where it fails."""
    done = subprocess.run(
        [str(env / "bin/python"), "-c", code],
        env=place.environment(PYTHONDONTWRITEBYTECODE="1", **SETTINGS),
        cwd=place.root,
        capture_output=True,
        text=True,
    )
    return _outcome(done)


def _outcome(done: subprocess.CompletedProcess[str]) -> str:
    words = (done.stdout if done.returncode == 0 else done.stderr).strip()
    last = words.splitlines()[-1] if words else ""
    return last or "works" if done.returncode == 0 else f"FAILS: {last[:44]}"


def _uv(place: Place, command: str, env: Path, *arguments: str) -> str:
    argv = place.uv_arguments(
        command, *arguments, "--python", str(env / "bin/python"), cache=place.root / "uv-cache"
    )
    done = subprocess.run(argv, env=place.environment(), capture_output=True, text=True)
    if command == "pip list":
        return done.stdout
    return "works" if done.returncode == 0 else f"exit {done.returncode}"


def _pip(place: Place, env: Path, *command: str) -> str:
    """By a pip of another environment, as the environment itself has none."""
    tools = place.root / "pip"
    if not tools.exists():
        cache = place.root / "uv-cache"
        place.run(*place.uv_arguments("venv", "--python", place.python, str(tools), cache=cache))
        install = ("--python", f"{tools}/bin/python", "pip")
        place.run(*place.uv_arguments("pip install", *install, cache=cache))
    argv = [f"{tools}/bin/python", "-m", "pip", "--python", str(env / "bin/python"), *command]
    done = subprocess.run(argv, env=place.environment(), capture_output=True, text=True)
    return "works" if done.returncode == 0 else f"exit {done.returncode}"


def _resolving(pair: Pair) -> tuple[str, str]:
    """How many modules there are that resolve their own path, and how many of them lie behind a link."""
    found = [
        path
        for path in pair.kept.files
        if path.endswith(".py")
        and _RESOLVES.search(
            (pair.kept.root / pair.kept.files[path] / path).read_text(errors="replace")
        )
    ]
    site = pair.folders / f"lib/python{MINOR}/site-packages"
    led_out = [path for path in found if not (site / path).resolve().is_relative_to(site.resolve())]
    wheels = {pair.kept.files[path] for path in led_out}
    return f"{len(found)}", f"{len(led_out)} led out, of {len(wheels)} wheels"


def _compilable(place: Place, env: Path) -> str:
    code = (
        "import compileall, os, sys; site = [p for p in sys.path if p.endswith('site-packages')][0]; "
        "print(sum(f.endswith('.py') for f in compileall._walk_dir(site, 99, quiet=2)))"
    )
    return _python(place, env, code)


def _copied(pair: Pair, env: Path) -> str:
    """As an image or another host gets it: the environment's folder, and not the store's."""
    hidden = pair.kept.root.with_name("kept-away")
    copy = pair.place.root / "copied"
    shutil.copytree(env, copy, symlinks=True)
    pair.kept.root.rename(hidden)
    try:
        return _python(pair.place, copy, "import litellm; print('works')")
    finally:
        hidden.rename(pair.kept.root)
        shutil.rmtree(copy)


def _bound(pair: Pair, env: Path) -> str:
    """As a container's unit does it: the environment at its own path, the rest of the store not there."""
    script = f"mount -t tmpfs none {pair.kept.root} && exec {env}/bin/python -c 'import litellm; print(\"works\")'"
    done = subprocess.run(
        ["unshare", "-m", "/bin/sh", "-c", script],
        env=pair.place.environment(PYTHONDONTWRITEBYTECODE="1", **SETTINGS),
        capture_output=True,
        text=True,
    )
    return _outcome(done)


def _leaks(pair: Pair, env: Path) -> str:
    """Whether what one environment's process writes is seen by all others that hold the wheel."""
    name = f"written-{env.name}"
    (env / f"lib/python{MINOR}/site-packages/certifi" / name).write_text("x")
    return (
        "seen by every other"
        if any(pair.kept.root.glob(f"certifi-*/certifi/{name}"))
        else "its own"
    )


def _removes(pair: Pair, env: Path) -> str:
    """What pip's uninstall leaves of a package, in the environment and of the unpacked wheel."""
    kept = next(pair.kept.root.glob("idna-*"))
    before = sum(1 for path in kept.rglob("*") if path.is_file())
    _pip(pair.place, env, "uninstall", "--yes", "idna")
    after = sum(1 for path in kept.rglob("*") if path.is_file())
    there = (env / f"lib/python{MINOR}/site-packages/idna/__init__.py").is_file()
    return f"{'still there' if there else 'gone'}, {after} of {before} kept"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) < 20 else f"{text.count(' ') + 1} entries, {_hash_of(text)}"


def _hash_of(text: str) -> str:
    """A few letters that tell two texts apart."""
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:6]
