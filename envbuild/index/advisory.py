"""Advisories about known vulnerabilities, and those that an index's JSON API gives for a release."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from envbuild.index.answer import Fault, IndexAnswerError
from envbuild.lean_json import as_list, as_table, as_text
from envbuild.posix.workers import side_by_side
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envbuild.index.locations import IndexLocations
    from envbuild.index.reader import IndexClient

_SIDE_BY_SIDE = 8
_LONGEST_SUMMARY = 200


class AuditedRelease(NamedTuple):
    """One version of a package."""

    source: str
    """The index that it comes from, or the origin of a source."""

    package: str
    """Normalised."""

    version: str


@value
class Advisory:
    """A known vulnerability of a release."""

    id: str
    aliases: tuple[str, ...]
    summary: str
    """One line; empty if it has none."""

    severity: str | None
    """As its database rates it, such as `HIGH`."""

    fixed: tuple[str, ...]
    """The versions that no longer have it, as it lists them."""

    @property
    def names(self) -> frozenset[str]:
        """Its id and its aliases, without regard to case."""
        return frozenset(name.casefold() for name in (self.id, *self.aliases))


def one_line(*texts: object) -> str:
    """The first text that says something, as one line that is not too long."""
    for text in texts:
        if isinstance(text, str) and text.strip():
            words = " ".join(text[: 4 * _LONGEST_SUMMARY].split())
            return words if len(words) <= _LONGEST_SUMMARY else f"{words[:_LONGEST_SUMMARY]}…"
    return ""


def each_once(advisories: Iterable[Advisory]) -> tuple[Advisory, ...]:
    """Merge advisories that name each other as aliases: the first by id, with the fixed versions of all."""
    found: list[Advisory] = []
    for advisory in sorted(advisories, key=lambda one: one.id):
        same = next((one for one in found if one.names & advisory.names), None)
        if same is None:
            found.append(advisory)
            continue
        aliases = dict.fromkeys((*same.aliases, advisory.id, *advisory.aliases))
        aliases.pop(same.id, None)
        found[found.index(same)] = Advisory(
            id=same.id,
            aliases=tuple(aliases),
            summary=same.summary or advisory.summary,
            severity=same.severity or advisory.severity,
            fixed=tuple(dict.fromkeys((*same.fixed, *advisory.fixed))),
        )
    return tuple(found)


def ask_indexes(
    client: IndexClient, locations: IndexLocations, releases: Sequence[AuditedRelease]
) -> Mapping[AuditedRelease, tuple[Advisory, ...] | None]:
    """What each release's index knows of it; None where it has no such data. IndexAnswerError as for pages."""

    def ask(release: AuditedRelease) -> tuple[Advisory, ...] | None:
        location = locations.holding(release.source, release.package)
        try:
            content = client.release_json(location, release.package, release.version)
        except IndexAnswerError as error:
            if error.answer.fault is not Fault.NOT_FOUND:
                raise
            return None
        return None if content is None else parse_release(content)

    return dict(zip(releases, side_by_side(ask, releases, most=_SIDE_BY_SIDE), strict=True))


def parse_release(content: bytes) -> tuple[Advisory, ...] | None:
    """The advisories in an answer of the JSON API; None if the answer has another form, or no data about them."""
    try:
        table = as_table(json.loads(content))
        if "vulnerabilities" not in table:
            return None
        entries = map(as_table, as_list(table["vulnerabilities"]))
        return each_once(_advisory(entry) for entry in entries if not entry.get("withdrawn"))
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


def _advisory(entry: dict[str, Any]) -> Advisory:
    return Advisory(
        id=as_text(entry["id"]),
        aliases=tuple(map(as_text, as_list(entry.get("aliases") or []))),
        summary=one_line(entry.get("summary"), entry.get("details")),
        severity=None,
        fixed=tuple(map(as_text, as_list(entry.get("fixed_in") or []))),
    )
