"""What a router has served in this command: the wheels on its pages, and the METADATA that was asked for."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from envbuild.index.answer import IndexAnswerError
from envbuild.index.listed_wheels import ListedWheels
from envbuild.index.page_versions import parsed_version, version_of
from envbuild.posix.workers import side_by_side
from envbuild.value import value
from envbuild.wheelcache.metadata import head_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from packaging.version import Version

    from envbuild.index.router import IndexRouter


_EXTRA = re.compile(r"""extra\s*==\s*(?:"[^"]*"|'[^']*')""")
_READERS = 16
"""Files of which METADATA is read at the same time."""


@value
class ReadMetadata:
    """What a resolver reads of METADATA."""

    name: str
    """Normalised (PEP 503)."""

    version: Version | None
    """None if it is invalid."""

    requires: tuple[str, ...]
    """`Requires-Dist` as published."""

    markers: tuple[str, ...]
    """Those of the requirements, each once, that ask for more than one extra."""

    requires_python: str
    """Empty for any Python."""


class ServedAnswers:
    """Reads what a router serves, without a note that it was requested; safe to use from several threads."""

    def __init__(self, router: IndexRouter) -> None:
        self._router = router
        self._pages: dict[str, ListedWheels | None] = {}
        self._metadata: dict[tuple[str, str], ReadMetadata] = {}

    def wheels(self, package: str) -> ListedWheels | None:
        """The wheels on a package's page; None if nobody asked for the page, or there is none.

        ValueError if its wheels cannot be told apart by version.
        """
        if package not in self._pages:
            if package not in self._router.asked:
                return None
            try:
                text = self._router.page(package).body
            except IndexAnswerError:
                self._pages[package] = None
            else:
                self._pages[package] = ListedWheels(package, str(text))
        return self._pages[package]

    def was_asked(self, package: str, filename: str) -> bool:
        """Whether a resolver has asked for a wheel's METADATA."""
        return filename in self._router.asked.get(package, ())

    def asked_versions(self, package: str) -> frozenset[Version]:
        """The versions of which some wheel's METADATA was asked for. ValueError if one has none in its name."""
        names = tuple(self._router.asked.get(package, ()))
        found = {version_of(package, name) for name in names}
        if None in found:
            raise ValueError(f"METADATA of another package than {package} was asked for")
        return frozenset(version for version in found if version is not None)

    def ask(self, packages: Collection[str]) -> None:
        """Ask for packages' pages, side by side; errors come when one is looked at."""
        missing = [one for one in packages if one not in self._pages]
        side_by_side(self._ask, missing, most=_READERS)

    def _ask(self, package: str) -> None:
        with suppress(IndexAnswerError):
            self._router.page(package)

    def read_ahead(self, files: Iterable[tuple[str, str]]) -> None:
        """Read METADATA of wheels, by package and file name, side by side; errors come when it is asked for."""
        missing = [file for file in dict.fromkeys(files) if file not in self._metadata]
        side_by_side(self._read, missing, most=_READERS)

    def _read(self, file: tuple[str, str]) -> None:
        with suppress(ValueError, IndexAnswerError):
            self.metadata(*file)

    def metadata(self, package: str, filename: str) -> ReadMetadata:
        """A wheel's METADATA as a resolver gets it. ValueError if a resolver may read it in another way.

        IndexAnswerError if it cannot be read.
        """
        key = (package, filename)
        if key not in self._metadata:
            body = self._router.read_metadata(package, filename).body
            self._metadata[key] = _parse(body.encode() if isinstance(body, str) else body)
        return self._metadata[key]


def _parse(content: bytes) -> ReadMetadata:
    from packaging.metadata import parse_email
    from packaging.utils import canonicalize_name

    raw, unparsed = parse_email(head_of(content))
    if unparsed.keys() & {"requires-dist", "requires-python"}:
        raise ValueError("METADATA cannot be parsed")
    requires = tuple(raw.get("requires_dist", ()))
    markers = (text.partition(";")[2].strip() for text in requires)
    return ReadMetadata(
        name=canonicalize_name(raw.get("name", "")),
        version=parsed_version(raw.get("version", "")),
        requires=requires,
        markers=tuple(dict.fromkeys(one for one in markers if one and not _EXTRA.fullmatch(one))),
        requires_python=raw.get("requires_python", ""),
    )
