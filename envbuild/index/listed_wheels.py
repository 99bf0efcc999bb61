"""The wheels on a page by version, as far as a comparison of two targets needs them.

A page has thousands of files, and only those of a few versions are looked at,
so the text is searched for version numbers first, and only the needed entries are read.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from envbuild.index.page_versions import parsed_version, uploaded_at
from envbuild.requirement.parse import normalized_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from packaging.version import Version


_NAME = re.compile(r'\{"filename":"([^"\\-]+)-([^"\\-]+)-[^"\\]+\.whl"')
_ENTRY = re.compile(
    r'\{"filename":"(?P<filename>[^"\\-]+-[^"\\-]+-(?:[^"\\-]+-)?(?P<tags>[^"\\-]+-[^"\\-]+-[^"\\-]+)\.whl)"'
    r',"url":"[^"]*","hashes":(?P<hashes>\{[^{}]*\}),"_url":"(?P<url>(?:[^"\\]|\\.)*)"(?:,"size":\d+)?'
    r'(?:,"requires-python":"(?P<python>(?:[^"\\]|\\.)*)")?'
    r'(?:,"upload-time":"(?P<time>(?:[^"\\]|\\.)*)")?(?P<yanked>,"yanked":)?'
    r'(?:(?:true|"(?:[^"\\]|\\.)*"))?(?:,"_metadata":true)?'
    r'(?:,"core-metadata":(?:true|\{"sha256":"(?P<metadata>[0-9a-f]{64})"\}))?\}'
)
"""A wheel's entry, in the order in which the page has its parts."""

_WHEEL = '.whl","url":"'
"""Within its values every quote has a backslash."""


class ListedWheel(NamedTuple):
    """One entry of a page."""

    filename: str
    tags: str
    """Such as `cp312-cp312-manylinux_2_28_x86_64`."""

    url: str
    hashes: str
    """In JSON, as the page has them."""

    requires_python: str
    """Empty for any Python."""

    upload_time: str
    """Empty if the page does not say it."""

    is_yanked: bool
    metadata_sha256: str | None

    def kind(self, moments: Sequence[datetime]) -> tuple[object, ...]:
        """Wheels of one kind are judged alike on every target that they fit.

        They are all withdrawn or none, and all older than each of the moments, or none.
        """
        if not moments:
            return (self.is_yanked,)
        if not self.upload_time:
            return (self.is_yanked, False)
        uploaded = uploaded_at(self.upload_time)
        return (self.is_yanked, *(uploaded < moment for moment in moments))


class ListedWheels:
    """The wheels of one page; safe to use from several threads."""

    def __init__(self, package: str, text: str) -> None:
        """`text` is a page as the router serves it."""
        self.package = package
        self._text = text
        self._entries: dict[Version, tuple[ListedWheel, ...]] = {}

    @cached_property
    def versions(self) -> Sequence[Version]:
        """Every version that has a wheel, newest first. ValueError if the name of a wheel says none."""
        return sorted(self._places, reverse=True)

    @cached_property
    def is_for_every_platform(self) -> bool:
        """Whether no wheel is for some platforms alone."""
        return self._text.count(_WHEEL) == self._text.count(f"-none-any{_WHEEL}")

    @cached_property
    def _places(self) -> Mapping[Version, Sequence[int]]:
        """Where the entries of each version's wheels are."""
        places: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        count = 0
        for entry in _NAME.finditer(self._text):
            places[entry.groups()].append(entry.start())
            count += 1
        if count != self._text.count(_WHEEL):
            raise ValueError(f"a wheel of {self.package} has an unusual name")
        found: dict[Version, list[int]] = {}
        for (name, text), listed in places.items():
            version = parsed_version(text)
            if version is None or normalized_name(name) != self.package:
                raise ValueError(f"{name}-{text} is not a version of {self.package}")
            found.setdefault(version, []).extend(listed)
        return found

    def of(self, version: Version) -> tuple[ListedWheel, ...]:
        """The wheels of a version, in the page's order. ValueError as for `versions`."""
        if version not in self._entries:
            self._entries[version] = tuple(self._read(version))
        return self._entries[version]

    def _read(self, version: Version) -> Iterator[ListedWheel]:
        for place in self._places.get(version, ()):
            found = _ENTRY.match(self._text, place)
            if found is None:
                raise ValueError(f"{self.package} {version} has an unusual entry")
            yield _wheel(found)


def _wheel(found: re.Match[str]) -> ListedWheel:
    name, tags, hashes, url, python, time, yanked, sha256 = found.groups()
    return ListedWheel(
        filename=name,
        tags=tags,
        url=_read_text(url),
        hashes=hashes,
        requires_python=_read_text(python or ""),
        upload_time=_read_text(time or ""),
        is_yanked=yanked is not None,
        metadata_sha256=sha256,
    )


def _read_text(text: str) -> str:
    return str(json.loads(f'"{text}"')) if "\\" in text else text
