"""Where the path sources of a declaration are on this host."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.declaration.source import ARCHIVES, GitSource, PathSource, source_variable
from envbuild.errors import Problem, UsageError
from envbuild.sourcetree.listing import repository_of
from envbuild.sourcetree.path_tree import PathTree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.declaration.source import PackageSource


def place_of(source: PathSource, environ: Mapping[str, str]) -> PathTree:
    """The folder or the file of a path source; `$ENVBUILD_SOURCE_<NAME>` overrides the declaration.

    UsageError if the variable has no absolute path.
    """
    variable = source_variable(source.package)
    override = environ.get(variable)
    base = source.base or os.getcwd()  # noqa: PTH109
    if not override:
        return PathTree(
            folder=os.path.normpath(f"{base}/{source.path}"),
            shown=source.path,
            within=repository_of(base) or base,
            spare=(f"{base}/locks",),
        )
    if not Path(override).is_absolute():
        message = f"the place of the source of {source.package} is not an absolute path"
        hint = "give the folder or the file"
        raise UsageError(Problem(key=f"${variable}", message=message, hint=hint))
    if source.path.endswith(ARCHIVES) and not override.endswith(source.path.rpartition("/")[2]):
        override = f"{override}/{source.path.rpartition('/')[2]}"
    return PathTree(folder=os.path.normpath(override), shown=override, spare=(f"{base}/locks",))


def is_tree(source: PackageSource) -> bool:
    """Whether it is a folder or a commit, and no file."""
    if isinstance(source, PathSource):
        return not is_file_source(source)
    return isinstance(source, GitSource)


def is_file_source(source: PathSource) -> bool:
    """Whether it is a wheel or an archive, and no folder."""
    return source.path.endswith(ARCHIVES)
