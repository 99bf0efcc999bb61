"""Where a package comes from if no index has it: a wheel or an archive by its URL."""

from __future__ import annotations

import re

from envbuild.digest import sha256_hex
from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.declaration.index import Bindings
    from envbuild.target.target import Target

URL, PATH, GIT = "url", "path", "git"
ARCHIVES = (".whl", ".tar.gz", ".zip")
"""The ends of the names of files that are sources."""

_SCP_LIKE = re.compile(
    r"[A-Za-z0-9_][\w.-]*@(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]):(?!//)[^\s:-]\S*"
)


def is_scp_like(address: str) -> bool:
    """Whether a repository's address has the form of scp, which is ssh: `USER@HOST:PATH`."""
    return _SCP_LIKE.fullmatch(address) is not None


def source_variable(package: str) -> str:
    """The environment variable with a source's place on a host: `$ENVBUILD_SOURCE_<NAME>`."""
    return f"ENVBUILD_SOURCE_{package.upper().replace('-', '_')}"


def is_source(origin: str) -> bool:
    """Whether a package comes from a source, by its locked origin; else the origin is an index's name."""
    return ":" in origin


def kind_of(origin: str) -> str:
    """The kind of a source, such as `url`."""
    return origin.partition(":")[0]


def origin_words(origin: str, package: str) -> str:
    """Where a package comes from, in messages."""
    return f"the source of {package}" if is_source(origin) else f"index '{origin}'"


@value
class LockedSource:
    """A source as lockfiles have it, without an address."""

    package: str
    """Normalised (PEP 503)."""

    origin: str
    """The kind and the digest of what is declared: `url:` and 64 hex digits. No index is called so."""

    platform: str | None = None
    """The only platform that it is for; None for all."""

    variant: str | None = None
    """The only variant that it is for; None for all."""

    @property
    def name(self) -> str:
        """The package, and what it is for: `flash-attn`, `flash-attn/x86_64-manylinux_2_28@cuda13`."""
        where = f"{self.platform or ''}{f'@{self.variant}' if self.variant else ''}"
        return f"{self.package}/{where}" if where else self.package

    def suits(self, target: Target) -> bool:
        """Whether a target gets the package from it."""
        return self.platform in (None, str(target.platform)) and self.variant in (
            None,
            target.variant,
        )


def bindings_on(target: Target, sources: Iterable[LockedSource]) -> Bindings:
    """For each package with a source on a target, the first that suits it."""
    found: dict[str, str] = {}
    for source in sources:
        if source.suits(target):
            found.setdefault(source.package, source.origin)
    return tuple((origin, (package,)) for package, origin in found.items())


@value
class WheelAddress:
    """The address of one file."""

    url: str
    """Without credentials, a query and a fragment."""

    sha256: str | None = None
    """The declared digest, 64 hex digits."""

    @property
    def filename(self) -> str:
        """The last part of the address, decoded."""
        from urllib.parse import unquote

        return unquote(self.url.rpartition("/")[2])


@value
class PackageSource:
    """Where one package comes from; one of the kinds below."""

    package: str
    """Normalised (PEP 503)."""

    line: int
    platform: str | None = None
    variant: str | None = None

    @property
    def origin(self) -> str:
        """As in `LockedSource`."""
        kind, declared = self.declared
        return f"{kind}:{sha256_hex(declared.encode())}"

    @property
    def declared(self) -> tuple[str, str]:
        """The kind, and everything else that decides where the package comes from."""
        raise NotImplementedError

    @property
    def shown(self) -> str:
        """The place, for the user's own eyes."""
        raise NotImplementedError

    @property
    def locked(self) -> LockedSource:
        """As lockfiles have it."""
        return LockedSource(
            package=self.package,
            origin=self.origin,
            platform=self.platform,
            variant=self.variant,
        )


@value
class UrlSource(PackageSource):
    """Wheels or archives of a package by their URLs; each target takes the one that fits."""

    files: tuple[WheelAddress, ...]

    @property
    def declared(self) -> tuple[str, str]:
        """As in `PackageSource`."""
        return URL, "\n".join(f"{file.url}#{file.sha256 or ''}" for file in self.files)

    @property
    def shown(self) -> str:
        """As in `PackageSource`."""
        return " ".join(file.url for file in self.files)


@value
class PathSource(PackageSource):
    """A folder, a wheel or an archive beside the declaration."""

    path: str
    """Relative to the declaration's folder, with `/`, in normal form."""

    base: str | None = None
    """The absolute folder of the declaration; None if it is not known."""

    @property
    def declared(self) -> tuple[str, str]:
        """As in `PackageSource`; the same in every clone."""
        return PATH, self.path

    @property
    def shown(self) -> str:
        """As in `PackageSource`."""
        return self.path


@value
class GitSource(PackageSource):
    """A project in a git repository."""

    url: str
    """`https:`, `ssh:`, `file:` or `USER@HOST:PATH`, without a password."""

    revision_kind: str = ""
    """`rev`, `tag` or `branch`; empty for the default branch."""

    revision: str = ""
    subdirectory: str = ""
    """The project's folder in it; empty for the whole."""

    @property
    def declared(self) -> tuple[str, str]:
        """As in `PackageSource`."""
        parts = (self.url, self.revision_kind, self.revision, self.subdirectory)
        return GIT, "\n".join(parts)

    @property
    def shown(self) -> str:
        """As in `PackageSource`."""
        end = f" ({self.revision_kind} {self.revision})" if self.revision_kind else ""
        return f"{self.url}{end}"
