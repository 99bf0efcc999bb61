"""A driver with four variants, one lockfile, against a `uv pip compile` for each of them."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild.toml_text import toml_list
from scripts.bench.fleets import LIFETIME, Project, compile_line, project_with_caches
from scripts.bench.locks import HEAVY, ONE_RANGE
from scripts.bench.relay import Relay
from scripts.bench.rounds import Sample, compete
from scripts.bench.rows import compare
from tests.support.command_line import host_platform
from tests.support.index_server import IndexServer
from tests.support.pythons import MINOR
from tests.support.wheels import Wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from scripts.bench.place import Place
    from scripts.bench.rows import Row

_CHAPTER = "A lock with four variants"
_FOUR = "4 × `uv pip compile`, one after the other"
_TORCH = ("filelock", "typing-extensions>=4.10", "sympy>=1.13", "networkx", "jinja2", "fsspec")
_WHEELS = (("torch", "2.8.0", _TORCH), ("torchvision", "0.23.0", ()), ("torchaudio", "2.8.0", ()))
"""The packages of a variant's own index, at the versions that vllm requires."""

_NAMES = [name for name, _, _ in _WHEELS]
_REQUIRES = (*HEAVY["vllm"], *_NAMES)

VARIANTS: Mapping[str, tuple[str, str]] = {
    "cuda13": ("cu130", 'cuda = ">=13.0"'),
    "cuda12": ("cu128", 'cuda = ">=12.8"'),
    "rocm": ("rocm7.0", 'rocm = ">=7.0"'),
    "cpu": ("cpu", ""),
}
"""Each variant with its torch's local version, and what a host must have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Heavy:
    """vllm for envbuild, and the same as four projects for uv."""

    place: Place
    project: Project
    builds: Mapping[str, str]
    """Variant → the index of its torch."""

    caches: tuple[Path, Path]
    """envbuild's, uv's."""

    kept: Path
    """What is put back before each measurement; a folder for each state."""

    def declare(self, line: str) -> None:
        """Both sides' declarations, with one range as given."""
        requires = [line if one == ONE_RANGE[0] else one for one in _REQUIRES]
        listed = toml_list(requires)
        head = f'version = 1\n[defaults]\npython = "{MINOR}"\nplatforms = ["{host_platform()}"]\n'
        driver = f"[drivers.vllm]\nrequires = {listed}\n"
        indexes, variants = "", ""
        sources = "".join(f'{name} = {{ index = "torch" }}\n' for name in _NAMES)
        for name, url in self.builds.items():
            indexes += f'[[index]]\nname = "torch-{name}"\nurl = "{url}"\n'
            indexes += f"packages = {toml_list(_NAMES)}\nexplicit = true\n"
            accelerator = VARIANTS[name][1]
            variants += f'[drivers.vllm.variants.{name}]\nindexes = ["torch-{name}"]\n'
            variants += f"accelerator = {{ {accelerator} }}\n" if accelerator else ""
            own = self.by_uv / name
            own.mkdir(parents=True, exist_ok=True)
            (own / "pyproject.toml").write_text(
                f'[project]\nname = "by-uv"\nversion = "1"\nrequires-python = ">={MINOR}"\n'
                f"dependencies = {listed}\n[tool.uv.sources]\n{sources}"
                f'[[tool.uv.index]]\nname = "torch"\nurl = "{url}"\nexplicit = true\n'
            )
        self.project.declare(head + indexes + driver + variants)

    @property
    def by_uv(self) -> Path:
        """A folder for each variant."""
        return self.project.folder / "by-uv"

    def lock(self, state: str | None) -> Callable[[int], Sample]:
        """`envbuild lock`, from a kept state, or from nothing."""

        def measure(number: int) -> Sample:
            self._put_back(state)
            return self.project.call("lock", watch=True)(number)

        return measure

    def compile(self, state: str | None) -> Callable[[int], Sample]:
        """`uv pip compile` of one variant after the other, pins kept as envbuild keeps them."""
        line = compile_line(self.place, self.caches[1], "pylock.toml", "pyproject.toml")
        script = " && ".join(f"(cd {name} && {line})" for name in self.builds)

        def measure(number: int) -> Sample:
            self._put_back(state)
            return self.project.by_peer(script, self.by_uv)(number)

        return measure

    def lock_both(self, state: str | None) -> None:
        """Lock on each side, not measured, so that both ask the index; what is declared is the range as it was."""
        self.compile(state)(0)
        for line in reversed(ONE_RANGE):
            self.declare(line)
            self.project.envbuild("lock")

    def keep(self, state: str) -> None:
        """Remember lockfiles and caches as they are now."""
        for name, folder in self._folders().items():
            folder.mkdir(exist_ok=True)
            shutil.copytree(folder, self.kept / state / name, symlinks=True)

    def _put_back(self, state: str | None) -> None:
        for name, folder in self._folders().items():
            shutil.rmtree(folder, ignore_errors=True)
            if state is not None:
                shutil.copytree(self.kept / state / name, folder, symlinks=True)
        self.declare(ONE_RANGE[0] if state is None else ONE_RANGE[1])

    def _folders(self) -> dict[str, Path]:
        """What a lock leaves, by a name."""
        ours, theirs = self.caches
        locks = self.project.folder / "locks"
        return {"locks": locks, "by-uv": self.by_uv, "cache": ours, "uv-cache": theirs}


def measure_variants(place: Place, rounds: int) -> Iterator[Row]:
    """The first lock with all caches empty; then a range that moved, with expired answers and with fresh ones."""
    with ExitStack() as stack:
        relays = [stack.enter_context(Relay())]
        builds = {name: _serve(local, relays, stack) for name, (local, _) in VARIANTS.items()}
        heavy = _prepare(place, relays[0].url, builds)
        for relay in relays:
            relay.answer_shortly()
        heavy.lock_both(None)
        relays[0].wait_out()
        heavy.keep("expired")
        for relay in relays:
            relay.answer_for_long()
        heavy.lock_both("expired")
        heavy.keep("fresh")
        delay = f"{relays[0].delay * 1000:.0f} ms"
        for state, what, target in (
            (None, "`lock` for the first time, all caches empty", None),
            ("expired", f"`lock`, a range moved, index answers expired, each takes {delay}", 0.5),
            ("fresh", "`lock`, a range moved, index answers fresh", 0.5),
        ):
            contest = compete(rounds, {"envbuild": heavy.lock(state), "uv": heavy.compile(state)})
            yield compare(
                contest,
                "envbuild",
                "uv",
                chapter=_CHAPTER,
                what=what,
                target=target,
                called=_FOUR,
            )


def _serve(local: str, relays: list[Relay], stack: ExitStack) -> str:
    """An index with the builds of one variant, as far away as the other index."""
    wheels = (
        Wheel(name=name, version=f"{version}+{local}", requires=requires)
        for name, version, requires in _WHEELS
    )
    index = stack.enter_context(IndexServer(wheels, lifetime=LIFETIME))
    relays.append(stack.enter_context(Relay(index.url)))
    return relays[-1].url


def _prepare(place: Place, index: str, builds: Mapping[str, str]) -> Heavy:
    project = project_with_caches(place, "variants", index)
    return Heavy(
        place=place,
        project=project,
        builds=builds,
        caches=(project.folder / "cache", project.folder / "uv-cache"),
        kept=place.folder("variants-kept"),
    )
