"""`envbuild publish`: write lockfiles, wheels, bytecode and content digests as one release."""

from __future__ import annotations

import io
import shutil
from functools import partial
from posixpath import basename
from typing import TYPE_CHECKING

from envbuild.commands.built_layers import built_wheels, layers_of, with_wheels
from envbuild.commands.fetch import chosen_targets, files_on
from envbuild.commands.selection import select_drivers
from envbuild.errors import HostError, NoError, Problem
from envbuild.lockfile.freshness import stale_reasons
from envbuild.release.compression import compress
from envbuild.release.document import LeftOut, Release, ReleasedEnvironment, render_release
from envbuild.release.oci import (
    CONFIG,
    RELEASE,
    TITLE,
    WHEEL,
    Descriptor,
    OciManifest,
    descriptor_of,
    digest_of,
    parse_manifest,
    render_manifest,
    signature_tag,
)
from envbuild.release.place import PlaceError
from envbuild.release.signature import signature_blobs
from envbuild.release.uploading import upload
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from envbuild.commands.packing import BytecodePacker
    from envbuild.declaration.declaration import Declaration
    from envbuild.environment.derivation import Derivation
    from envbuild.lockfile.folder import LockFolder, StoredLockfile
    from envbuild.lockfile.lockfile import ChosenFile, Lockfile
    from envbuild.progress import Progress
    from envbuild.release.place import Destination, Opener
    from envbuild.release.record import ReleaseRecord
    from envbuild.release.uploading import PackedLayer
    from envbuild.store.store import Store
    from envbuild.target.target import Target
    from envbuild.wheelcache.built import BuiltWheels

VERSION = "org.opencontainers.image.version"
_LIST_OF_DRIVERS = 20


@value
class Published:
    """The result of `envbuild publish`."""

    destination: str
    release: Release
    digest: str
    """The manifest's."""

    blobs: int
    """How many blobs the release has."""

    size: int
    """The bytes of all of them."""

    uploaded: tuple[Descriptor, ...]
    """Those that the destination lacked."""

    unchanged: bool
    """Whether the destination had this release already."""

    signed: bool


@value
class _Built:
    """An environment of the current generation that was built from the lockfile."""

    released: ReleasedEnvironment
    derivation: Derivation


