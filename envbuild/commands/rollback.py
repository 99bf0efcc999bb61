"""`envbuild rollback`: an earlier generation becomes current again, by one rename."""

from __future__ import annotations

from posixpath import basename

from envbuild.errors import HostError, NoError, Problem, UsageError
from envbuild.posix.files import replace_link
from envbuild.posix.write_refusal import unwritable
from envbuild.store.generation_check import check_generation
from envbuild.store.guard import require_store
from envbuild.store.history import Change, compare_manifests
from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.finding import Finding
    from envbuild.store.manifest import Manifest
    from envbuild.store.store import Store
    from envbuild.store.verifier import Verifier

_SHOWN = 5


@value
class RolledBack:
    """From where to where."""

    before: int | None
    """The generation that was current; None where that could not be told."""

    after: int
    manifest: Manifest
    """The generation that is current now."""

    changes: tuple[Change, ...]
    """What that changed."""


def rollback(store: Store, verifier: Verifier, number: int | None) -> RolledBack:
    """Make a generation current: the named one, else the nearest before the current one.

    UsageError for one that there is not, NoError for one that is damaged or has nothing before it.
    """
    require_store(store)
    try:
        with store.switching():
            return _rollback(store, verifier, number)
    except OSError as error:
        raise unwritable(store.root, error) from error


def _rollback(store: Store, verifier: Verifier, number: int | None) -> RolledBack:
    numbers = store.generation_numbers()
    current = store.current_number()
    if not numbers:
        message = f"nothing was ever synced into {store.root}"
        raise NoError(Problem(message=message, hint="run `envbuild sync`"))
    target = _previous(numbers, current) if number is None else number
    if target not in numbers:
        known = ", ".join(map(str, numbers))
        raise UsageError(
            Problem(message=f"there is no generation {target}", hint=f"there are: {known}")
        )
    manifest = _require_sound(store, verifier, target)
    before = _manifest_or_none(store, current)
    if target != current:
        replace_link(store.current, f"generations/{target}")
    changes = tuple(compare_manifests(before, manifest))
    return RolledBack(before=current, after=target, manifest=manifest, changes=changes)


def _previous(numbers: tuple[int, ...], current: int | None) -> int:
    earlier = [number for number in numbers if current is None or number < current]
    if earlier:
        return earlier[-1]
    message = f"there is no generation before {current}"
    raise NoError(Problem(message=message, hint="see `envbuild history`"))


def _require_sound(store: Store, verifier: Verifier, number: int) -> Manifest:
    """The generation's manifest, after a quick look at it and at every environment of it."""
    checked = check_generation(store, number)
    problems = [*map(_problem, checked.findings)]
    if checked.manifest is None:
        raise NoError(problems)
    drivers = checked.manifest.drivers
    looked = verifier.verify_quickly([basename(driver.environment) for driver in drivers])
    for driver, findings in zip(drivers, looked, strict=True):
        problems += map(_problem, findings[:_SHOWN])
        if len(findings) > _SHOWN:
            more = len(findings) - _SHOWN
            problems.append(Problem(message=f"{driver.name}: and {more} more files"))
    if problems:
        hint = "see `envbuild verify`, and `envbuild verify --repair`"
        message = f"generation {number} is not as it was built, so it does not become current"
        raise NoError([Problem(message=message, hint=hint), *problems])
    return checked.manifest


def _manifest_or_none(store: Store, number: int | None) -> Manifest | None:
    try:
        return store.read_generation(number) if number is not None else None
    except HostError:
        return None


def _problem(finding: Finding) -> Problem:
    place = f"{finding.subject}/{finding.path}" if finding.path else finding.subject
    return Problem(message=f"{place}: {finding.message}")
