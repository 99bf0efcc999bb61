"""What `verify` says that it looked at; imported where every millisecond counts."""

from __future__ import annotations

from envbuild.report.units import render_count


def looked_at(environments: int, generations: int, *, quick: bool) -> str:
    """`2 environments and 1 generation looked at`."""
    how = " by size, time and inode" if quick else ""
    places = (
        f"{render_count(environments, 'environment')} and {render_count(generations, 'generation')}"
    )
    return f"{places} looked at{how}"


def all_as_built(environments: int, generations: int, *, quick: bool) -> str:
    """The line where nothing differs."""
    return f"{looked_at(environments, generations, quick=quick)}: all as built"
