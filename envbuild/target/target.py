"""Targets (a Python on a platform) and hosts."""

from __future__ import annotations

import re
from dataclasses import dataclass

from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envbuild.target.accelerator import FoundAccelerator

PLATFORM = re.compile(
    r"(?P<arch>x86_64|aarch64|arm64)-(?P<system>manylinux|musllinux|macosx)"
    r"_(?P<major>0|[1-9][0-9]?)_(?P<minor>0|[1-9][0-9]?)"
)
VARIANT = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
PYTHON = re.compile(r"3\.(?P<minor>0|[1-9][0-9]?)(\.(?P<patch>0|[1-9][0-9]?))?")

_ALIAS = re.compile(r"(?P<arch>[a-z0-9_]+)-(?P<alias>manylinux1|manylinux2010|manylinux2014)")
_ALIASES = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}
"""Names of platforms from before PEP 600, with their glibc."""

KNOWN_PYTHONS = ("3.14", "3.13", "3.12", "3.11")
"""What a driver is locked for if it names no Python, as far as packages allow; newest first."""

LAST_PATCH = 99
"""No minor version of Python has so many patch releases; it stands for the newest one."""

MOST_TARGETS = 100
"""The most targets of one driver: Pythons × platforms."""

_ARCHITECTURES = {
    "manylinux": ("x86_64", "aarch64"),
    "musllinux": ("x86_64", "aarch64"),
    "macosx": ("x86_64", "arm64"),
}


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Platform:
    """A processor and the oldest system library, as in wheel tags."""

    arch: str
    """`x86_64` or `aarch64`; on macOS `x86_64` or `arm64`."""

    system: str
    """`manylinux` (glibc), `musllinux` (musl) or `macosx`."""

    major: int
    minor: int

    def __str__(self) -> str:
        """`x86_64-manylinux_2_28`, the form of `drivers.toml` and of lockfiles."""
        return f"{self.arch}-{self.system}_{self.major}_{self.minor}"

    @property
    def version(self) -> tuple[int, int]:
        """The version of the system library."""
        return self.major, self.minor

    def runs_on(self, other: Platform) -> bool:
        """Whether wheels for this platform run on another one."""
        same = (self.arch, self.system) == (other.arch, other.system)
        return same and self.version <= other.version

    @property
    def sys_platform(self) -> str:
        """The value of the marker `sys_platform`."""
        return "darwin" if self.system == "macosx" else "linux"


@value
class Target:
    """What one resolution is for: a Python on a platform."""

    python: str
    """The Python request, `3.12` or `3.12.4`."""

    platform: Platform

    variant: str | None = None
    """The name of the driver's variant that it is for; None for a driver without variants."""

    kernel: tuple[str, str] | None = None
    """`platform_release` and `platform_version` of a host; None for all hosts, as in lockfiles."""

    def __str__(self) -> str:
        """`3.12-x86_64-manylinux_2_28`, the form of lockfiles."""
        variant = f"@{self.variant}" if self.variant is not None else ""
        return f"{self.python}-{self.platform}{variant}"

    @property
    def minor(self) -> str:
        """The Python's minor version, such as `3.12`."""
        return minor_of(self.python)

    @property
    def has_patch(self) -> bool:
        """Whether the Python is one patch release, as on a host, and not a minor version."""
        return self.python.count(".") == 2

    @property
    def newest_python(self) -> str:
        """The Python's full version; a minor version gets the newest patch release that could exist."""
        return self.python if self.has_patch else f"{self.python}.{LAST_PATCH}"

    def marker_environment(self, patch: int = LAST_PATCH) -> dict[str, str]:
        """The environment in which this target's markers are evaluated (PEP 508).

        A Python request without a patch release gets the given one.
        Without a host's kernel, `platform_release` and `platform_version` are empty.
        `requirement.parse.holds` decides markers that the target leaves open.
        """
        full = self.python if self.has_patch else f"{self.python}.{patch}"
        release, version = self.kernel or ("", "")
        darwin = self.platform.sys_platform == "darwin"
        return {
            "implementation_name": "cpython",
            "implementation_version": full,
            "os_name": "posix",
            "platform_machine": self.platform.arch,
            "platform_python_implementation": "CPython",
            "platform_release": release,
            "platform_system": "Darwin" if darwin else "Linux",
            "platform_version": version,
            "python_full_version": full,
            "python_version": self.minor,
            "sys_platform": self.platform.sys_platform,
        }


@value
class Interpreter:
    """A Python that was found on the host and probed."""

    path: str
    """Absolute path of the executable, symlinks resolved."""

    version: str
    """The full version, such as `3.12.1`."""

    cache_tag: str
    """`sys.implementation.cache_tag`, such as `cpython-312`."""

    size: int
    """The executable's size in bytes."""

    mtime_ns: int
    """The executable's mtime in nanoseconds; a cached probe is valid for this `size` and mtime."""

    shareable: bool
    """Whether any user of the host can reach and start it."""

    magic: int | None = None
    """The magic number of its bytecode, such as 3531; None if it was not probed."""

    @property
    def release(self) -> tuple[int, ...]:
        """The version as numbers, such as `(3, 12, 1)`."""
        return tuple(map(int, self.version.split(".")))

    def answers(self, request: str) -> bool:
        """Whether it satisfies a Python request (`3.12` or `3.12.4`)."""
        asked = tuple(map(int, request.split(".")))
        return self.release[: len(asked)] == asked


