"""`envbuild sync --from`: take lockfiles, wheels and bytecode from a release, and compare the result."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import HostError, IndexFailureError, Problem
from envbuild.posix.files import make_folders, write_if_changed
from envbuild.posix.shortage import not_written
from envbuild.release.bytecode import keep_entry, unpack
from envbuild.release.oci import (
    BUILT_WHEEL,
    BYTECODE,
    OF_BUILD,
    OF_INTERPRETER,
    OF_WHEEL,
    TITLE,
    WHEEL,
    signature_tag,
)
from envbuild.release.stage import StagedWheels
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from envbuild.declaration.driver import Driver
    from envbuild.lockfile.lockfile import ChosenFile
    from envbuild.release.document import ReleasedEnvironment
    from envbuild.release.found import FoundRelease
    from envbuild.release.oci import Descriptor
    from envbuild.release.stage import Lacking, Stage
    from envbuild.store.plan import Plan, Wanted
    from envbuild.target.target import Interpreter
    from envbuild.wheelcache.built import BuiltWheels
    from envbuild.wheelcache.entries import Entries


_KEY = re.compile(r"[0-9a-f]{64}")
_WHEEL = re.compile(r"[A-Za-z0-9._+!-]{1,250}\.whl")


@value
class Following:
    """A release that a host follows, and what of it is needed here."""

    found: FoundRelease
    stage: Stage
    store: str
    """The store's absolute path."""

    rebuild: bool
    """Whether an environment may be built that the release has for another place only."""

    only_sources: bool
    """Whether no index may be asked."""

    built: BuiltWheels
    """The wheels that the store has from sources."""

    note: Callable[[str], None]

    def write_files(self, folder: Path) -> None:
        """Put the release's declaration and lockfiles into a folder, as a checkout has them.

        HostError if the disk fails.
        """
        release = self.found.release
        files = {"drivers.toml": release.declaration}
        files |= {f"locks/{driver}.toml": text for driver, text in release.lockfiles}
        try:
            make_folders(folder / "locks", 0o755)
            for name, text in files.items():
                write_if_changed(folder / name, text.encode(), mode=0o644)
        except OSError as error:
            raise not_written(error.filename or folder, error) from error

    def interpreter_for(
        self, driver: Driver, at: Callable[[str], Interpreter | None]
    ) -> Interpreter | None:
        """The interpreter that the driver was built on where the release was published, if this host has it."""
        for one in self._environments(driver.name):
            found = at(one.python) if one.store == self.store else None
            if found is not None and (found.version, found.cache_tag) == (
                one.python_version,
                one.cache_tag,
            ):
                return found
        return None

    def pythons(self) -> tuple[str, ...]:
        """The interpreters of the released environments for this store's path, and for this processor."""
        machine = os.uname().machine
        released = self.found.release.environments
        here = [one for one in released if one.store == self.store and f"-{machine}-" in one.target]
        return tuple(dict.fromkeys(one.python for one in here))

    def contents(self, plan: Plan) -> dict[str, str]:
        """The content digest that each environment must have, as far as the release knows it.

        HostError if the release has an environment for another place, and it may not be rebuilt;
        or if it has nothing for this host.
        """
        found: dict[str, str] = {}
        problems: list[Problem] = []
        for wanted in plan.wanted:
            released = self._released(wanted)
            if released is not None:
                found[wanted.environment] = released.content
            elif not self.rebuild:
                problem = self._mismatch(wanted)
                problems += [problem] if problem is not None else []
        if problems:
            raise HostError(problems)
        return found

    def deliver(
        self,
        plan: Plan,
        has_wheel: Callable[[str], bool],
        entries_for: Callable[[Wanted], Entries],
        *,
        in_place: bool,
    ) -> StagedWheels:
        """Fetch what the plan's builds lack, and put the bytecode into the cache.

        With `in_place`, what a folder has stays there, as it is built from now.

        Bytecode, and wheels that were built from sources, come from a release that a trusted key has signed,
        and from no other. IndexFailureError names what no source gave if no index may be asked.
        """
        built = self._built_wheels(plan.builds)
        wheels = {blob.sha256: blob for blob in (*self.found.blobs(WHEEL), *built.values())}
        needed = {
            file.sha256: file
            for wanted in plan.builds
            for file in wanted.files
            if not has_wheel(file.sha256)
        }
        bytecode = tuple(self._bytecode(plan.builds, entries_for))
        wheels = {
            sha256: blob
            for sha256, blob in wheels.items()
            if sha256 not in needed or blob.size == needed[sha256].size
        }
        asked = [wheels[sha256] for sha256 in needed if sha256 in wheels]
        asked += [built[file.build] for file in needed.values() if file.build in built]
        asked += [blob for blob, _, _ in bytecode]
        lacking = self.stage.fetch(asked, in_place=in_place)
        self._judge(lacking)
        for key, blob in built.items():
            self._keep_wheel(key, blob)
        if self.only_sources:
            self._refuse_indexes(needed.values(), wheels)
        for blob, entries, wanted in bytecode:
            self._keep(blob, entries, wanted)
        return StagedWheels(stage=self.stage, wheels=wheels)

    def forget(self) -> None:
        """Remove what was fetched, but for what says that there is nothing new."""
        found = self.found
        self.stage.forget_others((found.manifest.config.sha256, signature_tag(found.digest)))

    def _built_wheels(self, builds: Iterable[Wanted]) -> dict[str, Descriptor]:
        """The released wheels of sources that are wanted and not here, by the keys of their builds."""
        keys = {file.build for wanted in builds for file in wanted.files if file.build}
        layers = {blob.annotation(OF_BUILD): blob for blob in self.found.blobs(BUILT_WHEEL)}
        found = {key: layers[key] for key in sorted(keys & layers.keys())}
        if found and self.found.untrusted is not None:
            self.note(
                "warning: the release's wheels of sources are refused, and built here instead: "
                f"{self.found.untrusted}"
            )
            return {}
        return {key: blob for key, blob in found.items() if self.built.get(key) is None}

    def _keep_wheel(self, key: str, blob: Descriptor) -> None:
        """Put a wheel of a source among those that the store has built."""
        path, name = self.stage.find(blob), blob.annotation(TITLE)
        if path is None or _KEY.fullmatch(key) is None or _WHEEL.fullmatch(name) is None:
            return  # no source gave it: it is built here
        with tempfile.TemporaryDirectory(prefix="envbuild-wheel-") as folder:
            named = Path(folder, name)
            named.symlink_to(path)
            with self.built.making(key):
                self.built.put(key, named)

    def _bytecode(
        self, builds: Iterable[Wanted], entries_for: Callable[[Wanted], Entries]
    ) -> Iterator[tuple[Descriptor, Entries, Wanted]]:
        """Each layer of bytecode that is wanted and not cached, with its cache."""
        if self.found.untrusted is not None:
            return
        layers = {
            (blob.annotation(OF_INTERPRETER), blob.annotation(OF_WHEEL)): blob
            for blob in self.found.blobs(BYTECODE)
        }
        seen = set()
        for wanted in builds:
            if not (layers and wanted.driver.bytecode):
                continue
            entries = entries_for(wanted)
            if not entries.is_usable():
                continue
            for sha256 in self._wheels_of(wanted):
                blob = layers.get((entries.root.name, sha256))
                if blob is not None and blob.digest not in seen and not entries.has(sha256):
                    seen.add(blob.digest)
                    yield blob, entries, wanted

    def _wheels_of(self, wanted: Wanted) -> Iterator[str]:
        """The sha256 of each wheel that is installed: of a source, that of the released wheel."""
        built = {one.annotation(OF_BUILD): one.sha256 for one in self.found.blobs(BUILT_WHEEL)}
        yield from (built.get(file.build, file.sha256) for file in wanted.files)

    def _keep(self, blob: Descriptor, entries: Entries, wanted: Wanted) -> None:
        content = self.stage.read(blob)
        if content is None:
            return  # no source gave it: the builder compiles
        wheel = blob.annotation(OF_WHEEL)
        try:
            modules = unpack(content, wanted.interpreter.cache_tag)
        except ValueError as error:
            message = f"the release's bytecode of {wheel[:12]} cannot be used: {error}"
            self.note(f"warning: {message}; it is compiled here")
        else:
            keep_entry(entries, wheel, modules)

    def _judge(self, lacking: tuple[Lacking, ...]) -> None:
        problems = [
            Problem(
                message=f"no source has {one.name} of release {self.found.release.sequence}",
                detail="\n".join(one.reasons),
            )
            for one in lacking
            if one.blob.media_type == WHEEL
        ]
        if problems and self.only_sources:
            raise IndexFailureError(problems)
        for problem in problems:
            reasons = "; ".join((problem.detail or "").split("\n"))
            self.note(f"warning: {problem.message}: {reasons}; the index is used instead")

    def _refuse_indexes(self, needed: Iterable[ChosenFile], wheels: dict[str, Descriptor]) -> None:
        missing = [
            file
            for file in needed
            if file.sha256 not in wheels
            and not (file.build and self.built.get(file.build) is not None)
        ]
        if missing:
            raise IndexFailureError(
                Problem(
                    message=f"the release does not have {file.file}",
                    hint="without --only-from, it comes from its index",
                )
                for file in missing
            )

    def _environments(self, driver: str) -> tuple[ReleasedEnvironment, ...]:
        return tuple(one for one in self.found.release.environments if one.driver == driver)

    def _released(self, wanted: Wanted) -> ReleasedEnvironment | None:
        """The released environment that this one must equal."""
        for one in self._environments(wanted.driver.name):
            if (one.key, one.store) == (wanted.key, self.store):
                return one
        return None

    def _mismatch(self, wanted: Wanted) -> Problem | None:
        """Why no released environment is the wanted one; None if its target was published with wheels alone."""
        name, target = wanted.driver.name, str(wanted.target)
        release = self.found.release
        there = dict(release.targets).get(name, ())
        same = [one for one in self._environments(name) if one.target == target]
        sequence = f"release {release.sequence}"
        if target not in there:
            return Problem(
                file=self.found.place,
                message=f"{sequence} has {name} for {', '.join(there) or 'no target'}, "
                f"and this host needs it for {target}",
                hint=f"publish it with --target {target}",
            )
        if not same:
            return None
        one = same[0]
        facts = (
            ("in the store", one.store, self.store),
            ("on the Python", one.python, wanted.interpreter.path),
            ("on Python", one.python_version, wanted.interpreter.version),
        )
        differing = [f"{what} {was}, not {here}" for what, was, here in facts if was != here]
        what = " and ".join(differing) or "from a declaration that differs from this host's"
        return Problem(
            file=self.found.place,
            message=f"{sequence} has {name} built {what}",
            hint="`--rebuild` builds it here from the release's wheels, with the same lockfile, but another digest",
        )
