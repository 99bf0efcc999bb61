"""pipx, as the index has it today: its manifest of tools, and the CPU fleet as its tools."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.bench.rounds import Call
from tests.support.pythons import own_python

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scripts.bench.place import Place


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipx:
    """A pipx with a home of its own."""

    place: Place
    folder: Path
    version: str

    def environment(self, **more: str) -> dict[str, str]:
        """What it is started with; uv lies on its path, so uv is what it installs with unless told otherwise."""
        path = os.pathsep.join((str(Path(self.place.uv).parent), os.environ["PATH"]))
        return self.place.environment(
            PATH=path,
            PIPX_HOME=str(self.folder / "home"),
            PIPX_BIN_DIR=str(self.folder / "bin"),
            PIPX_MAN_DIR=str(self.folder / "man"),
            PIPX_DEFAULT_PYTHON=str(own_python()),
            UV_CACHE_DIR=str(self.folder / "cache"),
            PIP_CACHE_DIR=str(self.folder / "pip-cache"),
            PIP_CONFIG_FILE=os.devnull,
            USE_EMOJI="0",
            **more,
        )

    @property
    def command(self) -> str:
        """Its console script."""
        return str(self.folder / "v/bin/pipx")

    def run(self, *arguments: str) -> None:
        """Run it, not measured."""
        self.place.run(self.command, *arguments, cwd=self.folder, **self.environment())


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """A manifest that is in force."""

    pipx: Pipx
    manifest: Path
    index: str

    @property
    def version(self) -> str:
        """pipx's own."""
        return self.pipx.version

    def sync(self) -> Call:
        """`pipx manifest sync` with nothing to do."""
        argv = (self.pipx.command, "manifest", "sync", "--backend", "uv", str(self.manifest))
        env = self.pipx.environment(UV_DEFAULT_INDEX=self.index)
        return Call(argv=argv, env=env, cwd=self.pipx.folder)


def install_pipx(place: Place, name: str) -> Pipx:
    """The newest pipx of the host's default index."""
    folder = place.folder(name)
    cache = folder / "own-cache"
    python = str(own_python())
    place.run(*place.uv_arguments("venv", "v", "--python", python, cache=cache), cwd=folder)
    arguments = ("--python", "v/bin/python", "--compile-bytecode", "pipx", "pip")
    place.run(*place.uv_arguments("pip install", *arguments, cache=cache), cwd=folder)
    version = place.run(str(folder / "v/bin/pipx"), "--version").strip()
    return Pipx(place=place, folder=folder, version=version)


def pipx_tools(place: Place, index: str, names: Sequence[str]) -> Tools:
    """A manifest of tools out of an index, synced once."""
    pipx = install_pipx(place, "pipx")
    manifest = pipx.folder / "tools.toml"
    groups = "".join(f'{name} = ["{name}"]\n' for name in names)
    manifest.write_text(
        '[project]\nname = "tools"\nversion = "1"\ndependencies = []\n'
        f'[dependency-groups]\n{groups}[tool.pipx]\nversion = "1.0"\n'
    )
    tools = Tools(pipx=pipx, manifest=manifest, index=index)
    tools.sync()(1)
    return tools


def install_fleet(place: Place, commands: Mapping[str, tuple[str, Path]], backend: str) -> Path:
    """The fleet as pipx's tools, and the folder that holds their environments.

    `commands` gives each driver's package that brings its command, and its locked requirements.
    """
    pipx = install_pipx(place, f"pipx-{backend}")
    for driver, (package, requirements) in commands.items():
        suffix = f"-{driver}"
        options = ("--backend", backend, f"--suffix={suffix}")
        pipx.run("install", *options, package)
        arguments = ("--requirement", str(requirements))
        pipx.run("runpip", f"{package.partition('[')[0]}{suffix}", "install", *arguments)
    return pipx.folder / "home"
