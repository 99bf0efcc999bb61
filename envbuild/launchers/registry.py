"""The formats of `envbuild export`, found as the files of `formats/`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, cast

from envbuild.errors import Problem, UsageError
from envbuild.launchers import formats

if TYPE_CHECKING:
    from envbuild.launchers.export import ExportFormat, Option


@cache
def all_formats() -> tuple[ExportFormat, ...]:
    """Every format, ordered by name."""
    names = sorted(module.name for module in iter_modules(formats.__path__))
    modules = (import_module(f"{formats.__name__}.{name}") for name in names)
    return tuple(cast("ExportFormat", module.FORMAT) for module in modules)


def find_format(name: str) -> ExportFormat:
    """The format with that name; KeyError if there is none."""
    return {known.name: known for known in all_formats()}[name]


def all_options() -> dict[Option, tuple[str, ...]]:
    """Every option that a format takes, with the names of these formats."""
    found: dict[Option, tuple[str, ...]] = {}
    for known in all_formats():
        for option in known.options:
            found[option] = (*found.get(option, ()), known.name)
    return found


def refuse_foreign_options(chosen: ExportFormat, given: tuple[str, ...]) -> None:
    """UsageError if an option was given that the format does not take."""
    own = {option.name for option in chosen.options}
    problems = [
        Problem(
            key=f"--{option.name}",
            message=f"the format {chosen.name} does not take --{option.name}",
            hint=f"it is for {', '.join(takers)}",
        )
        for option, takers in all_options().items()
        if option.name in given and option.name not in own
    ]
    if problems:
        raise UsageError(problems)
