"""The checks of a built environment before it becomes current: its own METADATA, and its probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.build.prober import probe_failure
from envbuild.declaration.source import origin_words
from envbuild.environment.content_digest import read_content_digest
from envbuild.environment.installed import read_distributions
from envbuild.environment.probe import probes_of
from envbuild.environment.shared_paths import shared_paths
from envbuild.errors import HostError, IndexFailureError, NoError, Problem
from envbuild.lean_json import read_ordinary
from envbuild.lockfile.soundness import DriverLines, judge
from envbuild.requirement.parse import parse_version
from envbuild.target.python_bound import python_hint
from envbuild.value import field, value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from envbuild.build.prober import Prober
    from envbuild.environment.installed import Distribution
    from envbuild.errors import EnvbuildError
    from envbuild.lockfile.lockfile import LockedPackage
    from envbuild.lockfile.soundness import Unmet
    from envbuild.progress import Progress
    from envbuild.store.manifest import ManifestDriver
    from envbuild.store.plan import Wanted
    from envbuild.store.store import Store


@value
class Gate:
    """Checks and probes the environments that are about to become current."""

    store: Store
    prober: Prober
    progress: Progress
    declared_in: str
    """The declaration's file, for messages."""

    contents: Mapping[str, str] = field(default_factory=dict)
    """The content digest that a release has for an environment, by the folder's name."""

    def refuse(self, wanted: Iterable[Wanted]) -> Iterator[tuple[str, EnvbuildError]]:
        """Each driver that must not become current, with the reasons.

        First each environment is compared with the released one, and checked by its own METADATA;
        complete ones are probed.
        """
        complete = []
        current = self.store.read_current()
        for item in wanted:
            entry = current.driver(item.driver.name) if current is not None else None
            if (other := self._not_as_released(item)) is not None:
                self.progress.failed(item.driver.name, "not as released")
                yield item.driver.name, other
            elif (error := self._incomplete(item, entry)) is not None:
                self.progress.failed(item.driver.name, "not complete")
                yield item.driver.name, error
            elif entry is None or entry.key != item.key:  # a current one is not probed again
                complete.append(item)
        yield from self._probe(complete)

    def _incomplete(self, item: Wanted, entry: ManifestDriver | None) -> EnvbuildError | None:
        """Why an environment is incomplete; one that is current with the same lockfile was checked before."""
        refused = self._overlapping(item)
        if refused is not None:
            return refused
        if entry is not None and (entry.key, entry.lock) == (item.key, item.lock):
            return None
        environment = self.store.environment(item.environment)
        return refusal_of_built(item, environment, file=self.declared_in)

    def _not_as_released(self, item: Wanted) -> IndexFailureError | None:
        """How an environment differs from the one that was released."""
        released = self.contents.get(item.environment)
        if released is None:
            return None
        file = self.store.receipt(item.environment)
        try:
            found = read_content_digest(read_ordinary(file))
        except (OSError, ValueError) as error:
            found = f"not known ({error})"
        if found == released:
            return None
        return IndexFailureError(
            Problem(
                message=f"{item.driver.name} is not as released: its content digest is {found}, "
                f"but the release says {released} [not-as-released]",
                hint="`envbuild verify` says whether it was changed since it was built; "
                "the uv and the envbuild of the release build the released content",
            )
        )

    def _overlapping(self, item: Wanted) -> NoError | None:
        """The paths that several packages have, if the declaration refuses that."""
        if item.driver.overlap != "refuse":
            return None
        found = tuple(shared_paths(self.store.environment(item.environment)))
        if not found:
            return None
        return NoError(
            Problem(
                file=self.declared_in,
                line=item.driver.line,
                key=f"drivers.{item.driver.name}.overlap",
                message=f"{finding.path}: {finding.message} [shared-path]",
                hint='remove one of them, or allow it with overlap = "warn"',
            )
            for finding in found
        )

    def _probe(self, wanted: Iterable[Wanted]) -> Iterator[tuple[str, NoError]]:
        """Each driver whose probes fail, with the reasons.

        An environment that its own probe has changed is no longer valid.
        """
        moved = [item for item in wanted if probes_of(item.driver)]
        for item in moved:
            self.progress.stage(item.driver.name, "probing")
        results = self.prober.probe_all(
            (item.driver, self.store.environment(item.environment)) for item in moved
        )
        for item in moved:
            name = item.driver.name
            own = tuple(result for result in results if result.driver == name)
            if any(result.wrote for result in own):
                self.store.receipt(item.environment).unlink(missing_ok=True)
            error = probe_failure(own, file=self.declared_in, line=item.driver.line)
            if error is None:
                self.progress.done(name, "probed")
            else:
                self.progress.failed(name, "its probe failed")
                yield name, error


