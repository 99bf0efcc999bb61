"""A child of a driver: the driver with other requirements, locked from its pins for this host alone."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from envbuild.declaration.edit import add_requirements
from envbuild.declaration.file import read_declaration_text
from envbuild.declaration.toml.document import parse_declaration
from envbuild.declaration.toml.requirement import parse_requirement
from envbuild.declaration.toml.table import TextError
from envbuild.errors import Problem, UsageError
from envbuild.lockfile.folder import LockFolder
from envbuild.lockfile.freshness import inputs_of, stale_reasons
from envbuild.posix.files import make_private
from envbuild.value import replace, value

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.declaration.declaration import Declaration
    from envbuild.environment.probe import ProbeResult
    from envbuild.target.target import Target


@value
class TryResult:
    """The result of `envbuild try` that ran probes, or a command whose exit code decides."""

    driver: str
    environment: str
    """Its path."""

    results: tuple[ProbeResult, ...]
    """Empty if a command was run."""

    passed: bool
    promoted: tuple[str, ...]
    """The requirements that were written into the declaration."""


def declare_child(
    path: Path, driver: str, requirements: tuple[str, ...], target: Target
) -> Declaration:
    """The declaration with the driver alone, for one target, and with these requirements.

    One on a package that the driver itself requires replaces it, as `envbuild add` does.
    UsageError for an invalid one; DeclarationError if the driver cannot have them.
    """
    text = read_declaration_text(path)
    changed = add_requirements(text, driver, map(_checked, requirements))
    declared = parse_declaration(changed, file=str(path), folder=str(path.absolute().parent))
    (found,) = (one for one in declared.drivers if one.name == driver)
    child = replace(
        found,
        enabled=True,
        python=(target.python,),
        platforms=(str(target.platform),),
        variants=tuple(one for one in found.variants if one.name == target.variant),
    )
    return replace(declared, drivers=(child,), hosts=(), coexist=(), agree=())


def _checked(text: str) -> str:
    try:
        return str(parse_requirement(text))
    except TextError as wrong:
        problem = Problem(key="--with", message=str(wrong), hint=wrong.hint, detail=wrong.detail)
        raise UsageError(problem) from None


def child_folder(cache: Path, driver: str, lock: str, child: Declaration) -> LockFolder:
    """Where a child's lockfile is kept: its path has a digest of what it is made from.

    `lock` is the digest of the driver's lockfile, whose pins it starts from.
    """
    (own,) = child.drivers
    made_from = repr((driver, lock, inputs_of(own, child)))
    digest = hashlib.sha256(made_from.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    folder = cache / "children" / digest
    make_private(folder)
    return LockFolder(path=folder / "locks", shown=str(folder / "locks"))


def is_locked(folder: LockFolder, child: Declaration) -> bool:
    """Whether the child's lockfile is there; a lock that was killed has left the driver's own."""
    (own,) = child.drivers
    stored = folder.read(own.name)
    return stored is not None and not stale_reasons(stored.lockfile, own, child)
