"""The names of source trees in lockfiles: `svc-1.0.tree`, and with a commit `svc-1.0.<40 hex digits>.tree`."""

from __future__ import annotations

import re

_NAME = re.compile(
    r"(?P<name>.+)-(?P<version>[^-]+?)(?:\.(?P<commit>[0-9a-f]{40}))?\.tree", re.DOTALL
)


def tree_name(package: str, version: str, commit: str | None = None) -> str:
    """The name of a tree; `package` is normalised."""
    end = f".{commit}" if commit is not None else ""
    return f"{package.replace('-', '_')}-{version}{end}.tree"


def parse_tree_name(name: str) -> tuple[str, str, str | None]:
    """Package, version and commit, as the name spells them; ValueError for another name."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name!r} is not the name of a source tree")
    return found["name"], found["version"], found["commit"]
