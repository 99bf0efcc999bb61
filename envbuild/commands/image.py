"""`envbuild image`: drivers of the current generation as a container image."""

from __future__ import annotations

import io
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from posixpath import basename
from typing import TYPE_CHECKING

from envbuild import __version__
from envbuild.commands.export import lockfile_for, subjects_of
from envbuild.errors import HostError, NoError, Problem, UsageError
from envbuild.image.bills import add_to_index, attach_bill, named_by_digest
from envbuild.image.config import CONFIG, ImageStart, render_config
from envbuild.image.layers import MOST_LAYERS, ImageLayer, plan_layers
from envbuild.image.members import (
    environment_folders,
    environment_parts,
    with_folders,
)
from envbuild.image.packing import pack_layer
from envbuild.image.paths import ImagePaths
from envbuild.image.python import python_members
from envbuild.image.refusals import base_problems, member_problems, python_problem
from envbuild.launchers.files import read_licences
from envbuild.launchers.formats.cyclonedx import render_cyclonedx
from envbuild.posix.files import make_private
from envbuild.posix.shortage import unwritable
from envbuild.posix.workers import side_by_side
from envbuild.release.layout import is_release
from envbuild.release.oci import (
    MANIFEST,
    Descriptor,
    OciManifest,
    descriptor_of,
    digest_of,
    referrers_tag,
    render_manifest,
)
from envbuild.release.place import PlaceError
from envbuild.release.uploading import upload
from envbuild.store.pythons import python_name
from envbuild.target.target import parse_target
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.environment.receipt import Receipt
    from envbuild.image.base import BaseImage, BaseReader
    from envbuild.image.members import Member
    from envbuild.image.packing import PackedImageLayer
    from envbuild.launchers.fleet import BuiltDriver
    from envbuild.lockfile.folder import LockFolder
    from envbuild.progress import Progress
    from envbuild.release.place import Destination, Opener
    from envbuild.store.store import Store
    from envbuild.wheelcache.compiler import BytecodeCompiler

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_ANNOTATION = "org.opencontainers.image."


@value
class MadeImage:
    """The result of `envbuild image`."""

    destination: str
    digest: str
    """The manifest's."""

    drivers: tuple[tuple[str, str], ...]
    """Name and version of each."""

    base: str | None
    """The digest of the base's manifest; None without a base."""

    layers: tuple[Descriptor, ...]
    """All of them, those of the base first."""

    entry_point: str
    bills: tuple[Descriptor, ...]
    """The manifest of each driver's bill of materials."""

    uploaded: tuple[Descriptor, ...]
    """The blobs that the destination lacked."""

    unchanged: bool
    """Whether the destination had this image already."""


@value
class _Packaged:
    """A driver, and what was built of it."""

    subject: BuiltDriver
    receipt: Receipt
    content: str
    """The content digest."""

    @property
    def name(self) -> str:
        """The driver's."""
        return self.subject.entry.name

    @property
    def environment(self) -> Path:
        """Its folder."""
        return Path(self.subject.entry.environment)


