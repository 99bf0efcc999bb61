"""A driver as `drivers.toml` declares it."""

from __future__ import annotations

from envbuild.target.target import KNOWN_PYTHONS
from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.declaration.source import PackageSource
    from envbuild.target.accelerator import Accelerator


@value
class DeclaredRequirement:
    """A requirement in a driver's own list."""

    text: str
    """In the normal form of `str(packaging.requirements.Requirement)`."""

    name: str
    """The package's normalised name (PEP 503)."""

    line: int
    """Its line in `drivers.toml`, counted from 1."""


@value
class Variant:
    """A driver for one kind of hosts, such as those with CUDA 13."""

    name: str
    line: int
    accelerator: Accelerator | None = None
    """What a host must have for it; None for any host."""

    indexes: tuple[str, ...] = ()
    """The names of explicit indexes that serve it, beside the driver's own."""

    torch_backend: str | None = None
    """In place of the driver's own; None for that."""

    requires: tuple[DeclaredRequirement, ...] = ()
    """What it asks for beside the driver, or in place of the driver's requirements on the same packages."""

    inherit: Inherit | None = None
    """In place of the driver's own; None for that."""


def merge_requires(
    inherited: tuple[DeclaredRequirement, ...], own: tuple[DeclaredRequirement, ...]
) -> tuple[DeclaredRequirement, ...]:
    """The inherited requirements, with the driver's own ones in place of those on the same packages."""
    anew: dict[str, list[DeclaredRequirement]] = {}
    for item in own:
        anew.setdefault(item.name, []).append(item)
    merged: list[DeclaredRequirement] = []
    placed: set[str] = set()
    for requirement in inherited:
        if requirement.name not in anew:
            merged.append(requirement)
        elif requirement.name not in placed:
            placed.add(requirement.name)
            merged += anew[requirement.name]
    return (*merged, *(item for item in own if item.name not in placed))


@value
class Inherit:
    """Packages that a driver takes from a Python of the host."""

    python: str
    """The Python's absolute path, as declared."""

    packages: tuple[str, ...]
    """Normalised names, patterns with `*`, or `NAME==VERSION`."""

    key: str = "inherit"
    """The key below the driver, for messages: `inherit`, or that of a variant."""

    line: int = 0

    @property
    def list_name(self) -> str:
        """The argument of `--host-packages` for it, in hints; that of a variant names the variant."""
        _, _, of_variant = self.key.partition(".")
        return f"{of_variant.partition('.')[0]}=host.json" if of_variant else "host.json"


def inherited_name(package: str) -> str:
    """The name or pattern of an element of `Inherit.packages`."""
    return package.partition("==")[0]


@value
class LockingKeys:
    """The keys of a driver that decide its lockfile, besides `requires`; the lockfile keeps them in this order."""

    constraints: tuple[str, ...] = ()
    """Requirements in normal form that bound a package, whatever requires it.

    The defaults' come first, then the driver's own.
    """

    overrides: tuple[str, ...] = ()
    """Requirements in normal form that replace those of packages."""

    python: tuple[str, ...] = ()
    """Python requests, in order of preference; empty for any of `KNOWN_PYTHONS` that the packages allow."""

    platforms: tuple[str, ...] = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28")
    exclude_newer: str | None = None
    """Releases that were uploaded later are ignored.

    A date (`2026-11-01`), a timestamp (`2026-11-01T12:00:00Z`),
    or an age (`12 hours`, `1 day`, `2 weeks`).
    """

    exclude_newer_packages: tuple[tuple[str, str | None], ...] = ()
    """Packages with their own limit instead of `exclude_newer`, ordered by name; None for no limit."""

    allow_sdist: tuple[str, ...] = ()
    """Normalised names of packages that are built from their source distribution where no wheel fits."""

    force_sdist: tuple[str, ...] = ()
    """Normalised names of packages that are built from their source distribution in any case."""

    version_of: str
    """The normalised name of the package whose version is in the environment's path."""

    resolver: str = "uv"
    """The name of a `ResolverKind`."""

    @property
    def pythons(self) -> tuple[str, ...]:
        """The Pythons to lock for: those named, or all that are known."""
        return self.python or KNOWN_PYTHONS


@value
class Launch:
    """What a service needs when it is started; it decides nothing of its environment."""

    port: int | None = None
    """The port that it listens on."""

    after: tuple[str, ...] = ()
    """The drivers that start before it."""

    environment_file: str | None = None
    """A file of the host with lines `NAME=VALUE`, such as secrets."""

    arguments: tuple[str, ...] = ()
    health_path: str | None = None
    """The path of an address on its port that answers with success when it is well."""


