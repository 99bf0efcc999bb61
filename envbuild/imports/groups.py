"""The dependency groups (PEP 735) of a `pyproject.toml` and of a `pipx.toml`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.imports.draft import Draft, read_requirements
from envbuild.imports.toml_values import table_at, texts_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.imports.direct import Locate

_DEEPEST = 100
"""The most groups in a chain of includes."""


def read_groups(
    document: Mapping[str, object], *, file: str, locate: Locate | None = None
) -> tuple[Draft, ...]:
    """A driver for each group; a tool's `apps` in a `pipx.toml` are its commands.

    UsageError if a group includes itself or an unknown one.
    """
    groups = table_at(document, "dependency-groups")
    tools = table_at(document, "tool", "pipx", "tools")
    return tuple(_draft(name, groups, table_at(tools, name), file, locate) for name in groups)


def _draft(
    name: str,
    groups: Mapping[str, object],
    tool: Mapping[str, object],
    file: str,
    locate: Locate | None,
) -> Draft:
    read = read_requirements(tuple(_members(name, groups, (), file, set())), locate)
    commands = texts_at(tool, "apps")
    return Draft(
        name=name,
        requires=read.requires,
        binary=commands[0] if commands else None,
        commands=commands,
        sources=read.sources,
        left_out=read.left_out,
    )


def _members(
    name: str,
    groups: Mapping[str, object],
    above: tuple[str, ...],
    file: str,
    seen: set[str],
) -> Iterator[str]:
    """The texts of a group and of those that it includes, each group once."""
    key = f"dependency-groups.{name}"
    if name in above:
        message = f"the group includes itself: {' → '.join((*above, name))}"
        raise UsageError(Problem(file=file, key=key, message=message))
    if len(above) > _DEEPEST:
        message = f"groups include one another more than {_DEEPEST} deep"
        raise UsageError(Problem(file=file, key=key, message=message))
    if name in seen:
        return
    seen.add(name)
    members = groups.get(name)
    if not isinstance(members, list):
        message = f"there is no group {name!r}"
        raise UsageError(Problem(file=file, key=key, message=message))
    for member in members:
        included = member.get("include-group") if isinstance(member, dict) else None
        if isinstance(member, str):
            yield member
        elif isinstance(included, str):
            yield from _members(included, groups, (*above, name), file, seen)
