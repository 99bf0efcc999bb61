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
    from pathlib import Path

    from envbuild.posix.process import Runner


@value
class Accelerator:
    """What a host must have for a driver to be built there."""

    kind: str
    """The name of an AcceleratorKind, such as `cuda`."""

    versions: str = ""
    """A PEP 440 specifier on the version that the host supports, such as `>=12.4`; empty for a processor."""

    compute: str = ""
    """A PEP 440 specifier on the compute capability of a GPU, such as `>=8.0`; empty for any."""

    features: tuple[str, ...] = ()
    """What the processor must have, as `/proc/cpuinfo` spells it, in order."""

    def __str__(self) -> str:
        """`cuda >=13.0, compute >=8.0`, or `cpu avx2, avx512f`."""
        compute = f", compute {self.compute}" if self.compute else ""
        return f"{self.kind} {', '.join(self.features) or self.versions}{compute}"


@value
class FoundAccelerator:
    """An accelerator of one kind on a host, or why there is none."""

    kind: str
    version: str | None = None
    """The newest version that the host supports, such as `12.4`; None without one."""

    absent: str | None = None
    """Why there is none, in words for the user."""

    compute: str | None = None
    """The highest compute capability of the host's GPUs, such as `8.6`; None where nobody says it."""

    features: tuple[str, ...] | None = None
    """What the processor has; None where nobody says it."""


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
    """A specifier for hints, such as `>=12.4`; empty for a kind that has features in place of versions."""

    probe: Callable[[Runner, Mapping[str, str], Path], FoundAccelerator]
    """Asks the host; reads `PATH` and the loader's variables. A missing accelerator is no error.

    The path is the root of the host's files: `/`, except in tests.
    """

    signs: tuple[str, ...]
    """Files; at least one changes when the provider is installed, removed or replaced."""

    judge: Callable[[Iterable[Pinned], str], Unsupported | None] = lambda _packages, _version: None
    """Whether a host that supports a version can run the packages of one target.

    Always, if packages do not say which version they need.
    """

    owns: Callable[[str], bool] = lambda _package: False
    """Whether a package name belongs to this kind; reports mark changes of such packages."""

    cdi_device: str | None = None
    """The device for a container in podman (Container Device Interface); None if it needs none."""

    kubernetes_resource: str | None = None
    """The resource that a Pod requests; None if it needs none."""

    devices_variable: str | None = None
    """The variable that binds a program to some of the devices, by number; None if all share one."""

    torch_backend: Callable[[str], str] | None = None
    """Its version, `major.minor` → uv's name of torch's builds for it; None if there are none."""

    has_compute: bool = False
    """Whether its devices have a compute capability, which `compute = ">=8.0"` bounds."""


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
    """Why a driver is skipped on a host, as text; None if the host has what the driver needs.

    An unknown compute capability and unknown features of a processor count as sufficient.
    """
    kind = find_kind(accelerator.kind)
    here = next((item for item in found if item.kind == kind.name), None)
    if accelerator.features:
        return _features_missing(accelerator, here)
    needs = f"it needs {kind.title} {accelerator.versions}"
    if here is None or here.version is None:
        reason = here.absent if here is not None else None
        return f"{needs}; {reason or f'no {kind.provider}'}"
    if not _admits(accelerator.versions, here.version):
        return f"{needs}; the {kind.provider} here goes up to {kind.title} {here.version}"
    if accelerator.compute and here.compute and not _admits(accelerator.compute, here.compute):
        return (
            f"it needs compute capability {accelerator.compute}; "
            f"the GPUs here have at most {here.compute}"
        )
    return None


def _features_missing(accelerator: Accelerator, here: FoundAccelerator | None) -> str | None:
    if here is None or here.features is None:
        return None
    missing = [feature for feature in accelerator.features if feature not in here.features]
    if not missing:
        return None
    return (
        f"it needs a processor with {', '.join(accelerator.features)}; "
        f"this host's has no {', '.join(missing)}"
    )


def _admits(versions: str, version: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(versions).contains(version, prereleases=True)
