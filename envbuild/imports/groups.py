"""The dependency groups (PEP 735) of a `pyproject.toml` and of a `pipx.toml`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem, UsageError
from envbuild.imports.draft import Draft, read_requirements

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def read_groups(document: Mapping[str, object], *, file: str) -> tuple[Draft, ...]:
    """A driver for each group; a tool's `apps` in a `pipx.toml` are its commands.

    UsageError if there is no group, or one includes itself or an unknown one.
    """
    groups = document.get("dependency-groups")
    if not isinstance(groups, dict) or not groups:
        message = "it has no [dependency-groups]"
        hint = "drivers are made from groups, not from a project's own dependencies"
        raise UsageError(Problem(file=file, message=message, hint=hint))
    tools = _table(document, "tool", "pipx", "tools")
    return tuple(_draft(name, groups, _table(tools, name), file) for name in groups)


def _draft(name: str, groups: Mapping[str, object], tool: Mapping[str, object], file: str) -> Draft:
    texts = tuple(_members(name, groups, (), file))
    requires, notes = read_requirements(texts)
    apps = tool.get("apps", [])
    commands = tuple(app for app in apps if isinstance(app, str)) if isinstance(apps, list) else ()
    return Draft(
        name=name,
        requires=requires,
        binary=commands[0] if commands else None,
        commands=commands,
        notes=notes,
    )


def _members(
    name: str, groups: Mapping[str, object], above: tuple[str, ...], file: str
) -> Iterator[str]:
    key = f"dependency-groups.{name}"
    if name in above:
        message = f"the group includes itself: {' → '.join((*above, name))}"
        raise UsageError(Problem(file=file, key=key, message=message))
    members = groups.get(name)
    if not isinstance(members, list):
        message = f"there is no group {name!r}"
        raise UsageError(Problem(file=file, key=key, message=message))
    for member in members:
        included = member.get("include-group") if isinstance(member, dict) else None
        if isinstance(member, str):
            yield member
        elif isinstance(included, str):
            yield from _members(included, groups, (*above, name), file)


def _table(document: Mapping[str, object], *path: str) -> Mapping[str, object]:
    value: object = document
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
