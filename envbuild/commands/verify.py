"""`envbuild verify`: compare everything in use with how it was built; runs none of it.

`verify --quick` must start quickly, so it imports little: no pathlib.
"""

from __future__ import annotations

import os
from posixpath import basename

from envbuild.errors import Problem, UsageError
from envbuild.store.generation_check import check_current, check_generation
from envbuild.store.generations import elsewhere, generation_numbers
from envbuild.store.guard import nothing_synced, require_store
from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import TypeVar

    from envbuild.finding import Finding
    from envbuild.store.generation_check import CheckedGeneration
    from envbuild.store.verifier import Verifier

    _T = TypeVar("_T")


@value
class InUse:
    """An environment that a generation names."""

    name: str
    """Its folder name."""

    drivers: tuple[str, ...]
    key: str
    recorded: str | None
    """The sha256 of its receipt, from the newest valid generation record."""

    generations: tuple[int, ...]


@value
class VerifiedEnvironment:
    """An environment and its differences."""

    used: InUse
    findings: tuple[Finding, ...]
    content: str | None = None
    """The content digest of what was built, as its receipt has it; None if only the stat record was read."""

    copied: bool = False
    """Whether it was copied since it was built, so that the quick comparison had to read every file."""


@value
class Verified:
    """The result of `envbuild verify`."""

    quick: bool
    environments: tuple[VerifiedEnvironment, ...]
    generations: tuple[CheckedGeneration, ...]
    current: tuple[Finding, ...]
    """What is wrong with the link `current`."""

    place: tuple[Finding, ...] = ()
    """Whether the store stands at another path than its environments name."""

    warnings: tuple[Finding, ...] = ()
    """Shared paths: not changed, but worth knowing."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All differences."""
        generations = (f for generation in self.generations for f in generation.findings)
        environments = (f for environment in self.environments for f in environment.findings)
        return (*self.current, *self.place, *generations, *environments)

    @property
    def exit_code(self) -> int:
        """0 if nothing differs, else 1."""
        return 1 if self.findings else 0


def verify(
    root: str, verifier: Verifier, names: tuple[str, ...] = (), *, quick: bool = False
) -> Verified:
    """Check every generation and every environment that one names, or those of the named drivers.

    Errors as in `require_store`; UsageError for a driver that no generation has,
    NoError before the first sync.
    """
    require_store(root)
    generations = tuple(
        checked
        for number in generation_numbers(root)
        if (checked := _check(root, number)) is not None
    )
    current = check_current(root)
    if not generations and not current:
        raise nothing_synced(root)
    selected = _select(generations, names)
    environments = _look(verifier, selected, quick=quick)
    return Verified(
        quick=quick,
        environments=environments,
        generations=generations,
        current=current,
        place=tuple(check_place(root, generations)),
        warnings=() if quick else _shared(root, environments),
    )


def check_place(root: str, generations: Iterable[CheckedGeneration]) -> Iterator[Finding]:
    """The finding if environments of these generations name another store than this one."""
    for generation in generations:
        manifest = generation.manifest
        moved = elsewhere(root, manifest) if manifest is not None else None
        if moved is not None:
            from envbuild.finding import Code, Finding

            message, hint = moved.message, moved.hint
            yield Finding(code=Code.ELSEWHERE, subject="store", message=message, hint=hint)
            return


def _shared(root: str, environments: tuple[VerifiedEnvironment, ...]) -> tuple[Finding, ...]:
    """The shared paths of packages in unchanged environments."""
    from pathlib import Path

    from envbuild.environment.shared_paths import shared_paths

    whole = [item.used.name for item in environments if not item.findings]
    return tuple(found for name in whole for found in shared_paths(Path(root, "envs", name)))


def environments_in_use(generations: Iterable[CheckedGeneration]) -> tuple[InUse, ...]:
    """Every environment that a generation names, each once, in name order."""
    found: dict[str, InUse] = {}
    for generation in generations:
        for driver in generation.manifest.drivers if generation.manifest is not None else ():
            name = basename(driver.environment)
            before = found.get(name)
            recorded = generation.record.receipt(name) if generation.record is not None else None
            found[name] = InUse(
                name=name,
                drivers=_more(before.drivers if before else (), driver.name),
                key=driver.key,
                recorded=recorded or (before.recorded if before else None),
                generations=_more(before.generations if before else (), generation.number),
            )
    return tuple(found[name] for name in sorted(found))


def _more(known: tuple[_T, ...], item: _T) -> tuple[_T, ...]:
    return known if item in known else (*known, item)


def _check(root: str, number: int) -> CheckedGeneration | None:
    """The generation, unless a gc has removed it meanwhile."""
    checked = check_generation(root, number)
    return checked if os.path.isdir(f"{root}/generations/{number}") else None  # noqa: PTH112


def _select(generations: tuple[CheckedGeneration, ...], names: tuple[str, ...]) -> list[InUse]:
    used = environments_in_use(generations)
    known = sorted({driver for item in used for driver in item.drivers})
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    if unknown:
        raise UsageError([_unknown(name, known) for name in unknown])
    return [item for item in used if not names or set(item.drivers) & set(names)]


def _unknown(name: str, known: list[str]) -> Problem:
    from envbuild.nearest_name import name_hint

    return Problem(message=f"no generation has a driver {name!r}", hint=name_hint(name, known))


def _look(
    verifier: Verifier, selected: Sequence[InUse], *, quick: bool
) -> tuple[VerifiedEnvironment, ...]:
    if quick:
        found = verifier.verify_quickly([used.name for used in selected])
        return tuple(
            VerifiedEnvironment(used=used, findings=looked.findings, copied=looked.copied)
            for used, looked in zip(selected, found, strict=True)
        )
    return tuple(
        VerifiedEnvironment(
            used=used,
            findings=verifier.verify(used.name, key=used.key, recorded=used.recorded),
            content=verifier.content(used.name),
        )
        for used in selected
    )
