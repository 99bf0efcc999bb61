"""The values of exports: drivers of a generation in, files out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from unicodedata import category

from envbuild.declaration.driver import Launch
from envbuild.errors import Problem, UsageError
from envbuild.target.accelerator import find_kind
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.declaration.driver import Driver
    from envbuild.store.manifest import ManifestDriver
    from envbuild.target.accelerator import AcceleratorKind

HEADER = (
    "Written by `envbuild export {format}`; `envbuild export {format} --check FILE` compares it."
)
PUBLIC = 0o644
PRIVATE = 0o600
"""For files next to services' secrets, which people add secrets to."""

PROGRAM = 0o755

_PATH = re.compile(r"/[A-Za-z0-9._/+-]+")
_CONTROLS = ("Cc", "Cs", "Zl", "Zp")
"""Categories of characters that end a line in some reader, or control a terminal."""

_IMAGE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._/:-]*?)(?P<tag>:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?"
    r"(?P<digest>@sha256:[0-9a-f]{64})?"
)


@value
class ExportedFile:
    """A file of an export."""

    name: str
    """Relative to the folder of the export."""

    text: str
    mode: int = PUBLIC


@value
class BuiltDriver:
    """One driver that is exported."""

    entry: ManifestDriver
    declared: Driver | None
    """From `drivers.toml`; None if the export does not need it."""

    base_python: str
    """The interpreter below the environment's `bin/python`, links resolved."""

    bin_commands: tuple[str, ...]
    """The commands in the environment's `bin/`, in name order."""

    shared: bool
    """Whether any user of the host can reach the environment and its interpreter."""

    @property
    def accelerator(self) -> AcceleratorKind | None:
        """The accelerator kind that the declaration requires; a variant's replaces the driver's."""
        if self.declared is None:
            return None
        own = {variant.name: variant.accelerator for variant in self.declared.variants}
        asked = own.get(self.entry.variant or "") or self.declared.accelerator
        return find_kind(asked.kind) if asked is not None else None

    def launch(self, arguments: tuple[str, ...] | None, port: int | None) -> Launch:
        """What the declaration says of its start; arguments and a port of the command line replace its own."""
        own = (self.declared.launch if self.declared is not None else None) or Launch()
        return replace(
            own,
            arguments=own.arguments if arguments is None else arguments,
            port=own.port if port is None else port,
        )

    def binary(self, *, stable: bool) -> str:
        """The path of the driver's command: one that follows every switch, or the exact one."""
        return self.entry.stable_binary if stable else self.entry.binary

    def bin_folder(self, *, stable: bool) -> str:
        """The folder of all its commands."""
        return self.binary(stable=stable).rpartition("/")[0]


@value
class FileSource:
    """Where this host finds a package's files; PEP 751 needs an address for each."""

    index: str | None
    """The index's own address, without credentials; None if it is not a PEP 503 index on the web."""

    files: Mapping[str, str]
    """File name → URL, or absolute path if it is on this host."""


@value
class BuiltFleet:
    """The drivers of one export."""

    store: str
    """The store's absolute path."""

    subjects: tuple[BuiltDriver, ...]
    stable: bool
    """Whether paths follow every switch; else they name this generation's environments."""


def header(format_: str) -> str:
    """The first line of an exported file, without its comment sign."""
    return HEADER.format(format=format_)


def upper_name(driver: str) -> str:
    """A driver's name as a prefix of variables: `IMAGE_GEN`."""
    name = driver.upper().replace("-", "_")
    return f"_{name}" if name[0].isdigit() else name


def check_path(path: str, format_: str) -> str:
    """The path itself; UsageError if the format would have to quote it."""
    if _PATH.fullmatch(path) is None:
        message = f"the path {path!r} has characters that the format {format_} cannot carry"
        raise UsageError(Problem(message=message, hint="use only letters, digits and . _ / + -"))
    return path


def check_printable(text: str, what: str, format_: str) -> str:
    """The text itself; UsageError if it has line ends or other control characters (also C1 and Unicode's)."""
    if any(category(character) in _CONTROLS for character in text):
        message = f"{what} {text!r} has control characters, which the format {format_} cannot carry"
        raise UsageError(Problem(message=message))
    return text


def join(lines: Iterable[str]) -> str:
    """Lines as a text with a final line feed; UsageError if one has a line break or a control character."""
    return "".join(f"{check_printable(line, 'the line', 'of the file')}\n" for line in lines)


def require_image(image: str | None, format_: str) -> str:
    """The image itself; UsageError if it is missing, or has no tag and no digest, or both."""
    if image is None:
        message = f"the format {format_} needs the image that the environment runs in"
        hint = "give it with --image NAME@sha256:DIGEST; it needs a C library, not Python packages"
        raise UsageError(Problem(key="--image", message=message, hint=hint))
    match = _IMAGE.fullmatch(image)
    if match is None:
        raise UsageError(Problem(key="--image", message=f"{image!r} is not the name of an image"))
    if (match["tag"] is None) == (match["digest"] is None):
        both = "both a tag and a digest" if match["tag"] else "neither a tag nor a digest"
        hint = "a digest (NAME@sha256:…) names one image for ever; a tag may move"
        raise UsageError(Problem(key="--image", message=f"{image!r} has {both}", hint=hint))
    return image


def mounts(fleet: BuiltFleet, subject: BuiltDriver) -> tuple[str, ...]:
    """The host's folders that a container needs at their own paths, read-only.

    The environment, or for stable paths the whole store, whose link moves;
    and the interpreter's own installation, unless that is the system's.
    """
    own = fleet.store if fleet.stable else subject.entry.environment
    prefix = _prefix(subject)
    if prefix in _SYSTEM:
        return (own,)
    return (own,) if f"{prefix}/".startswith(f"{own}/") else (own, prefix)


def python_notes(subject: BuiltDriver) -> Iterator[str]:
    """What the image must contain if the system's interpreter is used; nothing if it is mounted."""
    if _prefix(subject) in _SYSTEM:
        version = subject.entry.python_version
        yield f"The image must have Python {version} at {subject.base_python}."


_SYSTEM = ("", "/usr", "/usr/local")
"""The prefixes of Pythons that an image has itself."""


def _prefix(subject: BuiltDriver) -> str:
    """The folder in which the driver's interpreter is installed."""
    return subject.base_python.rpartition("/bin/")[0]
