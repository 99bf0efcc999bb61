"""Build an environment again from its own receipt, independent of the current lockfile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.declaration.driver import Driver
from envbuild.declaration.index import DEFAULT_INDEX
from envbuild.declaration.source import is_source
from envbuild.declaration.tree_name import parse_tree_name
from envbuild.environment.derivation import compute_key, environment_name, settings_of
from envbuild.errors import Problem, UsageError
from envbuild.store.plan import Wanted
from envbuild.target.target import Interpreter, parse_target
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.declaration.declaration import Declaration
    from envbuild.environment.derivation import Derivation
    from envbuild.environment.receipt import Receipt
    from envbuild.lockfile.lockfile import ChosenFile


def wanted_again(receipt: Receipt, *, name: str, key: str) -> Wanted | None:
    """The derivation in a receipt; None if it is not valid.

    `key` is the key in the generation: only a derivation with this digest is trusted,
    whatever else somebody has written into the receipt.
    A receipt of an envbuild with another layout does not match.
    """
    derivation = receipt.derivation
    if not all(map(_is_named_so, derivation.files)) or compute_key(derivation) != key:
        return None
    if environment_name(derivation.driver, derivation.version, key) != name:
        return None
    try:
        target = parse_target(derivation.target)
    except ValueError:
        return None
    return Wanted(
        driver=_driver(derivation),
        derivation=derivation,
        key=key,
        lock="",
        target=target,
        interpreter=interpreter_of(derivation),
        here=target,
    )


def interpreter_of(derivation: Derivation) -> Interpreter:
    """The Python of an environment, as its derivation has it; it was not looked at."""
    return Interpreter(
        path=derivation.python,
        version=derivation.python_version,
        cache_tag=derivation.cache_tag,
        size=0,
        mtime_ns=0,
        shareable=True,
    )


def bind_indexes(declaration: Declaration, files: Iterable[ChosenFile]) -> Declaration:
    """The declaration with each package bound to the index that its file came from.

    UsageError names indexes that are no longer declared.
    """
    packages: dict[str, list[str]] = {}
    for file in files:
        packages.setdefault(file.index, []).append(file.package)
    declared = {index.name for index in declaration.indexes} | {DEFAULT_INDEX}
    declared |= {source.origin for source in declaration.sources}
    gone = sorted(packages.keys() - declared)
    if gone:
        raise UsageError([_undeclared(name, packages[name], declaration.file) for name in gone])
    bound = (
        replace(index, packages=tuple(packages.get(index.name, ())))
        for index in declaration.indexes
        if index.name != DEFAULT_INDEX and index.name in packages
    )
    default = (index for index in declaration.indexes if index.name == DEFAULT_INDEX)
    return replace(declaration, indexes=(*default, *bound))


def _undeclared(index: str, packages: list[str], place: str) -> Problem:
    origin = "a source" if is_source(index) else f"the index {index!r}"
    return Problem(
        file=place,
        message=f"{', '.join(packages)} came from {origin}, which is no longer declared",
        hint="declare it again, for as long as the environment is needed",
    )


def _is_named_so(file: ChosenFile) -> bool:
    """Whether package and version match the file's name, which the key depends on."""
    from packaging.utils import canonicalize_name, parse_sdist_filename
    from packaging.version import Version

    from envbuild.target.wheel_choice import parse_wheel_name

    try:
        if file.file.endswith(".tree"):
            name, text, _ = parse_tree_name(file.file)
            package, version = canonicalize_name(name), Version(text)
        elif file.file.endswith(".whl"):
            package, version, *_ = parse_wheel_name(file.file)
        else:
            package, version = parse_sdist_filename(file.file)
        return package == file.package and version == Version(file.version)
    except ValueError:
        return False


def _driver(derivation: Derivation) -> Driver:
    """A driver of which only the build settings are known."""
    return Driver(
        name=derivation.driver,
        line=0,
        requires=(),
        binary=derivation.driver,
        commands=(),
        version_of=derivation.driver,
        python=(),
        python_downloads=False,
        platforms=(),
        **settings_of(derivation),
    )