@value
class Publisher:
    """Publishes lockfiles, and what a store has built from them."""

    declaration: Declaration
    text: str
    """The declaration's."""

    folder: LockFolder
    store: Store
    record: ReleaseRecord
    packer: BytecodePacker
    built: BuiltWheels
    """The wheels that the store has built from sources."""

    scratch: Path
    """A private folder for files on their way: what arrived whole is kept there if a publish is killed."""

    download: Callable[[ChosenFile, Path], None]
    """Puts a locked file into a folder, from its index."""

    is_there: Callable[[ChosenFile, Path], bool]
    destination: Destination
    shown: str
    """The destination, as the user named it."""

    repository: str
    """The destination as `HOST/REPOSITORY`; empty if it is no registry."""

    progress: Progress
    sign: Callable[[str], bytes] | None
    """The manifest of a signature over a manifest's digest; None to leave it unsigned."""

    extras: Callable[[tuple[Derivation, ...]], tuple[PackedLayer, ...]]
    """The layers of tools and Pythons, for the environments in the release."""

    tools: tuple[str, str]
    """The versions of envbuild and uv."""

    def publish(
        self, names: tuple[str, ...], targets: tuple[str, ...], *, now: str, expires: str | None
    ) -> Published:
        """Publish the drivers; a destination that has the same release already is left alone.

        NoError if a lockfile is missing or stale, or nothing is built and no target is named;
        HostError if the destination does not take it; IndexFailureError if an index does not give a wheel.
        """
        stored = self._lockfiles(names)
        lockfiles = {name: one.lockfile for name, one in stored.items()}
        built = tuple(self._built(stored))
        chosen = self._targets(lockfiles, built, targets)
        built = tuple(one for one in built if _is_chosen(one, chosen))
        self.progress.stage("release", "packing bytecode")
        wheels = tuple(self._wheels(lockfiles, chosen))
        derivations = tuple(one.derivation for one in built)
        from_sources = built_wheels(self.built, derivations)
        packed = (
            *layers_of(self.built, from_sources),
            *self.packer.pack(with_wheels(one, from_sources) for one in derivations),
            *self.extras(derivations),
        )
        draft = Release(
            sequence=1,
            previous=None,
            created=now,
            expires=expires,
            envbuild=self.tools[0],
            uv=self.tools[1],
            declaration=self.text,
            lockfiles=tuple(sorted((name, self._text(name)) for name in lockfiles)),
            targets=tuple(sorted((k, tuple(map(str, v))) for k, v in chosen.items())),
            environments=tuple(one.released for one in built),
            left_out=tuple(_left_out(lockfiles, chosen, built, {one.key for one in from_sources})),
        )
        descriptors = (*(blob for blob, _ in wheels), *(one.blob for one in packed))
        openers: dict[str, Opener] = {
            **{blob.digest: partial(self._open, file) for blob, file in wheels},
            **{one.blob.digest: one.opened for one in packed},
        }
        try:
            return self._write(draft, descriptors, openers)
        except PlaceError as error:
            raise HostError(
                Problem(file=self.shown, message=f"the release cannot be published: {error}")
            ) from error

    def _write(
        self,
        draft: Release,
        layers: tuple[Descriptor, ...],
        openers: dict[str, Opener],
    ) -> Published:
        there = self.destination.manifest()
        release, config, manifest = self._numbered(draft, layers, there)
        content = render_manifest(manifest)
        openers[manifest.config.digest] = partial(io.BytesIO, config)
        digest = digest_of(content)
        blobs = (manifest.config, *manifest.layers)
        signature = None if self.sign is None else self.sign(digest)
        missing = [blob for blob in blobs if self.destination.lacks(blob)]
        self.progress.stage("release", f"writing to {self.shown}")
        upload(missing, openers, self.destination, self.progress, "release")
        manifests: tuple[tuple[str | None, bytes], ...] = ((None, content),)
        if signature is not None:
            for blob, inside in signature_blobs(signature):
                if self.destination.lacks(blob):
                    self.destination.put(blob, partial(io.BytesIO, inside))
            manifests = ((signature_tag(digest), signature), *manifests)
        unchanged = there == content and not missing
        if not unchanged or signature is not None:
            self.destination.finish(manifests)
        self.record.publish(content, render_release(release))
        if self.repository:
            self.record.publish_to(self.repository)
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.progress.done("release", "there already" if unchanged else "published")
        return Published(
            destination=self.shown,
            release=release,
            digest=digest,
            blobs=len(blobs),
            size=sum(blob.size for blob in blobs),
            uploaded=tuple(missing),
            unchanged=unchanged,
            signed=signature is not None,
        )

    def _numbered(
        self, draft: Release, layers: tuple[Descriptor, ...], there: bytes | None
    ) -> tuple[Release, bytes, OciManifest]:
        """The release with its number, its config and its manifest: the last one if nothing has changed since."""
        from envbuild.release.document import parse_release

        last = self.record.published()
        if last is not None:
            manifest, config = parse_manifest(last[0]), compress(last[1])
            before = parse_release(last[1], place="the last published release")
            same = replace(
                draft, sequence=before.sequence, previous=before.previous, created=before.created
            )
            if (same, layers) == (before, manifest.layers) and (
                digest_of(config) == manifest.config.digest  # other libraries pack other bytes
                or not self.destination.lacks(manifest.config)
            ):
                return before, config, manifest
        numbers = [_sequence(one) for one in (there, last[0] if last else None) if one is not None]
        previous = there if there is not None else (last[0] if last else None)
        release = replace(
            draft,
            sequence=max(numbers, default=0) + 1,
            previous=None if previous is None else digest_of(previous),
        )
        config = compress(render_release(release))
        drivers = [f"{name} {_version(release, name)}" for name, _ in release.lockfiles]
        listed = ", ".join(drivers[:_LIST_OF_DRIVERS])
        annotations = (
            ("org.opencontainers.image.created", release.created),
            ("org.opencontainers.image.description", f"drivers: {listed}"),
            (TITLE, "envbuild release"),
            (VERSION, str(release.sequence)),
        )
        manifest = OciManifest(
            artifact_type=RELEASE,
            config=descriptor_of(CONFIG, config, ((TITLE, "release.json"),)),
            layers=layers,
            annotations=annotations,
        )
        return release, config, manifest

    def _lockfiles(self, names: tuple[str, ...]) -> dict[str, StoredLockfile]:
        found, problems = {}, []
        for driver in select_drivers(self.declaration, names):
            stored = self.folder.read(driver.name)
            if stored is None:
                why = "has no lockfile"
            elif stale_reasons(stored.lockfile, driver, self.declaration):
                why = "has a stale lockfile"
            else:
                found[driver.name] = stored
                continue
            problems.append(
                Problem(
                    file=self.folder.name(driver.name),
                    message=f"{driver.name} {why}",
                    hint="run `envbuild lock`",
                )
            )
        if problems:
            raise NoError(problems)
        return found

    def _text(self, driver: str) -> str:
        return (self.folder.path / f"{driver}.toml").read_text(encoding="utf-8")

    def _built(self, stored: Mapping[str, StoredLockfile]) -> Iterator[_Built]:
        """What the current generation has of these lockfiles."""
        manifest = self.store.read_current()
        for entry in manifest.drivers if manifest is not None else ():
            lock = stored.get(entry.name)
            name = basename(entry.environment)
            if lock is None or lock.digest != entry.lock or not self.store.is_valid(name):
                continue
            receipt, content = self.store.read_receipt(name)
            derivation = receipt.derivation
            yield _Built(
                derivation=derivation,
                released=ReleasedEnvironment(
                    driver=entry.name,
                    version=entry.version,
                    target=derivation.target,
                    key=entry.key,
                    environment=name,
                    store=str(self.store.root),
                    python=derivation.python,
                    python_version=derivation.python_version,
                    cache_tag=derivation.cache_tag,
                    content=content,
                ),
            )

    def _targets(
        self, lockfiles: Mapping[str, Lockfile], built: tuple[_Built, ...], asked: tuple[str, ...]
    ) -> dict[str, tuple[Target, ...]]:
        """Each driver's targets: those that were named, else those that are built here."""
        if asked:
            return chosen_targets(lockfiles, asked)
        here = {one.released.driver: one.released.target for one in built}
        missing = [name for name in lockfiles if name not in here]
        if missing:
            raise NoError(
                Problem(
                    message=f"{name} is not built in {self.store.root} from its lockfile, "
                    "so its targets are unknown",
                    hint="run `envbuild sync`; or name the drivers; or name targets with --target",
                )
                for name in missing
            )
        return {
            name: tuple(target for target in lockfile.targets if str(target) == here[name])
            for name, lockfile in lockfiles.items()
        }

    def _wheels(
        self, lockfiles: Mapping[str, Lockfile], chosen: Mapping[str, tuple[Target, ...]]
    ) -> Iterator[tuple[Descriptor, ChosenFile]]:
        """The layer of each wheel, in the order of their names."""
        files = {
            file.sha256: file
            for name, lockfile in lockfiles.items()
            for file in files_on(lockfile, chosen[name])
            if file.file.endswith(".whl")
        }
        for file in sorted(files.values(), key=lambda one: (one.file, one.sha256)):
            blob = Descriptor(
                media_type=WHEEL,
                digest=f"sha256:{file.sha256}",
                size=file.size,
                annotations=((TITLE, file.file),),
            )
            yield blob, file

    def _open(self, file: ChosenFile) -> BinaryIO:
        """Open a wheel; it is downloaded when somebody first needs its bytes."""
        folder = self.scratch / file.sha256
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.is_there(file, folder):
            self.download(file, folder)
        return (folder / file.file).open("rb")


