"""Unpacked wheels: uv installs each once, and environments link it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from envbuild.wheelcache.entries import Entries
from envbuild.wheelcache.linking import UNLINKABLE, Linked, SitePackages
from envbuild.wheelcache.modules import is_compiled
from envbuild.wheelcache.unpacked_wheel import (
    WheelFacts,
    bound_minor,
    record_template,
    script_of,
    wheel_facts,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from envbuild.wheelcache.entry import Entry, EntryFile
    from envbuild.wheelcache.record import RecordRow
    from envbuild.wheelcache.unpacked_wheel import Script


_HEAD = 1 << 16
"""If a file has its environment's path in it, it is in these first bytes, as a script's first line."""


class LinkedWheel(NamedTuple):
    """An unpacked wheel that was linked into an environment."""

    dist_info: str
    linked: Linked
    met: tuple[str, ...]
    """Scripts that were not written, because another file was there."""

    bytecode: Linked | None = None
    """Its bytecode, if that was cached too."""

    def rows(self) -> tuple[RecordRow, ...]:
        """Its files as its RECORD lists them."""
        return tuple([(file.path, file.sha256, file.size) for file in self.linked.entry.files])


class WheelLinks(NamedTuple):
    """Links wheels into one environment; can be pickled."""

    wheels: Path
    """The cache's folder."""

    bytecode: Path | None
    """The folder of the bytecode that is cached for the environment's interpreter; None if none is wanted."""

    site_packages: Path
    environment: bytes
    """The environment's final path; scripts contain it."""

    minor: str
    """Its Python, such as `3.12`."""

    def link(self, names: Iterator[str]) -> dict[str, LinkedWheel | None]:
        """Link wheels and their bytecode, by sha256; None for a damaged or missing wheel."""
        wheels = WheelCache(self.wheels)
        bytecode = Entries(self.bytecode) if self.bytecode is not None else None
        target = SitePackages(self.site_packages)
        found: dict[str, LinkedWheel | None] = {}
        for name in names:
            linked = wheels.link(name, target, environment=self.environment, minor=self.minor)
            if linked is not None and bytecode is not None and bytecode.has(name):
                linked = linked._replace(bytecode=bytecode.link(name, target))
            found[name] = linked
        return found


class FreshWheel(NamedTuple):
    """A wheel that uv has just installed."""

    sha256: str
    """The locked file's."""

    file: str
    """The locked file's name."""

    dist_info: str
    record: str
    """The RECORD's text."""

    rows: tuple[RecordRow, ...]


class WheelCache:
    """The unpacked wheels of a store, by the sha256 of the wheel."""

    def __init__(self, root: Path, *, copies: bool = False) -> None:
        """With `copies`, files are copied into the cache if the file system cannot link them."""
        self.entries = Entries(root)
        self._copies = copies

    def link(
        self,
        wheel: str,
        target: SitePackages,
        *,
        environment: bytes,
        minor: str,
        only: Collection[str] | None = None,
    ) -> LinkedWheel | None:
        """Link a wheel into an environment; None if it is not cached, or not for this Python.

        With `only`, just these paths are linked.
        `environment` is the environment's final path; scripts contain it.
        """

        def fits(entry: Entry) -> bool:
            facts = wheel_facts(entry.facts)
            return facts is not None and facts.minor in ("", minor)

        linked = self.entries.link(wheel, target, accept=fits, only=only)
        facts = wheel_facts(linked.entry.facts) if linked is not None else None
        if linked is None or facts is None:
            return None
        rendered = [s for s in facts.scripts if only is None or s.path in only]
        met = [
            script.path
            for script in rendered
            if not _write(target, script.path, script.render(environment), script.mode)
        ]
        if facts.record and only is None:
            record = f"{facts.dist_info}/RECORD"
            if not _write(target, record, facts.render_record(environment), 0o444):
                met.append(record)
        return LinkedWheel(dist_info=facts.dist_info, linked=linked, met=tuple(met))

    def keep(
        self,
        fresh: FreshWheel,
        target: SitePackages,
        found: Mapping[str, EntryFile],
        *,
        environment: bytes,
        minor: str,
    ) -> bool:
        """Cache a wheel that was just installed; False if it differs from its RECORD.

        `found` has its files by their RECORD's path; the caller holds `making`.
        """
        record = f"{fresh.dist_info}/RECORD"
        files: dict[str, EntryFile] = {}
        for path, sha256, _ in fresh.rows:
            if is_compiled(path):
                continue
            file = found.get(path)
            if file is None or (sha256 and sha256 != file.sha256) or path.startswith("/"):
                return False
            files[path] = file
        if record not in files or not fresh.sha256:
            return False
        scripts = self._scripts(target, files.values(), environment)
        lines = record_template(fresh.record, scripts) if scripts else ()
        if lines is None:
            return False
        facts = WheelFacts(
            dist_info=fresh.dist_info,
            minor=bound_minor(files, minor),
            scripts=scripts,
            record=lines,
        )
        if scripts:
            del files[record]
            text = fresh.record.encode("utf-8", "surrogateescape")
            if facts.render_record(environment) != text:
                return False
        for script in scripts:
            del files[script.path]
        return self._publish(fresh.sha256, target, tuple(files.values()), facts)

    def _scripts(
        self, target: SitePackages, files: Iterable[EntryFile], environment: bytes
    ) -> tuple[Script, ...]:
        found = (self._script(target, file, environment) for file in files)
        return tuple(script for script in found if script is not None)

    def _script(self, target: SitePackages, file: EntryFile, environment: bytes) -> Script | None:
        place = target.place(file.path) if file.path.startswith("../") else None
        if place is None:
            return None
        with open(place, "rb") as stream:  # noqa: PTH123
            content = stream.read(_HEAD)
            if environment in content:
                content += stream.read()
        return script_of(file.path, file.mode, content, environment)

    def _put(self, file: bytes, place: str) -> None:
        try:
            os.link(file, place)
        except OSError as error:
            if not self._copies or error.errno not in UNLINKABLE:
                raise
            import shutil

            shutil.copy2(file, os.fsencode(place))

    def _publish(
        self, wheel: str, target: SitePackages, files: tuple[EntryFile, ...], facts: WheelFacts
    ) -> bool:
        import shutil

        scratch = self.entries.begin(wheel)
        try:
            for number, file in enumerate(files):
                place = target.place(file.path)
                if place is None:
                    return False
                self._put(place, f"{scratch}/{number}")
            rows = [(file.path, file.sha256) for file in files]
            self.entries.publish(wheel, scratch, rows, facts.as_json())
        except OSError as error:
            if error.errno not in UNLINKABLE:
                raise
            return False
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return True


def _write(target: SitePackages, path: str, content: bytes, mode: int) -> bool:
    """Write a file for this environment; returns False if something was there."""
    place = target.place(path)
    if place is None:
        return False
    try:
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        return False
    with open(descriptor, "wb") as stream:  # noqa: PTH123
        stream.write(content)
    os.chmod(place, mode)  # noqa: PTH101  (regardless of the umask)
    return True
