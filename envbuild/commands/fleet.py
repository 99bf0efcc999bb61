"""`envbuild fleet`: compare the reports of many hosts."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from envbuild.errors import Problem, UsageError
from envbuild.lean_json import as_number, as_text
from envbuild.posix.input_file import MOST_OTHER, RefusedInputError, read_named
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_VERSION = 1
_KIND = "host-report"
_MOST_REPORTS = 100_000


@value
class FleetDriver:
    """A driver in a host's report."""

    name: str
    version: str
    key: str
    content: str | None
    drift: int


@value
class FleetHost:
    """A host's report, as far as hosts are compared."""

    host: str
    created: str
    store: str
    generation: int
    sequence: int | None
    """The release's number; None if the host follows none."""

    digest: str | None
    drivers: tuple[FleetDriver, ...]
    drift: int
    """Differences of the generation itself, in addition to those of the drivers."""

    problems: int
    """What doctor found."""


@value
class ComparedHost:
    """A host, and how it differs from the others."""

    report: FleetHost
    differences: tuple[str, ...]
    """One sentence each, without a final stop."""


@value
class FleetResult:
    """The result of `envbuild fleet`."""

    hosts: tuple[ComparedHost, ...]
    """Ordered by name."""

    newest: int | None
    """The highest release that a host has; None if none follows a release."""

    broken: tuple[Problem, ...]
    """Reports that cannot be read."""

    @property
    def diverging(self) -> tuple[ComparedHost, ...]:
        """The hosts that differ."""
        return tuple(one for one in self.hosts if one.differences)

    @property
    def exit_code(self) -> int:
        """1 if a host differs, or a report cannot be read."""
        return 1 if self.broken or self.diverging else 0


def read_reports(places: tuple[Path, ...], stdin: str | None) -> tuple[tuple[str, str], ...]:
    """The texts of reports, each with where it came from; one that cannot be read is empty.

    A folder stands for the `.json` files in it; `stdin` is read for the place `-`, one object after the other.
    UsageError if a place does not exist, or there are too many.
    """
    found: list[tuple[str, str]] = []
    for place in places:
        if str(place) == "-":
            found += [(f"stdin: {n}", text) for n, text in enumerate(_objects(stdin or ""), 1)]
        elif place.is_dir():
            found += [(str(file), _text(file)) for file in sorted(place.glob("*.json"))]
        elif place.exists():
            found.append((str(place), _text(place)))
        else:
            raise UsageError(Problem(file=str(place), message="there is no such file or folder"))
        if len(found) > _MOST_REPORTS:
            message = f"there are more than {_MOST_REPORTS:,} reports"
            raise UsageError(Problem(file=str(place), message=message))
    if not found:
        message = "there is no report: a folder's reports are its .json files"
        raise UsageError(Problem(file=str(places[0]), message=message))
    return tuple(found)


def compare_hosts(reports: tuple[tuple[str, str], ...]) -> FleetResult:
    """Parse the reports, and compare each host with what most of them have."""
    hosts: list[FleetHost] = []
    broken: list[Problem] = []
    for place, text in reports:
        try:
            hosts.append(_parse(place, text))
        except UsageError as error:
            broken += error.problems
    hosts = _newest_of_each(hosts)
    common = _Common(hosts)
    return FleetResult(
        hosts=tuple(
            ComparedHost(report=host, differences=tuple(common.differences(host)))
            for host in sorted(hosts, key=lambda one: one.host)
        ),
        newest=common.newest,
        broken=tuple(broken),
    )


