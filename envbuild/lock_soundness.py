"""Whether a lockfile holds together: every requirement met, one file a package and target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.finding import Finding
from envbuild.lock_lines import package_line
from envbuild.requirement_graph import active_edges
from envbuild.requirement_text import admits, parse_requirement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.lock import LockedPackage, Lockfile
    from envbuild.requirement_graph import Edge
    from envbuild.target import Target

_HINT = "run `envbuild lock` and commit what it writes"


def check_soundness(lockfile: Lockfile, file: str) -> tuple[Finding, ...]:
    """What is wrong with a lockfile that could be read, each thing once over all targets."""
    found: list[Finding] = []
    for package in lockfile.packages:
        found += _file_findings(lockfile, package, file)
    for target in lockfile.targets:
        found += _target_findings(lockfile, target, file)
    return tuple(dict.fromkeys(found))


def _file_findings(lockfile: Lockfile, package: LockedPackage, file: str) -> Iterator[Finding]:
    if len(package.files) == 1 and package.files[0].targets is package.targets:
        return
    for target in package.targets:
        files = sum(target in locked.targets for locked in package.files)
        if files != 1:
            message = f"{package.name} {package.version} has {files} files for {target}, not one"
            line = package_line(lockfile, package.name, package.version)
            yield _finding("incomplete-lockfile", lockfile, message, file, line)


def _target_findings(lockfile: Lockfile, target: Target, file: str) -> Iterator[Finding]:
    locked_here = [
        package
        for package in lockfile.packages
        if package.targets is lockfile.targets or target in package.targets
    ]
    packages = {package.name: package for package in locked_here}
    if len(packages) != len(locked_here):
        message = f"a package is locked twice for {target}"
        yield _finding("incomplete-lockfile", lockfile, message, file, None)
    published = {name: package.requires for name, package in packages.items()}
    inputs = lockfile.inputs
    for edge in active_edges(inputs.requires, published, target, inputs.overrides):
        yield from _edge_findings(lockfile, edge, packages, file)
    for text in inputs.constraints:
        wanted = parse_requirement(text)
        locked = packages.get(wanted.name)
        if locked is not None and not admits(wanted.specifier, locked.version):
            message = f"{wanted.name} {locked.version} is outside the constraint {text}"
            line = package_line(lockfile, wanted.name, locked.version)
            yield _finding("unmet-requirement", lockfile, message, file, line)


def _edge_findings(
    lockfile: Lockfile, edge: Edge, packages: dict[str, LockedPackage], file: str
) -> Iterator[Finding]:
    asker = edge.requirer or lockfile.driver
    locked = packages.get(edge.package)
    if locked is None:
        message = f"{asker} asks for {edge.package}, which is not locked"
        line = package_line(lockfile, edge.requirer) if edge.requirer else None
        yield _finding("incomplete-lockfile", lockfile, message, file, line)
    elif not admits(edge.specifier, locked.version):
        message = (
            f"{asker} asks for {edge.package} {edge.specifier}, and {locked.version} is locked"
        )
        line = package_line(lockfile, edge.package, locked.version)
        yield _finding("unmet-requirement", lockfile, message, file, line)


def _finding(code: str, lockfile: Lockfile, message: str, file: str, line: int | None) -> Finding:
    return Finding(
        code=code, subject=lockfile.driver, message=message, path=file, hint=_HINT, line=line
    )
