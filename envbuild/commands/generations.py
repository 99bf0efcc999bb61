"""`envbuild rollback` and `history`: make an earlier generation current by one rename; list generations.

They must start quickly, so they import little: no pathlib.
"""

from __future__ import annotations

from posixpath import basename

from envbuild.errors import NoError, Problem, UsageError
from envbuild.posix.file_locks import locked
from envbuild.posix.files import replace_link
from envbuild.posix.shortage import unwritable
from envbuild.store.generation_check import check_generation
from envbuild.store.generations import current_number, generation_numbers, readable_manifest
from envbuild.store.guard import nothing_synced, require_store
from envbuild.store.history import Generation, compare_manifests, tell_history
from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.finding import Finding
    from envbuild.lockfile.difference import DriverDiff
    from envbuild.store.manifest import Manifest
    from envbuild.store.store import Store
    from envbuild.store.verifier import Verifier


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

    caches: tuple[Finding, ...] = ()
    """Caches that processes wrote into its environments and that were passed over."""


def rollback(
    root: str, verifier: Verifier, number: int | None, *, patience: float | None = None
) -> RolledBack:
    """Make a generation current: the named one, else the nearest before the current one.

    UsageError for one that does not exist, NoError for one that is damaged or if there is none before;
    BusyError if another process holds the lock for longer than `patience` seconds.
    """
    require_store(root)
    try:
        with locked(f"{root}/locks/generations.lock", timeout=patience):
            return _rollback(root, verifier, number)
    except OSError as error:
        raise unwritable(root, error) from error


def _rollback(root: str, verifier: Verifier, number: int | None) -> RolledBack:
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
    manifest, caches = _require_sound(root, verifier, target)
    before = readable_manifest(root, current)
    if target != current:
        replace_link(f"{root}/current", f"generations/{target}")
    changes = tuple(compare_manifests(before, manifest))
    return RolledBack(
        before=current, after=target, manifest=manifest, changes=changes, caches=caches
    )


def _previous(numbers: tuple[int, ...], current: int | None) -> int:
    earlier = [number for number in numbers if current is None or number < current]
    if earlier:
        return earlier[-1]
    message = f"there is no generation before {current}"
    raise NoError(Problem(message=message, hint="see `envbuild history`"))


def _require_sound(
    root: str, verifier: Verifier, number: int
) -> tuple[Manifest, tuple[Finding, ...]]:
    """The generation's manifest, after a quick check of the generation and its environments.

    Also the caches that processes wrote into the environments, which do not prevent a rollback.
    """
    checked = check_generation(root, number)
    problems = [*map(_problem, checked.findings)]
    if checked.manifest is None:
        raise NoError(problems)
    drivers = checked.manifest.drivers
    looked = verifier.verify_quickly([basename(driver.environment) for driver in drivers])
    caches = []
    for driver, all_findings in zip(drivers, looked, strict=True):
        caches += [finding for finding in all_findings if str(finding.code) == "drift-cache"]
        findings = [finding for finding in all_findings if str(finding.code) != "drift-cache"]
        problems += map(_problem, findings[:_SHOWN])
        if len(findings) > _SHOWN:
            more = len(findings) - _SHOWN
            problems.append(Problem(message=f"{driver.name}: and {more} more files"))
    if problems:
        hint = "see `envbuild verify`, and `envbuild verify --repair`"
        message = f"generation {number} differs from what was built, so it was not made current"
        raise NoError([Problem(message=message, hint=hint), *problems])
    return checked.manifest, tuple(caches)


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
