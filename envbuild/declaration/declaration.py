"""The content of `drivers.toml`: drivers, indexes, rules."""

from __future__ import annotations

from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from envbuild.declaration.driver import Driver
    from envbuild.declaration.index import Bindings, Index
    from envbuild.declaration.source import PackageSource
    from envbuild.target.accelerator import Accelerator


@value
class HostChange:
    """The changes of a host table for one driver."""

    driver: str
    line: int
    env: tuple[tuple[str, str], ...]
    """Added to the driver's own; replaces variables of the same name."""

    given: tuple[tuple[str, object], ...]
    """Fields of `Driver` with the values that replace the driver's own."""


@value
class HostTable:
    """Changes on some hosts; they do not affect lockfiles."""

    name: str
    line: int
    hostname: str | None
    """A pattern (`*` for any characters) of host names, or None for any."""

    accelerator: Accelerator | None
    """What the host must have, or None for any host."""

    changes: tuple[HostChange, ...]


@value
class Coexist:
    """A rule: these drivers must be able to share one interpreter."""

    drivers: tuple[str, ...]
    """At least two, in the order of the rule."""

    line: int


@value
class Agree:
    """A rule: each of these packages has one version in all drivers."""

    packages: tuple[str, ...]
    """Normalised names."""

    drivers: tuple[str, ...]
    """At least two if the rule names them; else every enabled driver, in the file's order."""

    line: int


@value
class IgnoredAdvisory:
    """An advisory that `envbuild audit` passes over until a day."""

    id: str
    """Its id, or an alias of it."""

    reason: str
    expires: str
    """The last day (UTC) on which it is passed over, `2030-12-31`."""

    line: int


@value
class BuildOptions:
    """How one package is built from source, as `[build.NAME]` declares it."""

    package: str
    """Normalised (PEP 503)."""

    file: str | None = None
    """The declaration's, for messages; None if nothing is declared."""

    line: int | None = None
    requires: tuple[str, ...] = ()
    """Requirements in normal form, in addition to those of the source."""

    env: tuple[tuple[str, str], ...] = ()
    """Variables of the build, in name order."""

    config_settings: tuple[tuple[str, str | tuple[str, ...]], ...] = ()
    """What the build backend is told, in name order."""

    isolation: bool = True
    """Whether the build sees only what it requires; else the driver's own packages."""

    network: bool = False
    """Whether the build may use the network."""

    build_user: str | None = None
    """The user who builds if root runs envbuild; None for `nobody`."""

    timeout: int = 3600
    """The seconds that one step of a build may take."""

    memory: int | None = None
    """The bytes of memory that a build may use; None for three quarters of the host's."""

    disk: int = 32 << 30
    """The bytes on the disk that a build may use."""


@value
class Declaration:
    """A parsed `drivers.toml`."""

    file: str
    """The file as the user named it, for messages."""

    digest: str
    """`sha256:` and the hex digest of the file's bytes."""

    drivers: tuple[Driver, ...]
    """In the order of the file."""

    indexes: tuple[Index, ...]
    """In the order of the file; the default index only if it is declared."""

    hosts: tuple[HostTable, ...] = ()
    """In the order of the file: a later one overrides an earlier one."""

    coexist: tuple[Coexist, ...] = ()
    agree: tuple[Agree, ...] = ()
    builds: tuple[BuildOptions, ...] = ()
    """In the order of the file."""

    ignored_advisories: tuple[IgnoredAdvisory, ...] = ()

    def build_of(self, package: str) -> BuildOptions:
        """How a package, by its normalised name, is built; the defaults if nothing is declared."""
        declared = (one for one in self.builds if one.package == package)
        return next(declared, BuildOptions(package=package))

    def driver(self, name: str) -> Driver | None:
        """The driver of that name, or None."""
        return next((driver for driver in self.drivers if driver.name == name), None)

    @property
    def sources(self) -> tuple[PackageSource, ...]:
        """The sources of all drivers, each once."""
        every = (source for driver in self.drivers for source in driver.sources)
        return tuple({source.origin: source for source in every}.values())

    def bindings(self, named: Collection[str] = ()) -> Bindings:
        """The bindings for a driver with these explicit indexes."""
        return tuple(
            (index.name, index.packages)
            for index in self.indexes
            if index.packages and (not index.explicit or index.name in named)
        )