def _sequence(manifest: bytes) -> int:
    """The number of a published release; 0 if its manifest does not say."""
    try:
        text = dict(parse_manifest(manifest).annotations).get(VERSION, "")
    except ValueError:
        return 0
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def _version(release: Release, driver: str) -> str:
    found = (one.version for one in release.environments if one.driver == driver)
    return next(found, "(not built)")


def _is_chosen(built: _Built, chosen: Mapping[str, tuple[Target, ...]]) -> bool:
    """Whether what is built is for a target of the release."""
    return built.released.target in map(str, chosen[built.released.driver])


def _left_out(
    lockfiles: Mapping[str, Lockfile],
    chosen: Mapping[str, tuple[Target, ...]],
    built: tuple[_Built, ...],
    keys: set[str],
) -> Iterator[LeftOut]:
    here = {(one.released.driver, one.released.target): one.derivation for one in built}
    for name, lockfile in lockfiles.items():
        for target in lockfile.targets:
            if target not in chosen[name]:
                reason = "its wheels are not in this release"
                yield LeftOut(driver=name, what=str(target), reason=reason)
            elif (name, str(target)) not in here:
                reason = (
                    "the publishing host did not build it: hosts compile it, and compare no digest"
                )
                yield LeftOut(driver=name, what=str(target), reason=reason)
        yield from _sources_left_out(name, lockfile, chosen[name], here, keys)


def _sources_left_out(
    name: str,
    lockfile: Lockfile,
    chosen: tuple[Target, ...],
    here: Mapping[tuple[str, str], Derivation],
    keys: set[str],
) -> Iterator[LeftOut]:
    """The sources of which the release has no wheel for some target."""
    for target in chosen:
        derivation = here.get((name, str(target)))
        known = derivation.files if derivation is not None else ()
        held = {file.package for file in known if not file.build or file.build in keys}
        for file in files_on(lockfile, (target,)):
            if not file.file.endswith(".whl") and file.package not in held:
                reason = (
                    f"it comes as source, and no wheel of it was built here for {target}: "
                    "`envbuild build` locks its wheel, else each host builds it"
                )
                yield LeftOut(driver=name, what=file.file, reason=reason)