@value
class Driver(LockingKeys):
    """A named service backend, with the defaults merged in.

    A field's default is that of the driver's key.
    """

    name: str
    line: int
    requires: tuple[DeclaredRequirement, ...]
    binary: str
    """The command of `which` and `run`; if it is not declared, a default until packages are locked."""

    commands: tuple[str, ...]
    """The commands that get a shim, `binary` among them; default: just `binary`."""

    indexes: tuple[str, ...] = ()
    """The names of explicit indexes that serve it."""

    torch_backend: str | None = None
    """As declared, such as `cu128` or `auto`; `torch_backend.backend_of` knows what it means."""

    variants: tuple[Variant, ...] = ()
    """In order of preference: a host gets the first whose accelerator it has."""

    sources: tuple[PackageSource, ...] = ()
    """The packages that come from no index, ordered by name; of a package the most specific source first."""

    inherit: Inherit | None = None
    """What it takes from a Python of the host."""

    overlap: str = "warn"
    """What to do if packages have one path with different content: `warn` or `refuse`."""

    python_downloads: bool = True
    """Whether a missing Python may be downloaded into the store."""

    python_source: str = "host"
    """`store` if only Pythons that envbuild installed into its store are used; `host` for any."""

    env: tuple[tuple[str, str], ...] = ()
    """Environment variables that are set where they are unset, in name order; values may name `{env}` and so on."""

    library_path: tuple[str, ...] = ()
    """Folders below site-packages that come first on `LD_LIBRARY_PATH`."""

    accelerator: Accelerator | None = None
    enabled: bool = True
    bytecode: bool = True
    """Whether the environment has its modules' bytecode."""

    probe: tuple[tuple[str, ...], ...] = ()
    """Commands with their arguments that must succeed before the environment becomes current."""

    imports: tuple[str, ...] = ()
    """Modules that must be importable before the environment becomes current."""

    probe_timeout: int = 60
    """Seconds for each probe; a first `vllm --version` on a cold disk takes twenty."""

    prepare: tuple[tuple[str, ...], ...] = ()
    """Commands with their arguments that finish the environment; what they write is part of it."""

    prepare_network: bool = False
    """Whether they may use the network."""

    prepare_timeout: int = 600
    """Seconds that each of them may take."""

    launch: Launch | None = None
    """What exports for launchers say beside the command."""

    extends: str | None = None
    """The driver that this one extends."""

    default_binaries: tuple[str, ...] = ()
    """Names for an undeclared `binary`, in order, if a locked package provides them.

    Else it is the only command of the first requirement's package; `provided_commands` decides.
    """

    command: tuple[str, ...] = ()
    """The command of `bin/<driver>`, with its first arguments; empty if `binary` is a package's own command."""

    origins: tuple[tuple[str, int], ...] = ()
    """The line of each effective key, such as `python` or `env.NAME`.

    Missing keys are built in; requirements have their own lines.
    """

    def requires_for(self, variant: str | None) -> tuple[DeclaredRequirement, ...]:
        """What it asks for in one of its variants, by name; for None its own requirements."""
        own = (one.requires for one in self.variants if one.name == variant)
        return merge_requires(self.requires, next(own, ()))

    def inherit_for(self, variant: str | None) -> Inherit | None:
        """What it takes from a Python of the host in one of its variants, by name."""
        own = (one.inherit for one in self.variants if one.name == variant)
        return next(own, None) or self.inherit

    @property
    def inherits(self) -> tuple[tuple[str | None, Inherit], ...]:
        """Each variant that takes packages from the host, with what it takes; None if there are no variants."""
        names = tuple(one.name for one in self.variants) or (None,)
        return tuple((name, one) for name in names if (one := self.inherit_for(name)) is not None)

    @property
    def all_requires(self) -> tuple[DeclaredRequirement, ...]:
        """Its own requirements, then those of its variants."""
        return (*self.requires, *(own for one in self.variants for own in one.requires))

    @property
    def module(self) -> str | None:
        """The module that its command runs with Python's `-m`; None if it runs none."""
        return self.command[2] if self.command[:1] == ("python",) else None

    @property
    def package_commands(self) -> tuple[str, ...]:
        """The commands that packages must provide: exposed ones, and what `command` and `prepare` start."""
        started = () if self.module else self.command[:1]
        exposed = (name for name in self.commands if not self.command or name != self.name)
        prepare = (words[0] for words in self.prepare if not words[0].startswith("python"))
        return tuple(dict.fromkeys((*started, *exposed, *prepare)))
