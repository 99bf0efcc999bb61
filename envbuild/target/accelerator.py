"""Accelerators: what a driver requires, what a host has, and the record of each kind."""

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
    """An accelerator of one kind on a host, or why there is none."""

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
        """The version as the package writes it."""
        ...


@value
class Unsupported:
    """How a host's accelerator is too old for the locked packages."""

    needed: str
    """The version that the packages need, such as `12.8`."""

    package: str
    """The package that needs it, with its version."""

    fatal: bool
    """True if nothing will run; False if only a part may fail."""

    hint: str


@value
class AcceleratorKind:
    """The facts that envbuild needs about a kind of accelerators."""

    name: str
    """The key in `accelerator = { cuda = ">=12.4" }`, and in `check --host cuda=12.4`."""

    title: str
    """What the version numbers belong to: `CUDA`."""

    provider: str
    """The software that supports a version on a host: `NVIDIA driver`."""

    example: str
    """A specifier for hints, such as `>=12.4`."""

    probe: Callable[[Runner, Mapping[str, str]], FoundAccelerator]
    """Asks the host; reads `PATH` and the loader's variables. A missing accelerator is no error."""

    sign: str
    """A file that changes when the provider is installed, removed or replaced."""

    judge: Callable[[Iterable[Pinned], str], Unsupported | None]
    """Whether a host that supports a version can run the packages of one target."""

    owns: Callable[[str], bool]
    """Whether a package name belongs to this kind; reports mark changes of such packages."""

    cdi_device: str
    """The device for a container in podman (Container Device Interface)."""

    kubernetes_resource: str
    """The resource that a Pod requests."""


@cache
def all_kinds() -> tuple[AcceleratorKind, ...]:
    """Every kind, ordered by name."""
    names = sorted(module.name for module in iter_modules(accelerators.__path__))
    modules = (import_module(f"{accelerators.__name__}.{name}") for name in names)
    return tuple(cast("AcceleratorKind", module.KIND) for module in modules)


def find_kind(name: str) -> AcceleratorKind:
    """The kind with that name; KeyError if there is none."""
    return {kind.name: kind for kind in all_kinds()}[name]


def accelerator_missing(accelerator: Accelerator, found: Iterable[FoundAccelerator]) -> str | None:
    """Why a driver is skipped on a host, as text; None if the host has what the driver needs."""
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
