"""What `envbuild outdated` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.lockfile.warnings import obstacle_text
from envbuild.report.lines import column_lines, render_count
from envbuild.report.markup import Markup, code, document, heading, join, prose, row
from envbuild.text import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.commands.outdated import (
        Holder,
        OutdatedDriver,
        OutdatedPackage,
        OutdatedResult,
    )
    from envbuild.text import Text

_COLUMNS = ("package", "locked", "in range", "newest", "")
_NOTHING = "-"


def render_outdated(result: OutdatedResult) -> Text:
    """A table for each driver, major moves apart."""
    return text_of(line for driver in result.drivers for line in _driver_lines(driver))


def _driver_lines(driver: OutdatedDriver) -> Iterator[str]:
    yield f"{driver.name}: {_headline(driver)}"
    for title, packages in _groups(driver):
        yield f"  {title}"
        table = [_COLUMNS, *(_cells(one, driver) for one in packages)]
        yield from (f"    {line}" for line in column_lines(table))
    if any(_could_move(one) for one in driver.packages):
        yield f"  `envbuild lock {driver.name} --upgrade` takes what the ranges allow"


def _headline(driver: OutdatedDriver) -> str:
    behind = len({one.name for one in driver.packages if one.is_behind})
    looked = render_count(driver.looked_at, "package")
    return f"{behind} of {looked} outdated" if behind else f"{looked}, none outdated"


def _groups(driver: OutdatedDriver) -> Iterator[tuple[str, list[OutdatedPackage]]]:
    """Titles with their packages, without empty groups."""
    behind = [one for one in driver.packages if one.is_behind]
    groups = (
        ("newer", [one for one in behind if not one.is_major]),
        ("newer, another major version", [one for one in behind if one.is_major]),
        ("withdrawn", [one for one in driver.packages if not one.is_behind]),
    )
    return (group for group in groups if group[1])


def _cells(package: OutdatedPackage, driver: OutdatedDriver) -> tuple[str, ...]:
    admitted = package.admitted if package.admitted != package.locked else None
    return (
        package.name,
        package.locked,
        admitted or _NOTHING,
        package.newest or _NOTHING,
        "; ".join(_remarks(package, driver)),
    )


def _remarks(package: OutdatedPackage, driver: OutdatedDriver) -> Iterator[str]:
    yield from (f"held by {_holder(one, driver)}" for one in package.held_by)
    if package.obstacle is not None:
        yield obstacle_text(package.obstacle, (package.name,), package.targets)
    if package.yanked is not None:
        yield f"the locked version is yanked{f': {package.yanked}' if package.yanked else ''}"
    if package.status is not None:
        yield f"the project is {package.status}"
    if package.targets != driver.targets:
        yield f"on {len(package.targets)} of {len(driver.targets)} targets"


def _holder(holder: Holder, driver: OutdatedDriver) -> str:
    way = " → ".join(holder.chain) or driver.name
    kind = "" if holder.kind == "requirement" else f" ({holder.kind})"
    return f"{way}: {holder.specifier}{kind}"


def _could_move(package: OutdatedPackage) -> bool:
    return package.admitted not in (None, package.locked)


def render_outdated_markdown(result: OutdatedResult) -> Text:
    """The same as Markdown."""
    return document(_markdown_lines(result))


def _markdown_lines(result: OutdatedResult) -> Iterator[str]:
    for driver in result.drivers:
        yield heading(join([code(driver.name), prose(f": {_headline(driver)}")]))
        for title, packages in _groups(driver):
            yield ""
            yield prose(title)
            yield ""
            yield row([prose(title) for title in _COLUMNS])
            yield row([Markup("---")] * len(_COLUMNS))
            for package in packages:
                yield row([prose(cell) for cell in _cells(package, driver)])
        yield ""


def outdated_table(result: OutdatedResult) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "drivers": [
            {
                "name": driver.name,
                "targets": [*map(str, driver.targets)],
                "looked_at": driver.looked_at,
                "packages": [_package_table(one) for one in driver.packages],
            }
            for driver in result.drivers
        ]
    }


def _package_table(package: OutdatedPackage) -> dict[str, object]:
    return {
        "name": package.name,
        "locked": package.locked,
        "in_range": package.admitted,
        "newest": package.newest,
        "major": package.is_major,
        "direct": package.direct,
        "held_by": [holder_table(one) for one in package.held_by],
        "obstacle": package.obstacle,
        "yanked": package.yanked,
        "status": package.status,
        "targets": [*map(str, package.targets)],
    }


def holder_table(holder: Holder) -> dict[str, object]:
    """What holds a package back, as a JSON object."""
    return {"chain": [*holder.chain], "specifier": holder.specifier, "kind": holder.kind}