@value
class Imager:
    """Makes images of what is built in a store."""

    store: Store
    folder: LockFolder
    destination: Destination
    shown: str
    """The destination, as the user named it."""

    base: BaseReader | None
    """None for an image without a base."""

    compiler: BytecodeCompiler
    jobs: int
    progress: Progress

    def make(self, names: tuple[str, ...], *, time: int) -> MadeImage:
        """Write the image of some drivers; every time in it is `time`, in seconds.

        NoError if a driver is not built from its lockfile, or something of it cannot be in an image;
        HostError if the base does not suit, or the destination does not take it; IndexFailureError for the base.
        """
        packaged = tuple(self._packaged(names))
        target = parse_target(packaged[0].receipt.derivation.target)
        architecture = _ARCHITECTURES.get(target.platform.arch)
        if architecture is None or target.platform.sys_platform != "linux":
            message = f"images are for Linux, and {packaged[0].name} is built for {target}"
            raise HostError(Problem(message=message))
        self.progress.stage("image", "reading")
        try:
            there = self._there()  # a place that takes nothing is known before gigabytes are packed
        except PlaceError as error:
            raise self._unwritable(error) from error
        boms = {one.name: self._bill(one) for one in packaged}
        base = self.base.read(architecture) if self.base is not None else None
        if base is not None:
            self._check_base(base, packaged, architecture, target.platform.system)
        self._check_pythons(packaged, base)
        with _scratch(self.store.cache / "images") as scratch:
            layers = self._layers(packaged, base, scratch)
            packed = self._pack(layers, scratch, time)
            start = _start(packaged)
            config = render_config(start, packed, base, architecture=architecture, time=time)
            try:
                return self._write(packaged, base, packed, config, start, boms, there)
            except PlaceError as error:
                raise self._unwritable(error) from error

    def _unwritable(self, error: PlaceError) -> HostError:
        message = f"the image cannot be written: {error}"
        return HostError(Problem(file=self.shown, message=message))

    def _packaged(self, names: tuple[str, ...]) -> Iterator[_Packaged]:
        """The drivers in the order in which they are named."""
        found = subjects_of(self.store.require_current(), names, None, "image")
        by_name = {one.entry.name: one for one in found}
        for name in dict.fromkeys(names):
            subject = by_name[name]
            receipt, content = self.store.read_receipt(basename(subject.entry.environment))
            if receipt.derivation.inherited:
                listed = ", ".join(one.name for one in receipt.derivation.inherited[:5])
                raise NoError(
                    Problem(
                        message=f"{name} takes packages from this host's Python, such as {listed}, "
                        "and an image does not have them",
                        hint="declare the driver without `inherit` for images",
                    )
                )
            yield _Packaged(subject=subject, receipt=receipt, content=content)

    def _bill(self, one: _Packaged) -> bytes:
        """The bill of materials of a driver, for its target."""
        derivation = one.receipt.derivation
        lockfile, digest = lockfile_for(self.folder, one.name, derivation.target)
        if digest != one.subject.entry.lock:
            message = f"{one.name} is built from another lockfile than this one"
            raise NoError(
                Problem(
                    file=self.folder.name(one.name), message=message, hint="run `envbuild sync`"
                )
            )
        licences = read_licences(one.environment)
        exported = render_cyclonedx(
            lockfile, digest=digest, envbuild=__version__, licences=licences
        )
        return exported.text.encode()

    def _check_base(
        self, base: BaseImage, packaged: tuple[_Packaged, ...], architecture: str, library: str
    ) -> None:
        environments = [str(one.environment) for one in packaged]
        problems = base_problems(
            base, architecture=architecture, library=library, environments=environments
        )
        if found := tuple(problems):
            raise HostError(found)

    def _check_pythons(self, packaged: tuple[_Packaged, ...], base: BaseImage | None) -> None:
        asked = (
            python_problem(
                one.name,
                one.receipt.derivation.python,
                base,
                managed=self._managed(one) is not None,
            )
            for one in packaged
        )
        if problems := [problem for problem in asked if problem is not None]:
            raise HostError(problems)

    def _managed(self, one: _Packaged) -> str | None:
        """The folder's name of a driver's Python, if it is one of the store's."""
        return python_name(self.store.pythons, one.receipt.derivation.python)

    def _layers(
        self, packaged: tuple[_Packaged, ...], base: BaseImage | None, scratch: Path
    ) -> tuple[tuple[str, tuple[Member, ...]], ...]:
        """The title and the members of each new layer; NoError if something cannot be in an image."""
        folders: dict[str, int] = {}
        packages: dict[str, list[Member]] = {}
        for one in packaged:
            contents = one.receipt.contents
            folders |= environment_folders(one.environment, contents)
            for name, members in environment_parts(one.environment, contents).items():
                packages.setdefault(name, []).extend(members)
        pythons = self._pythons(packaged, folders, scratch)
        below = len(base.layers) if base is not None else 0
        own = (ImageLayer(title="python", members=tuple(pythons)),) if pythons else ()
        most = MOST_LAYERS - below - len(own)
        planned = (*own, *plan_layers(packages, most=most))
        paths = base.paths if base is not None else ImagePaths()
        finished = tuple(
            (layer.title, with_folders(layer.members, folders, paths)) for layer in planned
        )
        problems = member_problems((m for _, members in finished for m in members), paths)
        if problems:
            raise NoError(problems)
        return finished

    def _pythons(
        self, packaged: tuple[_Packaged, ...], folders: dict[str, int], scratch: Path
    ) -> list[Member]:
        """The members of the store's Pythons that drivers run on; their folders' modes go into `folders`."""
        named = {self._managed(one): one.receipt.derivation for one in packaged}
        found: list[Member] = []
        for name in sorted(name for name in named if name is not None):
            self.progress.stage("image", f"compiling {name}")
            python = self.store.pythons / name
            root = str(python).lstrip("/")
            try:
                members, more = python_members(
                    python, root, named[name], self.compiler, scratch / name
                )
            except OSError as error:
                raise unwritable(scratch, error) from error
            folders.update(more)
            found += members
        return found

    def _pack(
        self, layers: tuple[tuple[str, tuple[Member, ...]], ...], scratch: Path, time: int
    ) -> tuple[PackedImageLayer, ...]:
        self.progress.stage("image", f"packing {len(layers)} layers")

        def pack(number: int) -> PackedImageLayer:
            title, members = layers[number]
            try:
                return pack_layer(members, scratch / str(number), title=title, time=time)
            except OSError as error:
                raise unwritable(scratch, error) from error

        return tuple(side_by_side(pack, range(len(layers)), most=self.jobs))

    def _write(
        self,
        packaged: tuple[_Packaged, ...],
        base: BaseImage | None,
        packed: tuple[PackedImageLayer, ...],
        config: bytes,
        start: ImageStart,
        boms: Mapping[str, bytes],
        there: bytes | None,
    ) -> MadeImage:
        below = base.layers if base is not None else ()
        manifest = OciManifest(
            artifact_type="",
            config=descriptor_of(CONFIG, config),
            layers=(*below, *(one.blob for one in packed)),
            annotations=(*start.labels, *_base_annotations(base)),
        )
        content = render_manifest(manifest)
        bills = tuple(
            attach_bill(name, bill, descriptor_of(MANIFEST, content)) for name, bill in boms.items()
        )
        attached = [pair for bill in bills for pair in bill.blobs]
        openers: dict[str, Opener] = {
            **{blob.digest: partial(self.base.open, blob) for blob in below if self.base},
            **{one.blob.digest: one.open for one in packed},
            manifest.config.digest: partial(io.BytesIO, config),
            **{blob.digest: partial(io.BytesIO, inside) for blob, inside in attached},
        }
        wanted = (manifest.config, *manifest.layers, *(blob for blob, _ in attached))
        distinct = {blob.digest: blob for blob in wanted}.values()
        missing = [blob for blob in distinct if self.destination.lacks(blob)]
        self.progress.stage("image", f"writing to {self.shown}")
        upload(missing, openers, self.destination, self.progress, "image")
        tag = referrers_tag(digest_of(content))
        index = add_to_index(self.destination.manifest(tag), bills)
        unchanged = there == content and not missing and index is None
        if not unchanged:
            indexes = ((tag, index),) if index is not None else ()
            self.destination.finish((*named_by_digest(bills), *indexes, (None, content)))
        self.progress.done("image", "there already" if unchanged else "written")
        return MadeImage(
            destination=self.shown,
            digest=digest_of(content),
            drivers=tuple((one.name, one.subject.entry.version) for one in packaged),
            base=base.digest if base is not None else None,
            layers=manifest.layers,
            entry_point=start.entry_point[0],
            bills=tuple(bill.listed for bill in bills),
            uploaded=tuple(missing),
            unchanged=unchanged,
        )

    def _there(self) -> bytes | None:
        """The manifest that has the tag now; UsageError if it is a release."""
        there = self.destination.manifest()
        if there is not None and is_release(there):
            message = f"{self.shown} has a release of envbuild, not an image"
            hint = "name another tag or another folder"
            raise UsageError(Problem(key="--to", message=message, hint=hint))
        return there


