"""Between building and switching: what has to be so, and to succeed, in an environment before it is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.build.prober import probe_failure
from envbuild.build.soundness import refusal_of_built
from envbuild.environment.probe import probes_of
from envbuild.environment.shared_paths import shared_paths
from envbuild.errors import NoError, Problem
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.build.prober import Prober
    from envbuild.errors import EnvbuildError
    from envbuild.progress import Progress
    from envbuild.store.plan import Wanted
    from envbuild.store.store import Store


@value
class Gate:
    """Judges and probes what is about to become current."""

    store: Store
    prober: Prober
    progress: Progress
    declared_in: str
    """The declaration's file, for messages."""

    def refuse(self, wanted: Iterable[Wanted]) -> Iterator[tuple[str, EnvbuildError]]:
        """Each driver that is not to be switched to, with the reasons.

        First what was built is judged by its own METADATA, then what is complete is probed.
        """
        complete = []
        for item in wanted:
            error = self._incomplete(item)
            if error is None:
                complete.append(item)
            else:
                self.progress.done(item.driver.name, "not complete")
                yield item.driver.name, error
        yield from self._probe(complete)

    def _incomplete(self, item: Wanted) -> EnvbuildError | None:
        """Why what was built is not complete; what is current with the same lockfile was judged before."""
        refused = self._overlapping(item)
        if refused is not None:
            return refused
        current = self.store.read_current()
        entry = current.driver(item.driver.name) if current is not None else None
        if entry is not None and (entry.key, entry.lock) == (item.key, item.lock):
            return None
        environment = self.store.environment(item.environment)
        return refusal_of_built(item, environment, file=self.declared_in)

    def _overlapping(self, item: Wanted) -> NoError | None:
        """Why packages that bring one path are in each other's way, where the declaration refuses that."""
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
                hint='leave one of them out, or allow it with overlap = "warn"',
            )
            for finding in found
        )

    def _probe(self, wanted: Iterable[Wanted]) -> Iterator[tuple[str, NoError]]:
        """Each driver whose probes fail, with the reasons.

        What is current already in the same environment is not probed again.
        An environment that its own probe has changed is no longer valid.
        """
        moved = [item for item in self._moved(wanted) if probes_of(item.driver)]
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
            self.progress.done(name, "probed" if error is None else "its probe failed")
            if error is not None:
                yield name, error

    def _moved(self, wanted: Iterable[Wanted]) -> Iterator[Wanted]:
        current = self.store.read_current()
        for item in wanted:
            entry = current.driver(item.driver.name) if current is not None else None
            if entry is None or entry.key != item.key:
                yield item
