"""The table of a driver's keys: the type, how it is merged, what it decides, what it is for.

The driver's keys, `[defaults]`, `[hosts.NAME.drivers.DRIVER]`, `extends`, `envbuild show`,
the examples of `envbuild init`, and the table in docs/declaration.md are made from it.
A key's default is that of the field of `Driver`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from envbuild.declaration.driver import Driver
from envbuild.declaration.toml.command import (
    command_name,
    library_folder,
    module_name,
    read_argv,
    read_command,
    read_env,
    read_module,
    read_seconds,
)
from envbuild.declaration.toml.index import index_name
from envbuild.declaration.toml.inherit import INHERIT
from envbuild.declaration.toml.launch import LAUNCH
from envbuild.declaration.toml.requirement import (
    parse_constraint,
    parse_override,
    parse_package,
    parse_requirement,
)
from envbuild.declaration.toml.requirement_set import read_requires
from envbuild.declaration.toml.source import SOURCES
from envbuild.declaration.toml.table import (
    EitherWord,
    Key,
    boolean,
    list_of,
    located,
    one_or_more,
    text,
)
from envbuild.declaration.toml.target import (
    platform,
    python,
    read_accelerator,
    read_exclude_newer,
    read_exclude_newer_packages,
    resolver,
    torch_backend,
)
from envbuild.declaration.toml.variant import VARIANTS
from envbuild.target.target import KNOWN_PYTHONS
from envbuild.value import defaults_of, value

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Decides: TypeAlias = Literal["lockfile", "environment", "host"]
    """The lockfile's inputs, the environment's content and commands, or what one host does with it."""

DRIVER_FORM = """[drivers.NAME] with requires = ["…"]"""

EXTENDS = Key("extends", located(text(str)))
"""Not in the table: it decides what the other keys inherit."""

REQUIRES = Key("requires", read_requires)
BINARY = Key("binary", text(command_name))
COMMAND = Key("command", read_command)
MODULE = Key("module", read_module)
"""Not in the table: the short form of `command = ["python", "-m", MODULE]`."""

COMMANDS = Key("commands", list_of(text(command_name), filled=True, unique=True))
VERSION_OF = Key("version-of", text(parse_package))
ACCELERATOR = Key("accelerator", read_accelerator)
RESOLVER = Key("resolver", text(resolver))
TORCH_BACKEND = Key("torch-backend", text(torch_backend))
ENV = Key("env", read_env)
LIBRARY_PATH = Key("library-path", list_of(text(library_folder), filled=True, unique=True))


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


_DEFAULTS = defaults_of(Driver)


@value
class DriverKey:
    """A key of a driver; the field of `Driver` has the same name, with `_` for `-`."""

    key: Key[object]
    decides: Decides
    about: str
    """The key's purpose, in one line of docs/declaration.md and beside its example."""

    example: str | None = None
    """An example line for a new declaration; None if `starter.toml` has one."""

    default_words: str | None = None
    """The default in docs/declaration.md, if the value itself is not clear."""

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
    def default(self) -> object:
        """The value if nothing is declared; None if that depends on other keys."""
        return _DEFAULTS.get(self.field)

    @property
    def by_element(self) -> bool:
        """Whether the elements of a value can come from different lines of the file."""
        return self.merge in (add_to_inherited, replace_by_name)