@value
class Host:
    """The facts of a host that targets and accelerators depend on."""

    arch: str
    """`platform.machine()`, such as `x86_64`."""

    system: str
    """`manylinux` with glibc, `musllinux`, `macosx`, or the system's own name."""

    system_version: tuple[int, int]
    """The version of glibc, musl or macOS."""

    accelerators: tuple[FoundAccelerator, ...] = ()
    """What was found of each kind that was probed."""

    kernel: tuple[str, str] = ("", "")
    """The values of the markers `platform_release` and `platform_version`."""

    def __str__(self) -> str:
        """`x86_64-manylinux_2_36`, as platforms are written."""
        return str(self.platform)

    @property
    def platform(self) -> Platform:
        """The newest platform whose wheels run here."""
        major, minor = self.system_version
        return Platform(arch=self.arch, system=self.system, major=major, minor=minor)

    def target(self, python: str) -> Target:
        """This host as a target, with a full version of Python."""
        return Target(python=python, platform=self.platform, kernel=self.kernel)

    def runs(self, platform: Platform) -> bool:
        """Whether wheels that were locked for the platform run here."""
        return platform.runs_on(self.platform)


def choose_interpreter(
    interpreters: tuple[Interpreter, ...],
    requests: tuple[str, ...],
    *,
    prefer_shareable: bool,
    own: tuple[str, ...] = (),
) -> Interpreter | None:
    """The interpreter for requests in order of preference, or None if no request can be satisfied.

    A Python of `own`, real paths in order of preference, comes before all others if it satisfies any request.
    The first request that can be satisfied wins; then the highest version, then the first path.
    `prefer_shareable` is for a store that several users use: shareable interpreters are tried first, for all requests.
    A second choice that the service's user can start is better than a first choice that it cannot start.
    The order of `interpreters` and of `PATH` does not matter.
    """
    shareable = tuple(found for found in interpreters if found.shareable)
    for group in (shareable, interpreters) if prefer_shareable else (interpreters,):
        for path in own:
            for found in group:
                if found.path == path and any(map(found.answers, requests)):
                    return found
        for request in requests:
            fitting = [found for found in group if found.answers(request)]
            if fitting:
                newest = max(found.release for found in fitting)
                return min((f for f in fitting if f.release == newest), key=lambda f: f.path)
    return None


def parse_platform(text: str) -> Platform:
    """`x86_64-manylinux_2_28` → Platform; ValueError says what is wrong with the text.

    Older names such as `x86_64-manylinux2014` are read as their glibc.
    """
    if (alias := _ALIAS.fullmatch(text)) is not None:
        major, minor = _ALIASES[alias["alias"]]
        text = f"{alias['arch']}-manylinux_{major}_{minor}"
    match = PLATFORM.fullmatch(text)
    if match is None:
        raise ValueError(
            "a platform is written like 'x86_64-manylinux_2_28', 'aarch64-manylinux_2_28' "
            "or 'arm64-macosx_14_0'"
        )
    if match["arch"] not in _ARCHITECTURES[match["system"]]:
        known = " or ".join(_ARCHITECTURES[match["system"]])
        raise ValueError(f"{match['system']} knows the processor as {known}")
    return Platform(
        arch=match["arch"],
        system=match["system"],
        major=int(match["major"]),
        minor=int(match["minor"]),
    )


def parse_target(text: str) -> Target:
    """`3.12-x86_64-manylinux_2_28` or `…@cuda13` → Target; ValueError says what is wrong with the text."""
    text, at, variant = text.partition("@")
    python, _, platform = text.partition("-")
    return Target(
        python=parse_python(python),
        platform=parse_platform(platform),
        variant=parse_variant(variant) if at else None,
    )


def parse_variant(text: str) -> str:
    """Return the name of a variant itself when it is one; ValueError says what is wrong with it."""
    if VARIANT.fullmatch(text) is None:
        raise ValueError(
            "a variant's name has lower-case letters, digits, and hyphens between them"
        )
    return text


def minor_of(python: str) -> str:
    """The minor version of a version of Python: `3.12.4` → `3.12`."""
    return ".".join(python.split(".")[:2])


def parse_python(text: str) -> str:
    """The Python request itself if it is valid; ValueError says what is wrong with it."""
    match = PYTHON.fullmatch(text)
    if match is None:
        raise ValueError("a Python is written like '3.12' or '3.12.4'")
    if int(match["minor"]) < 8:
        raise ValueError("Python 3.8 is the oldest supported version")
    return text
