"""`envbuild rollback` and `history`: make an earlier generation current by one rename; list generations.

They must start quickly, so they import little: no pathlib.
"""

from __future__ import annotations

import os
from posixpath import basename

from envbuild.errors import NoError, Problem, UsageError
from envbuild.posix.file_locks import locked
from envbuild.posix.files import replace_link
from envbuild.posix.shortage import unwritable
from envbuild.store.generation_check import check_generation
from envbuild.store.generations import (
    current_number,
    elsewhere,
    generation_numbers,
    readable_manifest,
)
from envbuild.store.guard import nothing_synced, require_store
from envbuild.store.history import Generation, compare_manifests, tell_history
from envbuild.value import replace, value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from envbuild.finding import Finding
    from envbuild.lockfile.difference import DriverDiff
    from envbuild.store.manifest import Manifest, ManifestDriver
    from envbuild.store.store import Store
    from envbuild.store.verifier import Verifier

    AskVersion: TypeAlias = Callable[[str], str | None]
    """The full version of the Python at a path; None if there is none that starts."""


_SHOWN = 5


@value
class RolledBack:
    """The result of a rollback."""

    before: int | None
    """The previously current generation; None if unknown."""

    after: int
    manifest: Manifest
    """The manifest of the new current generation."""

    changes: tuple[DriverDiff, ...]
    """The changes of the rollback."""

    passed_over: tuple[Finding, ...] = ()
    """What does not prevent it: caches that processes wrote, Pythons of another build or patch release."""


def rollback(
    root: str,
    verifier: Verifier,
    number: int | None,
    version_of: AskVersion,
    *,
    patience: float | None = None,
) -> RolledBack:
    """Make a generation current: the named one, else the nearest before the current one.

    A Python is only asked for its version if its file was changed since the environment was built.
    UsageError for one that does not exist, NoError for one that is damaged or if there is none before;
    BusyError if another process holds the lock for longer than `patience` seconds.
    """
    require_store(root)
    try:
        with locked(f"{root}/locks/generations.lock", timeout=patience):
            return _rollback(root, verifier, number, version_of)
    except OSError as error:
        raise unwritable(root, error) from error


def _rollback(
    root: str, verifier: Verifier, number: int | None, version_of: AskVersion
) -> RolledBack:
    numbers = generation_numbers(root)
    current = current_number(root)
    if not numbers:
        raise nothing_synced(root)
    target = _previous(numbers, current) if number is None else number
    if target not in numbers:
        known = ", ".join(map(str, numbers))
        raise UsageError(
            Problem(message=f"there is no generation {target}", hint=f"there are: {known}")
        )
    manifest, passed_over = _require_sound(root, verifier, target, version_of)
    before = readable_manifest(root, current)
    if target != current:
        replace_link(f"{root}/current", f"generations/{target}")
    changes = tuple(compare_manifests(before, manifest))
    return RolledBack(
        before=current,
        after=target,
        manifest=manifest,
        changes=changes,
        passed_over=passed_over,
    )


def _previous(numbers: tuple[int, ...], current: int | None) -> int:
    earlier = [number for number in numbers if current is None or number < current]
    if earlier:
        return earlier[-1]
    message = f"there is no generation before {current}"
    raise NoError(Problem(message=message, hint="see `envbuild history`"))


def _require_sound(
    root: str, verifier: Verifier, number: int, version_of: AskVersion
) -> tuple[Manifest, tuple[Finding, ...]]:
    """The generation's manifest, after a quick check of the generation and its environments.

    Also what was found and does not prevent a rollback.
    """
    checked = check_generation(root, number)
    problems = [*map(_problem, checked.findings)]
    if checked.manifest is None:
        raise NoError(problems)
    moved = elsewhere(root, checked.manifest)
    if moved is not None:
        raise NoError([moved, *problems])
    drivers = checked.manifest.drivers
    looked = verifier.verify_quickly([basename(driver.environment) for driver in drivers])
    passed_over: list[Finding] = []
    pythons: list[Problem] = []
    for driver, one in zip(drivers, looked, strict=True):
        found = one.findings
        passed_over += [finding for finding in found if str(finding.code) == "drift-cache"]
        findings = [f for f in found if str(f.code) not in ("drift-cache", "interpreter")]
        problems += map(_problem, findings[:_SHOWN])
        if len(findings) > _SHOWN:
            more = len(findings) - _SHOWN
            problems.append(Problem(message=f"{driver.name}: and {more} more files"))
        if not findings:
            others = [finding for finding in found if str(finding.code) == "interpreter"]
            _judge_pythons(driver, others, version_of, passed_over, pythons)
    if problems:
        hint = f"`envbuild rollback {number} --repair` restores it first; `envbuild verify` lists all of it"
        message = f"generation {number} differs from what was built, so it was not made current"
        raise NoError([Problem(message=message, hint=hint), *problems, *pythons])
    if pythons:
        message = f"generation {number} cannot run, so it was not made current"
        hint = "see `envbuild history` for the other generations"
        raise NoError([Problem(message=message, hint=hint), *pythons])
    return checked.manifest, tuple(passed_over)


def _judge_pythons(
    driver: ManifestDriver,
    findings: list[Finding],
    version_of: AskVersion,
    passed_over: list[Finding],
    problems: list[Problem],
) -> None:
    """Ask a Python whose file is another: another build or patch release of it still runs the environment."""
    for finding in findings:
        path = os.path.realpath(driver.python)
        version = version_of(path)
        if version is not None and _minor(version) == _minor(driver.python_version):
            now = f"its Python {path} was {driver.python_version} and is {version} now"
            if version == driver.python_version:
                now = f"its Python {path} is another build of {version} now"
            passed_over.append(replace(finding, message=now, hint=None))
            continue
        state = "is missing or does not start" if version is None else f"is {version} now"
        problems.append(
            Problem(
                message=f"{finding.subject}: its Python {path} ({driver.python_version}) {state}",
                hint=f"install Python {driver.python_version} there again; "
                f"or `envbuild sync {driver.name}` builds on another Python",
            )
        )


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _problem(finding: Finding) -> Problem:
    place = f"{finding.subject}/{finding.path}" if finding.path else finding.subject
    return Problem(message=f"{place}: {finding.message}")


def history(store: Store) -> tuple[Generation, ...]:
    """Every generation by number; errors as in `require_store`."""
    require_store(store.root)
    manifests = tuple(
        (number, readable_manifest(store.root, number)) for number in store.generation_numbers()
    )
    return tell_history(manifests, store.current_number())
