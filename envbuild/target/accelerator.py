"""Accelerators: what a driver asks for, what a host has, and what a kind of them is."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Protocol, cast

from envbuild.target import accelerators
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from envbuild.posix.process import Runner


@value
class Accelerator:
    """What a host must have for a driver to be built there."""

    kind: str
    """The name of an AcceleratorKind, such as `cuda`."""

    versions: str
    """A PEP 440 specifier on the version that the host supports, such as `>=12.4`."""


@value
class FoundAccelerator:
    """What a host was found to have of one kind."""

    kind: str
    version: str | None
    """The newest version that the host supports, such as `12.4`; None without one."""

    absent: str | None = None
    """Why there is none, in words for the user."""


class Pinned(Protocol):
    """A package at its version, locked or installed."""

    @property
    def name(self) -> str:
        """Normalised (PEP 503)."""
        ...

    @property
    def version(self) -> str:
        """As the package says it."""
        ...


@value
class Unsupported:
    """What a host's accelerator is too old for, wholly or in part."""

    needed: str
    """The version that the packages need, such as `12.8`."""

    package: str
    """The package that says so, with its version."""

    fatal: bool
    """Whether nothing will run; else only a part may not."""

    hint: str


@value
class AcceleratorKind:
    """Everything that envbuild has to know of a kind of accelerators."""

    name: str
    """The key in `accelerator = { cuda = ">=12.4" }`, and in `check --host cuda=12.4`."""

    title: str
    """What its versions are versions of: `CUDA`."""

    provider: str
    """What supports a version on a host: `NVIDIA driver`."""

    example: str
    """A specifier for hints, such as `>=12.4`."""

    probe: Callable[[Runner, Mapping[str, str]], FoundAccelerator]
    """Asks the host, of whose environment `PATH` and the loader's variables count; absence is an answer."""

    sign: str
    """A file that changes when the provider comes, goes or is replaced."""

    judge: Callable[[Iterable[Pinned], str], Unsupported | None]
    """What a host that supports a version cannot do with the packages of one target."""

    owns: Callable[[str], bool]
    """Whether a package, by its name, belongs to this kind: its moves touch drivers and kernels."""

    cdi_device: str
    """What podman adds to a container (Container Device Interface)."""

    kubernetes_resource: str
    """What a Pod asks its node for."""


@cache
def all_kinds() -> tuple[AcceleratorKind, ...]:
    """Every kind, in the order of their names."""
    names = sorted(module.name for module in iter_modules(accelerators.__path__))
    modules = (import_module(f"{accelerators.__name__}.{name}") for name in names)
    return tuple(cast("AcceleratorKind", module.KIND) for module in modules)


def find_kind(name: str) -> AcceleratorKind:
    """The kind of that name; KeyError where there is none."""
    return {kind.name: kind for kind in all_kinds()}[name]


def accelerator_missing(accelerator: Accelerator, found: Iterable[FoundAccelerator]) -> str | None:
    """Why a driver is skipped on a host, in words; None where the host has what it asks for."""
    kind = find_kind(accelerator.kind)
    needs = f"it needs {kind.title} {accelerator.versions}"
    here = next((item for item in found if item.kind == kind.name), None)
    if here is None or here.version is None:
        reason = here.absent if here is not None else None
        return f"{needs}; {reason or f'no {kind.provider}'}"
    from packaging.specifiers import SpecifierSet

    if SpecifierSet(accelerator.versions).contains(here.version, prereleases=True):
        return None
    return f"{needs}; the {kind.provider} here goes up to {kind.title} {here.version}"