def refusal_of_built(wanted: Wanted, environment: Path, *, file: str) -> EnvbuildError | None:
    """Why an environment must not become current; None if it has everything that its packages require.

    Its files are read, and none of its code runs. `file` is the declaration's, for messages.
    """
    installed = read_distributions(environment)
    differing = tuple(_differences(wanted.locked, installed))
    if differing:
        return IndexFailureError(differing)
    driver = wanted.driver
    asked = DriverLines(
        driver=driver.name,
        requires=tuple(one.text for one in driver.requires_for(wanted.target.variant)),
        constraints=driver.constraints,
        overrides=driver.overrides,
    )
    unmet = tuple(judge(asked, installed, wanted.here))
    problems = [_problem(wanted, one, file) for one in unmet]
    if not problems:
        return None
    of_host = all(one.package == "python" for one in unmet)
    return HostError(problems) if of_host else NoError(problems)


def _problem(wanted: Wanted, unmet: Unmet, file: str) -> Problem:
    name = wanted.driver.name
    hint = f"run `envbuild lock {name}`; or declare an override, if you know that it works"
    if unmet.package == "python":
        hint = python_hint(unmet.asker or name, "VERSION")
    return Problem(
        file=file,
        line=wanted.driver.line,
        key=f"drivers.{name}.requires",
        message=f"the environment of {name} is incomplete: {unmet.message}",
        hint=hint,
    )


def _differences(
    locked: Iterable[LockedPackage], installed: Iterable[Distribution]
) -> Iterator[Problem]:
    """Wheels whose METADATA differs from the lockfile.

    A build from source may differ between hosts, so it is not compared.
    """
    there = {distribution.name: distribution for distribution in installed}
    for package in locked:
        found = there.get(package.name)
        file = package.files[0].name if package.files else package.name
        if found is None or not file.endswith(".whl"):
            continue
        if parse_version(found.version) != parse_version(package.version):
            yield _lie(package, f"version {package.version}", f"version {found.version}")
        elif {*found.requires} == {*package.requires}:
            continue
        elif _compared(found.requires) != _compared(package.requires):
            yield _lie(package, *_only(package.requires, found.requires))


def _lie(package: LockedPackage, before: str, now: str) -> Problem:
    names = ", ".join(dict.fromkeys(file.name for file in package.files))
    return Problem(
        message=f"{origin_words(package.index, package.name)}: its METADATA of {names} differs from that in the wheel",
        detail=f"locked: {before}\nwheel: {now}",
        hint="the index must be fixed: then run "
        f"`envbuild lock --upgrade-package {package.name}`; "
        f'until then use another version: constraints = ["{package.name}!={package.version}"]',
    )


def _only(locked: tuple[str, ...], inside: tuple[str, ...]) -> tuple[str, str]:
    """The requirements that are only in one of the two lists, as text."""
    before, now = _compared(locked), _compared(inside)
    return (
        ", ".join(sorted(before - now)) or "no requirement that the wheel lacks",
        ", ".join(sorted(now - before)) or "no requirement that the lockfile lacks",
    )


def _compared(requires: Iterable[str]) -> frozenset[str]:
    from envbuild.wheelcache.metadata import published_requirement

    found = set()
    for text in requires:
        try:
            found.add(published_requirement(text))
        except ValueError:
            found.add(text)
    return frozenset(found)
