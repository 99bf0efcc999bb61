"""What `envbuild diff` prints."""

from __future__ import annotations

from envbuild.lockfile.difference import is_accelerator, is_major
from envbuild.report.lines import render_bytes, render_count
from envbuild.text import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.commands.diff import DiffResult
    from envbuild.lockfile.difference import Change, DriverDiff, FileChange
    from envbuild.text import Text

SIGNS = {"added": "+", "removed": "-", "moved": "~", "replaced": "!", "refiled": "~"}
_SHOWN_DIGITS = 12


def render_diff(result: DiffResult, more: Iterable[str] = ()) -> Text:
    """A block for each driver; accelerator packages first, then major version changes, then the rest.

    `more` are lines that follow.
    """
    lines: list[str] = []
    same = [diff.driver for diff in result.drivers if diff.kind == "same"]
    for diff in result.drivers:
        if diff.kind != "same":
            lines += _driver_lines(diff)
    if same:
        lines.append(f"the same as in {result.against}: {', '.join(same)}")
    lines += [f"{name}: no lockfile yet, run `envbuild lock {name}`" for name in result.not_locked]
    return text_of([*(lines or ["no driver is enabled"]), *more])


def diff_table(result: DiffResult) -> dict[str, object]:
    """The same as a JSON object."""
    return {
        "against": result.against,
        "drivers": {diff.driver: driver_diff_table(diff) for diff in result.drivers},
        "not_locked": list(result.not_locked),
    }


def driver_diff_table(diff: DriverDiff) -> dict[str, object]:
    """A driver's difference as a JSON object."""
    return {
        "kind": diff.kind,
        "before": diff.before,
        "after": diff.after,
        "download": diff.download,
        "changes": [
            {
                **change_table(change),
                "accelerator": is_accelerator(change.package),
                "major": is_major(change),
            }
            for change in diff.changes
        ],
    }


def change_table(change: Change) -> dict[str, object]:
    """A change as a JSON object."""
    file = change.file
    return {
        "package": change.package,
        "kind": change.kind,
        "before": list(change.before),
        "after": list(change.after),
        "file": None
        if file is None
        else {"name": file.name, "was": file.was, "before": file.before, "after": file.after},
    }


def render_change(change: Change) -> str:
    """`~ torch 2.8.0 → 2.9.1`; for a file with other content, its name and both sha256."""
    if change.file is not None:
        return (
            f"{SIGNS[change.kind]} {change.package} {_versions(change.after)}: {_file(change.file)}"
        )
    sides = " → ".join(_versions(side) for side in (change.before, change.after) if side)
    return f"{SIGNS[change.kind]} {change.package} {sides}"


def weightiest_first(diff: DriverDiff) -> tuple[Change, ...]:
    """A driver's changes: replaced files, accelerator packages, other major versions, the rest."""
    return (*diff.replaced, *diff.accelerator, *diff.major, *diff.minor)


def render_download(difference: int | None) -> str:
    """`, 1.2 MiB more to download`; empty if unknown or zero."""
    if not difference:
        return ""
    more = "more" if difference > 0 else "less"
    return f", {render_bytes(abs(difference))} {more} to download"


def _driver_lines(diff: DriverDiff) -> Iterator[str]:
    what = {"added": "new", "removed": "gone"}.get(diff.kind)
    if what is None:
        what = render_count(len(diff.changes), "change") if diff.changes else "the same versions"
    yield f"{diff.driver} {diff.versions}: {what}{render_download(diff.download)}"
    if diff.kind in ("added", "removed"):
        return
    for heading, changes in (
        ("files replaced under their name", diff.replaced),
        ("accelerator packages", diff.accelerator),
        ("major versions", diff.major),
        ("others" if len(diff.minor) < len(diff.changes) else "", diff.minor),
    ):
        if changes and heading:
            yield f"  {heading}"
        indent = "    " if heading else "  "
        yield from (f"{indent}{render_change(change)}" for change in changes)


def _file(change: FileChange) -> str:
    """The file before and now; the JSON has the full digests."""
    was, now = (digest[:_SHOWN_DIGITS] for digest in (change.before, change.after))
    if change.name == change.was:
        return f"another {change.name}, sha256 {was}… → {now}…"
    return f"{change.was} → {change.name}"


def _versions(side: tuple[str, ...]) -> str:
    return "/".join(side)