class _Common:
    """What most hosts have."""

    def __init__(self, hosts: list[FleetHost]) -> None:
        numbers = [host.sequence for host in hosts if host.sequence is not None]
        self.newest = max(numbers, default=None)
        digests = Counter(host.digest for host in hosts if host.sequence == self.newest)
        self._digest = _most(digests)
        current = [host for host in hosts if host.sequence == self.newest]
        self._drivers = {
            name: _most(Counter(_driver_key(host, name) for host in current))
            for name in {driver.name for host in current for driver in host.drivers}
        }
        contents: dict[tuple[str, str], Counter[str | None]] = {}
        for host in hosts:
            for driver in host.drivers:
                contents.setdefault((host.store, driver.key), Counter())[driver.content] += 1
        self._contents = {place: _most(counts) for place, counts in contents.items()}

    def differences(self, host: FleetHost) -> Iterator[str]:
        """How a host differs; nothing for a host that is as most are."""
        lags = host.sequence != self.newest
        if lags:
            has = f"release {host.sequence}" if host.sequence is not None else "no release"
            yield f"has {has}, and the newest is {self.newest}"
        elif host.digest != self._digest:
            yield f"has a release {host.sequence} that differs from that of most hosts: {host.digest}"
        if not lags:
            yield from self._other_drivers(host)
        for driver in host.drivers:
            if driver.drift:
                yield f"{driver.name} was changed since it was built: {_count(driver.drift)}"
            if driver.content != self._contents[host.store, driver.key]:
                yield f"{driver.name} has the content {driver.content}, but most hosts have another"
        if host.drift:
            yield f"its generation was changed since it was made: {_count(host.drift)}"

    def _other_drivers(self, host: FleetHost) -> Iterator[str]:
        have = {driver.name: driver for driver in host.drivers}
        for name, key in sorted(self._drivers.items()):
            own = have.get(name)
            if (own.key if own else None) == key:
                continue
            if own is None:
                yield f"lacks {name}"
            else:
                usual = "do not have it" if key is None else "have another environment of it"
                yield f"has {name} {own.version} ({own.key[:12]}), but most hosts {usual}"


def _count(differences: int) -> str:
    return f"{differences} difference{'s' * (differences != 1)}"


def _driver_key(host: FleetHost, name: str) -> str | None:
    return next((driver.key for driver in host.drivers if driver.name == name), None)


def _most(counts: Counter[str | None]) -> str | None:
    """The most frequent value; of several the first by name, so that the order of reports says nothing."""
    if not counts:
        return None
    return min(counts, key=lambda found: (-counts[found], found or ""))


def _newest_of_each(hosts: list[FleetHost]) -> list[FleetHost]:
    """The newest report of each host and store."""
    found: dict[tuple[str, str], FleetHost] = {}
    for host in hosts:
        known = found.get((host.host, host.store))
        if known is None or known.created < host.created:
            found[host.host, host.store] = host
    return list(found.values())


def _objects(text: str) -> Iterator[str]:
    """One JSON object after the other, on a line each or not; what is none takes its line."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        try:
            _, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
        yield text[at:end]
        at = end


def _text(file: Path) -> str:
    """A report's text; empty if it cannot be read, which its parser says."""
    try:
        return read_named(file, most=MOST_OTHER).decode("utf-8", "replace")
    except (OSError, RefusedInputError):
        return ""


def _parse(place: str, text: str) -> FleetHost:
    """A report's text → value; UsageError says what is wrong with it."""
    try:
        table = json.loads(text)
        if table.get("kind") != _KIND:
            raise _broken(place, "it is not a report: `envbuild report --format json` writes one")
        if table["version"] != _VERSION:
            told = f"its version is {table['version']!r:.20}, and this envbuild reads version {_VERSION}"
            raise _broken(place, f"{told}: upgrade the older of the two envbuilds")
        release = table["release"]
        return FleetHost(
            host=as_text(table["host"]),
            created=as_text(table["created"]),
            store=as_text(table["store"]),
            generation=as_number(table["generation"]),
            sequence=None if release is None else as_number(release["sequence"]),
            digest=None if release is None else as_text(release["digest"]),
            drivers=tuple(map(_driver, table["drivers"])),
            drift=len(table["drift"]) - sum(as_number(one["drift"]) for one in table["drivers"]),
            problems=len(table["findings"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else "the report is incomplete"
        raise _broken(place, what) from error


def _driver(table: Any) -> FleetDriver:
    content = table["content"]
    return FleetDriver(
        name=as_text(table["name"]),
        version=as_text(table["version"]),
        key=as_text(table["key"]),
        content=None if content is None else as_text(content),
        drift=as_number(table["drift"]),
    )


def _broken(place: str, message: str) -> UsageError:
    return UsageError(Problem(file=place, message=message))