DRIVER_TABLE = (
    DriverKey(
        key=REQUIRES,
        decides="lockfile",
        merge=None,
        about='the packages, as requirements; sets of them by `{ include = "SET" }`',
        default_words="required",
    ),
    DriverKey(
        key=BINARY,
        decides="environment",
        merge=None,
        about="the command that `which` and `run` use",
        default_words="see Commands",
    ),
    DriverKey(
        key=COMMAND,
        decides="environment",
        merge=None,
        about="what the driver's own command starts, a module or a command with arguments",
    ),
    DriverKey(
        key=COMMANDS,
        decides="environment",
        merge=None,
        about="the commands that get an entry in `current/bin`",
        example='commands = ["uvicorn", "fastapi"]',
        default_words="`binary` alone",
    ),
    DriverKey(
        key=VERSION_OF,
        decides="lockfile",
        merge=None,
        about="the package whose version names the environment",
        example='version-of = "fastapi"',
        default_words="the first requirement",
    ),
    DriverKey(
        key=Key("python", one_or_more(text(python))),
        decides="lockfile",
        in_defaults=True,
        about="the Pythons, in order of preference; a host uses one of them",
        default_words=f"any of {KNOWN_PYTHONS[-1]} to {KNOWN_PYTHONS[0]}",
    ),
    DriverKey(
        key=RESOLVER,
        decides="lockfile",
        in_defaults=True,
        about='what finds the versions: "uv" or "pip-tools"',
        example='resolver = "uv"',
    ),
    DriverKey(
        key=Key("python-downloads", boolean),
        decides="host",
        in_defaults=True,
        about="whether `sync` downloads a Python if the host has none of them",
        example="python-downloads = false",
    ),
    DriverKey(
        key=Key("python-source", text(EitherWord(one="host", other="store"))),
        decides="environment",
        in_defaults=True,
        by_host=True,
        about='where its Python comes from: "host", or "store" for one that envbuild installs and keeps',
        example='python-source = "host"',
    ),
    DriverKey(
        key=INHERIT,
        decides="lockfile",
        in_defaults=True,
        about="packages that it takes from a Python of the host, such as a vendor's torch; see Packages of the host",
    ),
    DriverKey(
        key=Key("platforms", list_of(text(platform), filled=True, unique=True)),
        decides="lockfile",
        in_defaults=True,
        about="the platforms that are locked",
        default_words="Linux, x86_64 and aarch64, glibc 2.28",
    ),
    DriverKey(
        key=Key("exclude-newer", read_exclude_newer),
        decides="lockfile",
        in_defaults=True,
        about='no releases younger than this age or this date, such as "2026-11-01"',
        example='exclude-newer = "7 days"',
    ),
    DriverKey(
        key=VARIANTS,
        decides="lockfile",
        merge=None,
        about="one driver for several kinds of hosts; see Variants",
    ),
    DriverKey(
        key=Key("indexes", list_of(text(index_name), unique=True)),
        decides="lockfile",
        merge=add_to_inherited,
        in_defaults=True,
        about="the indexes with `explicit = true` that it uses",
        example='indexes = ["cuda-builds"]',
    ),
    DriverKey(
        key=TORCH_BACKEND,
        decides="lockfile",
        in_defaults=True,
        about='where torch comes from: "cu128", "rocm6.4", "xpu", "cpu", or "auto" by the accelerator',
    ),
    DriverKey(
        key=SOURCES,
        decides="lockfile",
        merge=None,
        about="packages that come from no index, besides those of `[sources]`; see Sources",
    ),
    DriverKey(
        key=ACCELERATOR,
        decides="host",
        about="what a host must have; other hosts skip the driver",
    ),
    DriverKey(
        key=Key("overrides", list_of(text(parse_override))),
        decides="lockfile",
        merge=replace_by_package,
        about="requirements that replace those of packages",
        example='overrides = ["websockets<15"]',
    ),
    DriverKey(
        key=Key("allow-sdist", list_of(text(parse_package), unique=True)),
        decides="lockfile",
        about="packages that are built from source where they have no wheel, which runs their code",
        example='allow-sdist = ["some-package"]',
    ),
    DriverKey(
        key=Key("force-sdist", list_of(text(parse_package), unique=True)),
        decides="lockfile",
        about="packages that are built from source although they have wheels",
        example='force-sdist = ["other-package"]',
    ),
    DriverKey(
        key=Key("probe", list_of(read_argv, filled=True)),
        decides="host",
        by_host=True,
        about="commands that must succeed before the environment is switched to",
        example='probe = [["uvicorn", "--version"]]',
    ),
    DriverKey(
        key=Key("imports", list_of(text(module_name), filled=True, unique=True)),
        decides="host",
        by_host=True,
        about="modules that must be importable before the environment is switched to",
        example='imports = ["fastapi"]',
    ),
    DriverKey(
        key=Key("probe-timeout", read_seconds),
        decides="host",
        by_host=True,
        about="the seconds that each command and each import may take",
        example="probe-timeout = 60",
    ),
    DriverKey(
        key=Key("prepare", list_of(read_argv, filled=True)),
        decides="environment",
        about="commands that finish the environment; what they write is part of it",
        example='prepare = [["uvicorn", "--version"]]',
    ),
    DriverKey(
        key=Key("prepare-network", boolean),
        decides="environment",
        about="whether these commands may use the network",
        example="prepare-network = true",
    ),
    DriverKey(
        key=Key("prepare-timeout", read_seconds),
        decides="host",
        by_host=True,
        about="the seconds that each of these commands may take",
        example="prepare-timeout = 600",
    ),
    DriverKey(
        key=Key("bytecode", boolean),
        decides="environment",
        in_defaults=True,
        by_host=True,
        about="whether modules are compiled in advance; false is smaller, and slower at every start",
        example="bytecode = false",
    ),
    DriverKey(
        key=Key("overlap", text(EitherWord(one="warn", other="refuse"))),
        decides="host",
        in_defaults=True,
        about='what to do if two packages install the same file: "warn", or "refuse" to switch',
        example='overlap = "refuse"',
    ),
    DriverKey(
        key=Key("enabled", boolean),
        decides="host",
        inherited=False,
        by_host=True,
        about="whether it is built; false keeps only its declaration",
        example="enabled = false",
    ),
    DriverKey(
        key=Key("constraints", list_of(text(parse_constraint))),
        decides="lockfile",
        merge=add_to_inherited,
        in_defaults=True,
        about="bounds on the versions of packages, direct or indirect",
        example='constraints = ["urllib3>=2.6.3"]',
    ),
    DriverKey(
        key=Key("exclude-newer-packages", read_exclude_newer_packages),
        decides="lockfile",
        merge=replace_by_name,
        in_defaults=True,
        about="packages with their own age or date, or with none (false)",
        example="exclude-newer-packages = { acme-core = false }",
    ),
    DriverKey(
        key=ENV,
        decides="environment",
        merge=replace_by_name,
        in_defaults=True,
        by_host=True,
        about="variables for every start of the driver, unless they are set already",
        example='env = { UVICORN_LOG_LEVEL = "warning" }',
    ),
    DriverKey(
        key=LIBRARY_PATH,
        decides="environment",
        about="folders below site-packages in which the driver's own command finds shared libraries",
    ),
    DriverKey(
        key=LAUNCH,
        decides="host",
        inherited=False,
        about="its port, order, arguments and health for the exports that start it; see Launching",
        example="launch = { port = 8000 }",
    ),
)
"""Every key of a driver except `extends` and `module`, in the order of `envbuild show`."""

DRIVER_KEYS = (EXTENDS, MODULE, *(row.key for row in DRIVER_TABLE))
"""The keys of `[drivers.NAME]`."""

DEFAULTS_KEYS = tuple(row.key for row in DRIVER_TABLE if row.in_defaults)
"""The keys of `[defaults]`, each of which a driver can set again."""

HOST_ROWS = tuple(row for row in DRIVER_TABLE if row.by_host)
"""The keys that can differ between hosts: none of them decides a lockfile."""
