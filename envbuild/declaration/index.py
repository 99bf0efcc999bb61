"""Package indexes as `drivers.toml` declares them, and the packages that they are bound to."""

from __future__ import annotations

from fnmatch import fnmatchcase

from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Bindings: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]
    """The names of indexes with the patterns of their packages; the first match counts."""

DEFAULT_INDEX = "default"
"""The name of the index that serves every package that no other index is bound to."""

SIMPLE, FLAT = INDEX_FORMATS = ("simple", "flat")
"""A page for each package (PEP 503), or one page or folder with the files of all."""


@value
class Index:
    """A named package index, a page of links, or a folder."""

    name: str
    url: str | None
    """The PEP 503 root, or a page of links, without any credentials; None for a folder."""

    path: str | None
    """A folder of wheels or of pages; absolute if the parser knows the file's folder."""

    format: str | None = None
    """`simple` or `flat`; None is `simple` for an http(s) URL, and for a folder what is in it."""

    packages: tuple[str, ...]
    """Patterns (`*` for any characters) of normalised names that come from here and nowhere else.

    Empty for the default index.
    """

    line: int
    explicit: bool = False
    """Whether it serves only drivers and variants that name it in `indexes`."""

    backend: str | None = None
    """The torch backend, such as `cu128`, of an index that is not declared: uv knows its address."""


def index_variable(name: str) -> str:
    """The environment variable with an index's place on a host: `$ENVBUILD_INDEX_<NAME>_URL`."""
    return f"{_variable(name)}_URL"


def format_variable(name: str) -> str:
    """The environment variable with an index's format on a host: `$ENVBUILD_INDEX_<NAME>_FORMAT`."""
    return f"{_variable(name)}_FORMAT"


def _variable(name: str) -> str:
    return f"ENVBUILD_INDEX_{name.upper().replace('-', '_')}"


def bound_index(bindings: Bindings, package: str) -> str:
    """The name of the index that a package, by its normalised name, comes from."""
    for index, patterns in bindings:
        if any(fnmatchcase(package, pattern) for pattern in patterns):
            return index
    return DEFAULT_INDEX
