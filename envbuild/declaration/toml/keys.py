"""The one table of a driver's keys: what each takes, its default, how it is merged, what it decides.

The driver's own keys, `[defaults]`, `[hosts.NAME.drivers.DRIVER]`, `extends` and `envbuild show` all follow it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from envbuild.declaration.declaration import (
    DEFAULT_PLATFORMS,
    DEFAULT_PROBE_TIMEOUT,
    DEFAULT_PYTHON,
)
from envbuild.declaration.toml.command import (
    command_name,
    module_name,
    read_argv,
    read_seconds,
)
from envbuild.declaration.toml.environment import read_env
from envbuild.declaration.toml.requirement import (
    parse_constraint,
    parse_override,
    parse_package,
    parse_requirement,
)
from envbuild.declaration.toml.requirement_set import Required, read_required
from envbuild.declaration.toml.table import Key, boolean, list_of, located, one_or_more, text
from envbuild.declaration.toml.target import (
    overlap,
    platform,
    python,
    read_accelerator,
    read_exclude_newer,
    read_exclude_newer_packages,
)
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Decides: TypeAlias = Literal["lockfile", "environment", "host"]
    """The lockfile's inputs, what an environment holds and exposes, or what one host does with it."""

DRIVER_FORM = """[drivers.NAME] with requires = ["…"]"""

EXTENDS = Key("extends", located(text(str)))
"""Not in the table: it decides what the other keys inherit."""

REQUIRES: Key[tuple[Required, ...]] = Key("requires", list_of(read_required, filled=True))
BINARY = Key("binary", text(command_name))
COMMANDS = Key("commands", list_of(text(command_name), filled=True, unique=True))
VERSION_OF = Key("version-of", text(parse_package))
ACCELERATOR = Key("accelerator", read_accelerator)
ENV = Key("env", read_env)


def replace_inherited(_: object, own: Any) -> Any:
    """The driver's own value."""
    return own


def add_to_inherited(inherited: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...]:
    """Both lists, the inherited one first, nothing twice."""
    return tuple(dict.fromkeys((*inherited, *own)))


def replace_by_name(
    inherited: tuple[tuple[str, Any], ...], own: tuple[tuple[str, Any], ...]
) -> tuple[tuple[str, Any], ...]:
    """All names in order, each with the driver's own value if it has one."""
    return tuple(sorted((dict(inherited) | dict(own)).items()))


def replace_by_package(inherited: tuple[str, ...], own: tuple[str, ...]) -> tuple[str, ...]:
    """The inherited requirements on other packages, then the driver's own."""
    replaced = {parse_requirement(text).name for text in own}
    kept = (text for text in inherited if parse_requirement(text).name not in replaced)
    return (*kept, *own)


@value
class DriverKey:
    """A key of a driver; the field of `Driver` has the same name, with `_` for `-`."""

    key: Key[object]
    decides: Decides
    default: object = None
    merge: Callable[[Any, Any], object] | None = replace_inherited
    """Makes one value from the inherited one and the driver's own.

    None for a key that depends on others: `merging.py` merges it.
    """

    inherited: bool = True
    """Whether a driver that extends another one inherits the value."""

    in_defaults: bool = False
    """Whether `[defaults]` can have the key."""

    by_host: bool = False
    """Whether a host table can replace the value."""

    @property
    def name(self) -> str:
        """As the file spells it."""
        return self.key.name

    @property
    def field(self) -> str:
        """As `Driver` spells it."""
        return self.key.name.replace("-", "_")

    @property
    def by_element(self) -> bool:
        """Whether the elements of one value come from different lines of the file."""
        return self.merge in (add_to_inherited, replace_by_name)


DRIVER_TABLE = (
    DriverKey(key=REQUIRES, decides="lockfile", merge=None),
    DriverKey(key=BINARY, decides="environment", merge=None),
    DriverKey(key=COMMANDS, decides="environment", merge=None),
    DriverKey(key=VERSION_OF, decides="lockfile", merge=None),
    DriverKey(
        key=Key("python", one_or_more(text(python))),
        decides="lockfile",
        default=DEFAULT_PYTHON,
        in_defaults=True,
    ),
    DriverKey(key=Key("python-downloads", boolean), decides="host", default=True, in_defaults=True),
    DriverKey(
        key=Key("platforms", list_of(text(platform), filled=True, unique=True)),
        decides="lockfile",
        default=DEFAULT_PLATFORMS,
        in_defaults=True,
    ),
    DriverKey(key=Key("exclude-newer", read_exclude_newer), decides="lockfile", in_defaults=True),
    DriverKey(key=ACCELERATOR, decides="host"),
    DriverKey(
        key=Key("overrides", list_of(text(parse_override))),
        decides="lockfile",
        default=(),
        merge=replace_by_package,
    ),
    DriverKey(
        key=Key("allow-sdist", list_of(text(parse_package), unique=True)),
        decides="lockfile",
        default=(),
    ),
    DriverKey(
        key=Key("probe", list_of(read_argv, filled=True)),
        decides="host",
        default=(),
        by_host=True,
    ),
    DriverKey(
        key=Key("imports", list_of(text(module_name), filled=True, unique=True)),
        decides="host",
        default=(),
        by_host=True,
    ),
    DriverKey(
        key=Key("probe-timeout", read_seconds),
        decides="host",
        default=DEFAULT_PROBE_TIMEOUT,
        by_host=True,
    ),
    DriverKey(
        key=Key("bytecode", boolean),
        decides="environment",
        default=True,
        in_defaults=True,
        by_host=True,
    ),
    DriverKey(key=Key("overlap", text(overlap)), decides="host", default="warn", in_defaults=True),
    DriverKey(
        key=Key("enabled", boolean), decides="host", default=True, inherited=False, by_host=True
    ),
    DriverKey(
        key=Key("constraints", list_of(text(parse_constraint))),
        decides="lockfile",
        default=(),
        merge=add_to_inherited,
        in_defaults=True,
    ),
    DriverKey(
        key=Key("exclude-newer-packages", read_exclude_newer_packages),
        decides="lockfile",
        default=(),
        merge=replace_by_name,
        in_defaults=True,
    ),
    DriverKey(key=ENV, decides="environment", default=(), merge=replace_by_name, by_host=True),
)
"""Every key of a driver but `extends`, in the order in which `envbuild show` prints them."""

DRIVER_KEYS = (EXTENDS, *(row.key for row in DRIVER_TABLE))
"""The keys of `[drivers.NAME]`."""

DEFAULTS_KEYS = tuple(row.key for row in DRIVER_TABLE if row.in_defaults)
"""The keys of `[defaults]`, each of which a driver can set again."""

HOST_ROWS = tuple(row for row in DRIVER_TABLE if row.by_host)
"""What can differ from host to host: nothing that decides a lockfile, which is the same on each."""
