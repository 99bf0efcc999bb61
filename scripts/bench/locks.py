"""Four heavy drivers locked again after a range has changed: with fresh answers, and with expired ones."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scripts.bench.fleets import Project, compile_line, project_with_caches
from scripts.bench.relay import Relay
from scripts.bench.rounds import Sample, compete
from scripts.bench.rows import compare
from tests.support.command_line import declare_drivers
from tests.support.pythons import MINOR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from scripts.bench.place import Place
    from scripts.bench.rows import Row

HEAVY: Mapping[str, tuple[str, ...]] = {
    "vllm": ("vllm==0.11.0", "transformers>=4.55.2,<5.0", "huggingface-hub<1.0"),
    "sglang": ("sglang==0.5.10.post1",),
    "image-gen": ("diffusers>=0.42", "transformers>=5", "accelerate", "huggingface-hub>=1"),
    "gateway": ("litellm[proxy]",),
}
"""What this repository's own heavy drivers require, for this host's platform alone."""

ONE_RANGE = ("transformers>=4.55.2,<5.0", "transformers>=4.55.4,<5.0")
"""A range of one driver, before and after: three lockfiles stay as they are."""

EVERY_RANGE = ("urllib3>=2.6.2", "urllib3>=2.6.3")
"""A constraint of all four, before and after: no lockfile answers any more."""

_CHAPTER = "Lock of four heavy drivers after one range has changed"
_FOUR = "4 × `uv pip compile`, one after the other"


@dataclass(frozen=True, kw_only=True, slots=True)
class Heavy:
    """The four drivers, locked by both sides before the change."""

    place: Place
    project: Project
    before: Path
    """The lockfiles and the outputs of `uv pip compile` as they were, by folder."""

    by_uv: Path
    caches: tuple[Path, Path]
    """envbuild's, uv's."""

    kept: Path | None = None
    """Copies of both caches, to be put back before each measurement; None leaves them as they are."""

    def lock(self, one: str, every: str) -> Callable[[int], Sample]:
        """`envbuild lock` after a range or the constraint has moved."""

        def measure(number: int) -> Sample:
            self._put_back()
            declare_heavy(self.project, one, every)
            return self.project.call("lock", watch=True)(number)

        return measure

    def compile(self, one: str, every: str, *drivers: str) -> Callable[[int], Sample]:
        """`uv pip compile` of drivers one after the other, pins kept as envbuild keeps them."""

        def measure(number: int) -> Sample:
            self._put_back()
            write_inputs(self.by_uv, one, every)
            script = " && ".join(
                compile_line(
                    self.place,
                    self.caches[1],
                    f"pylock.{driver}.toml",
                    *("--constraints", "constraints.txt", f"{driver}.in"),
                )
                for driver in drivers
            )
            return self.project.by_peer(script, self.by_uv)(number)

        return measure

    def remember_caches(self) -> Heavy:
        """The same with both caches copied as they are now."""
        kept = self.place.folder("lock-caches")
        for number, cache in enumerate(self.caches):
            shutil.copytree(cache, kept / str(number), symlinks=True)
        return replace(self, kept=kept)

    def _put_back(self) -> None:
        copies = [(self.before / "locks", self.project.folder / "locks")]
        copies += [(self.before / "by-uv", self.by_uv)]
        if self.kept is not None:
            copies += [(self.kept / str(n), cache) for n, cache in enumerate(self.caches)]
        for source, target in copies:
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, symlinks=True)


def measure_locks(place: Place, rounds: int) -> Iterator[Row]:
    """One driver's range, then a constraint of all, each warm and with every answer of the index expired."""
    with Relay() as relay:
        relay.answer_shortly()
        heavy = _prepare(place, relay.url)
        relay.wait_out()
        expired = heavy.remember_caches()
        relay.answer_for_long()
        for state, fleet, targets in (("expired", expired, 0.4), ("warm", heavy, 0.7)):
            yield from _measure_state(fleet, state, rounds, targets, relay.delay)


def _measure_state(
    heavy: Heavy, state: str, rounds: int, target: float, delay: float
) -> Iterator[Row]:
    one, every = (ONE_RANGE[1], EVERY_RANGE[0]), (ONE_RANGE[0], EVERY_RANGE[1])
    contest = compete(
        rounds,
        {
            "one": heavy.lock(*one),
            "uv one": heavy.compile(*one, *HEAVY),
            "uv alone": heavy.compile(*one, "vllm"),
            "every": heavy.lock(*every),
            "uv every": heavy.compile(*every, *HEAVY),
        },
    )
    answers = (
        f"index answers expired, each takes {delay * 1000:.0f} ms"
        if state == "expired"
        else "index answers fresh"
    )
    only = f"`lock`, a range of vllm's moved, {answers}"
    yield compare(
        contest, "one", "uv one", chapter=_CHAPTER, what=only, target=target, called=_FOUR
    )
    yield compare(
        contest,
        "one",
        "uv alone",
        chapter=_CHAPTER,
        what=only,
        target=None,
        called="`uv pip compile` of vllm alone",
        note="the command of a person who knows which driver is affected",
    )
    yield compare(
        contest,
        "every",
        "uv every",
        chapter=_CHAPTER,
        what=f"`lock`, a constraint of all four moved, {answers}",
        target=target,
        called=_FOUR,
    )


def _prepare(place: Place, index: str) -> Heavy:
    """Both sides have locked all four once, and know what the change will ask for."""
    project = project_with_caches(place, "heavy", index)
    folder = project.folder
    by_uv, before = place.folder("heavy-by-uv"), place.folder("heavy-before")
    heavy = Heavy(
        place=place,
        project=project,
        before=before,
        by_uv=by_uv,
        caches=(folder / "cache", place.folder("heavy-uv-cache")),
    )
    (folder / "locks").mkdir()
    for one, every in ((ONE_RANGE[1], EVERY_RANGE[1]), (ONE_RANGE[0], EVERY_RANGE[0])):
        for name, source in (("locks", folder / "locks"), ("by-uv", by_uv)):
            shutil.rmtree(before / name, ignore_errors=True)
            shutil.copytree(source, before / name)
        heavy.lock(one, every)(0)
        shutil.copytree(folder / "locks", before / "locks", dirs_exist_ok=True)
        heavy.compile(one, every, *HEAVY)(0)
    shutil.rmtree(before / "by-uv")
    shutil.copytree(by_uv, before / "by-uv")
    return heavy


def declare_heavy(project: Project, one: str, every: str) -> None:
    """The four drivers with one range of vllm's and one constraint of all as given."""
    requires = {name: list(_requirements(name, one)) for name in HEAVY}
    text = declare_drivers(requires, python=MINOR)
    text = text.replace("[drivers.gateway]", '[drivers.gateway]\nbinary = "litellm"')
    head, first, rest = text.partition("[drivers.")
    project.declare(f'{head}constraints = ["{every}"]\n{first}{rest}')


def write_inputs(folder: Path, one: str, every: str) -> None:
    """The same as files for `uv pip compile`."""
    (folder / "constraints.txt").write_text(f"{every}\n")
    for name in HEAVY:
        lines = "".join(f"{line}\n" for line in _requirements(name, one))
        (folder / f"{name}.in").write_text(lines)


def _requirements(driver: str, one: str) -> Iterator[str]:
    return (one if line == ONE_RANGE[0] else line for line in HEAVY[driver])