def _start(packaged: tuple[_Packaged, ...]) -> ImageStart:
    """The first driver's command starts; the commands of all are found."""
    first = packaged[0].subject
    names = " ".join(one.name for one in packaged)
    labels = [
        (f"{_ANNOTATION}title", names),
        (f"{_ANNOTATION}version", first.entry.version),
        (
            f"{_ANNOTATION}description",
            ", ".join(f"{one.name} {one.subject.entry.version}" for one in packaged),
        ),
    ]
    for one in packaged:
        labels += [
            (f"io.envbuild.{one.name}.key", one.subject.entry.key),
            (f"io.envbuild.{one.name}.lock", one.subject.entry.lock),
            (f"io.envbuild.{one.name}.content", one.content),
        ]
    return ImageStart(
        entry_point=(first.binary(stable=False),),
        bins=tuple(one.subject.bin_folder(stable=False) for one in packaged),
        labels=tuple(labels),
    )


def _base_annotations(base: BaseImage | None) -> tuple[tuple[str, str], ...]:
    if base is None:
        return ()
    return ((f"{_ANNOTATION}base.digest", base.digest),)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A private folder for layers on their way."""
    try:
        make_private(folder)
        made = tempfile.TemporaryDirectory(prefix="layers-", dir=folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    with made as scratch:
        yield Path(scratch)
