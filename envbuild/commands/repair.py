"""`envbuild verify --repair`: restore what drifted, and verify again."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from envbuild.commands.verify import Verified, verify
from envbuild.environment.receipt import parse_receipt
from envbuild.errors import EnvbuildError, HostError, Problem
from envbuild.finding import Code, Finding
from envbuild.lean_json import read_ordinary
from envbuild.lockfile.builds import needs_build
from envbuild.store.rebuild import wanted_again
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.build.repair import Repairer
    from envbuild.commands.verify import InUse, VerifiedEnvironment
    from envbuild.store.plan import Wanted
    from envbuild.store.store import Store
    from envbuild.store.verifier import Verifier
    from envbuild.target.target import Interpreter


@value
class Repaired:
    """What drifted, what was restored, and what remains."""

    before: Verified
    after: Verified
    repaired: tuple[str, ...]
    """What was restored: environments, `generation N`, `current`."""

    refused: tuple[Finding, ...]
    """What could not be repaired, and why."""

    @property
    def exit_code(self) -> int:
        """0 if everything is as built now, else 1."""
        return self.after.exit_code


@value
class Repair:
    """The parts for repairing."""

    store: Store
    verifier: Verifier
    repairer: Repairer
    wanted_for: Callable[[str], Wanted]
    """The plan for a driver on this host; an error says why there is none."""

    interpreter_at: Callable[[str], Interpreter | None]
    """The Python at a path; None if there is none."""

    def run(self, names: tuple[str, ...]) -> Repaired:
        """Verify, repair, verify again; errors as in `verify`."""
        before = verify(str(self.store.root), self.verifier, names)
        done: list[str] = []
        refused: list[Finding] = []
        for generation in before.generations:
            if generation.findings and generation.manifest is not None:
                self.repairer.restore_generation(generation)
                done.append(f"generation {generation.number}")
        for environment in before.environments:
            refusal = self._restore(environment, done)
            if refusal is not None:
                refused.append(refusal)
        if before.current:
            self._restore_current(before, done, refused)
        after = verify(str(self.store.root), self.verifier, names)
        return Repaired(before=before, after=after, repaired=tuple(done), refused=tuple(refused))

    def _restore(self, environment: VerifiedEnvironment, done: list[str]) -> Finding | None:
        """Repair one environment if it drifted; returns why it could not, or None."""
        name = environment.used.name
        if not environment.findings:
            if any(one.findings for one in self.verifier.verify_quickly((name,))):
                self.repairer.renew_stats(name)
            return None
        try:
            own = tuple(f for f in environment.findings if f.code != Code.INTERPRETER)
            if len(own) < len(environment.findings) and not self._from_receipt(environment.used):
                return _refusal(name, _UNKNOWN, _MOVED_ON)  # its Python is not known either
            if changed := [finding for finding in own if finding.code == Code.INHERITED]:
                return _refusal(name, changed[0].message, changed[0].hint)
            if all(finding.code == Code.DRIFT_CACHE for finding in own):
                self.repairer.remove_caches(name, own)
                done.append(name)
                return None
            wanted = self._wanted(environment)
            if wanted is None:
                return _refusal(name, _UNKNOWN, _MOVED_ON)
            self.repairer.restore_environment(
                wanted, environment.findings, environment.used.recorded
            )
        except EnvbuildError as error:
            problem = error.problems[0]
            return _refusal(name, problem.message, problem.hint)
        done.append(name)
        return None

    def _wanted(self, environment: VerifiedEnvironment) -> Wanted | None:
        """What to build: the derivation in its receipt, else from the current lockfile.

        A lockfile also knows how a source is built, if its wheel is no longer in the store.
        """
        again = self._from_receipt(environment.used)
        if again is None:
            return self._from_lockfiles(environment.used)
        if any(needs_build(file.file) for file in again.files):
            with suppress(EnvbuildError):
                return self._from_lockfiles(environment.used) or again
        return again

    def _from_receipt(self, used: InUse) -> Wanted | None:
        return wanted_from_receipt(self.store, used.name, used.key, self.interpreter_at)

    def _from_lockfiles(self, used: InUse) -> Wanted | None:
        """None if the declaration and the lockfiles give other environments now."""
        errors: list[EnvbuildError] = []
        for driver in used.drivers:
            try:
                wanted = self.wanted_for(driver)
            except EnvbuildError as error:
                errors.append(error)
                continue
            if wanted.environment == used.name:
                return wanted
        if errors:
            raise errors[0]
        return None

    def _restore_current(self, before: Verified, done: list[str], refused: list[Finding]) -> None:
        """Choose the newest intact generation: which one was current is unknown."""
        numbers = [item.number for item in before.generations if item.manifest is not None]
        if not numbers:
            refused.append(_refusal("current", "there is no generation that can be read", None))
            return
        self.repairer.restore_current(max(numbers))
        done.append("current")


def wanted_from_receipt(
    store: Store, name: str, key: str, interpreter_at: Callable[[str], Interpreter | None]
) -> Wanted | None:
    """What an environment with this key was built from; None if its receipt is damaged or old, or has another key.

    HostError if its Python is gone, or another one.
    """
    file = store.receipt(name)
    try:
        text = read_ordinary(file).decode("utf-8", "surrogateescape")
        receipt = parse_receipt(text, file=str(file))
    except (OSError, HostError):
        return None
    wanted = wanted_again(receipt, name=name, key=key)
    if wanted is None:
        return None
    before = wanted.interpreter
    found = interpreter_at(before.path)
    if found is None:
        message = f"its interpreter {before.path} ({before.version}) is missing or does not start"
        raise HostError(Problem(message=message, hint=_OTHER_PYTHON))
    if (found.version, found.cache_tag) != (before.version, before.cache_tag):
        message = f"its interpreter {before.path} was {before.version} and is {found.version} now"
        raise HostError(Problem(message=message, hint=_OTHER_PYTHON))
    return replace(wanted, interpreter=found)


_UNKNOWN = "neither its receipt nor a lockfile says what it was built from"
_MOVED_ON = "run `envbuild sync` for a new one, then `envbuild gc` to remove this one"
_OTHER_PYTHON = (
    "`envbuild sync` builds a new one on an existing Python; `envbuild gc` removes this one"
)


def _refusal(subject: str, message: str, hint: str | None) -> Finding:
    return Finding(
        code=Code.UNREPAIRED, subject=subject, message=f"not repaired: {message}", hint=hint
    )
