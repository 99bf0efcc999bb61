"""Whether locked wheels are built for the same torch and the same CUDA or ROCm, by their versions and names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.finding import Code, Finding
from envbuild.lockfile.text import package_line
from envbuild.target.accelerators.cuda import cuda_of
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.lockfile.lockfile import LockedPackage, Lockfile

_TORCH_TAG = re.compile(r"\+[a-z0-9.]*?(?:torch(\d+)\.(\d+)|pt(\d)\.?(\d+))")
"""`2.8.3+cu130torch2.9`, `2.1.2+pt28cu128`: the torch version that a wheel is built for."""

_RELEASE = re.compile(r"(\d+)\.(\d+)")
_FLAVOUR = re.compile(r"\+(cpu|xpu|rocm\d+(?:\.\d+)?)\b")
_HINT = "require builds that belong together, or bind all of them to one index"


@value
class _Build:
    """The build of a package."""

    package: LockedPackage
    kind: str
    """`CUDA`, `ROCm`, `CPU` or `XPU`."""

    major: str = ""
    minor: str | None = None
    library: bool = False
    """Whether it is one of NVIDIA's libraries, of which several CUDA versions can be installed together."""

    @property
    def words(self) -> str:
        """`CUDA 13.0`, or `CPU`."""
        return f"{self.kind} {'.'.join(filter(None, (self.major, self.minor)))}".strip()


def check_torch_builds(lockfile: Lockfile, file: str) -> Iterator[Finding]:
    """Wheels of one target that are built for different versions, each pair once over all targets.

    An error if the wheel cannot be loaded; a warning if only CUDA's minor version differs,
    and for NVIDIA's own libraries.
    """
    found: dict[tuple[str, str], LockedPackage] = {}
    for target in lockfile.targets:
        packages = lockfile.packages_for(target)
        for package, message, level in (*_other_torch(packages), *_other_builds(packages)):
            found.setdefault((message, level), package)
    for (message, level), package in found.items():
        yield Finding(
            code=Code.TORCH_BUILD,
            subject=lockfile.driver,
            message=message,
            path=file,
            line=package_line(lockfile, package.name, package.version),
            hint=_HINT,
            other_level=None if level == "error" else level,
        )


def _other_torch(packages: Iterable[LockedPackage]) -> Iterator[tuple[LockedPackage, str, str]]:
    """Wheels that are built for another torch than the locked one."""
    torch = next((package for package in packages if package.name == "torch"), None)
    release = _RELEASE.match(torch.version) if torch is not None else None
    for package in packages:
        tag = _TORCH_TAG.search(package.version)
        if torch is None or release is None or tag is None:
            continue
        wanted = tuple(filter(None, tag.groups()))
        if wanted != release.groups():
            message = (
                f"{package.name} {package.version} is built for torch {'.'.join(wanted)}, "
                f"and torch {torch.version} is locked"
            )
            yield package, message, "error"


def _other_builds(packages: Iterable[LockedPackage]) -> Iterator[tuple[LockedPackage, str, str]]:
    """Wheels that are built for something else than torch; if torch does not say, than the first of them."""
    builds = [build for package in packages if (build := _build(package)) is not None]
    builds.sort(
        key=lambda build: (build.package.name != "torch", build.library, build.minor is None)
    )
    told: set[str] = set()
    for build in builds[1:]:
        level = _level(builds[0], build)
        if level is None or (build.library and build.words in told):
            continue
        told.add(build.words)
        first = builds[0]
        message = (
            f"{build.package.name} {build.package.version} is built for {build.words}, "
            f"and {first.package.name} {first.package.version} for {first.words}"
        )
        yield build.package, message, level


def _level(first: _Build, other: _Build) -> str | None:
    """How severe it is to combine two builds; None if they belong together."""
    if (first.kind, first.major) != (other.kind, other.major):
        return "warning" if first.library or other.library else "error"
    if first.library or other.library or None in (first.minor, other.minor):
        return None
    return "warning" if first.minor != other.minor else None


def _build(package: LockedPackage) -> _Build | None:
    """The build of a package; None if it does not say."""
    flavour = _FLAVOUR.search(package.version)
    if flavour is not None and flavour[1].startswith("rocm"):
        major, _, minor = flavour[1].removeprefix("rocm").partition(".")
        return _Build(package=package, kind="ROCm", major=major, minor=minor or None)
    if flavour is not None:
        return _Build(package=package, kind=flavour[1].upper())
    cuda = next(cuda_of(package), None)
    if cuda is None:
        return None
    return _Build(
        package=package,
        kind="CUDA",
        major=str(cuda.major),
        minor=None if cuda.minor is None else str(cuda.minor),
        library=package.name.startswith("nvidia-"),
    )
