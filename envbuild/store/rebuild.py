"""What it takes to build an environment again from its own receipt, whatever is locked by now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.declaration.declaration import DEFAULT_INDEX, Driver
from envbuild.environment.derivation import compute_key, environment_name
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
    """What an environment was built from, as its receipt says it; None where it does not.

    `key` is the one that the environment's generation has: a derivation that comes to it is believed,
    whatever else somebody has written into the receipt, and no other is.
    One of another version of envbuild, which lays environments out in another way, does not come to it.
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
    interpreter = Interpreter(
        path=derivation.python,
        version=derivation.python_version,
        cache_tag=derivation.cache_tag,
        size=0,
        mtime_ns=0,
        shareable=True,
    )
    return Wanted(
        driver=_driver(derivation),
        derivation=derivation,
        key=key,
        lock="",
        target=target,
        interpreter=interpreter,
        here=target,
    )


def bind_indexes(declaration: Declaration, files: Iterable[ChosenFile]) -> Declaration:
    """The declaration with each package bound to the index that its file came from.

    UsageError names the indexes that are not declared any more.
    """
    packages: dict[str, list[str]] = {}
    for file in files:
        packages.setdefault(file.index, []).append(file.package)
    declared = {index.name for index in declaration.indexes} | {DEFAULT_INDEX}
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
    return Problem(
        file=place,
        message=f"{', '.join(packages)} came from the index {index!r}, which is not declared any more",
        hint="declare it again, for as long as the environment is needed",
    )


def _is_named_so(file: ChosenFile) -> bool:
    """Whether package and version are those of the file's name, on which the key depends."""
    from packaging.utils import parse_sdist_filename
    from packaging.version import Version

    from envbuild.target.wheel_choice import parse_wheel_name

    try:
        if file.file.endswith(".whl"):
            package, version, *_ = parse_wheel_name(file.file)
        else:
            package, version = parse_sdist_filename(file.file)
        return package == file.package and version == Version(file.version)
    except ValueError:
        return False


def _driver(derivation: Derivation) -> Driver:
    """A driver of which only is known what is built in."""
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
        env=derivation.env,
        bytecode=derivation.bytecode,
        command=derivation.command,
    )
