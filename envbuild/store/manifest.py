"""The manifest, which launchers rely on: the binary of each driver in one generation."""

from __future__ import annotations

import os
from posixpath import basename

from envbuild.errors import HostError, Problem
from envbuild.lean_json import as_number, as_table, read_json
from envbuild.value import value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1
"""The manifest format that this version writes; it reads no newer one."""


@value
class Preferred:
    """What a driver would be on the first Python of its list."""

    python: str
    """The Python request, such as `3.12`."""

    version: str


@value
class ManifestDriver:
    """One driver of a generation."""

    name: str
    version: str
    key: str
    """The environment's full key, 64 hex digits."""

    lock: str
    """`sha256:` and the digest of the lockfile's bytes."""

    environment: str
    """The environment's absolute path; `binary` and `python` are below it."""

    binary: str
    stable_binary: str
    """The same command below `<store>/current`, which follows every switch."""

    python: str
    python_version: str
    commands: tuple[str, ...]
    """The commands it exposes, `binary`'s own among them."""

    shims: tuple[tuple[str, str], ...]
    """For each command, in order, the name of its shim in the generation's `bin/`."""

    env: tuple[tuple[str, str], ...]
    """The variables that its activation sets if they are unset, ordered by name."""

    packages: tuple[tuple[str, str], ...]
    """Every installed package with its version, in name order."""

    size: int
    """The environment's files in bytes."""

    since: str
    """When a generation first had this driver in this environment (UTC)."""

    preferred: Preferred | None = None
    """Set if a later Python of its list was used and gives another version; else None."""

    variant: str | None = None
    """The variant that this host has of it; None for a driver without variants."""

    shim: str | None = None
    """The shim of the driver's own name; None in manifests from before every driver had one."""

    @property
    def all_shims(self) -> tuple[tuple[str, str], ...]:
        """Each shim with its command, the driver's own among them: `(command, shim)`."""
        if self.shim is None:
            return self.shims
        own = own_command(self.name, self.commands, self.binary)
        return tuple(dict.fromkeys(((own, self.shim), *self.shims)))


@value
class Manifest:
    """`manifest.json` as a value."""

    generation: int
    created: str
    """UTC, `2026-11-20T10:00:00Z`."""

    envbuild: str
    """The version of envbuild that wrote it."""

    declaration: str | None
    """`sha256:` and the digest of the `drivers.toml` that the whole generation follows;
    None where only named drivers were ever synced."""

    drivers: tuple[ManifestDriver, ...]
    """In the declaration's order."""

    def driver(self, name: str) -> ManifestDriver | None:
        """The driver of that name, or None."""
        return next((driver for driver in self.drivers if driver.name == name), None)


def own_command(name: str, commands: tuple[str, ...], binary: str) -> str:
    """What the shim of a driver's own name starts: its command of this name, else its `binary`, a name or a path."""
    return name if name in commands else binary.rpartition("/")[2]


def render_manifest(manifest: Manifest) -> str:
    """The manifest as JSON, indented, ending in a line feed."""
    import json

    return json.dumps(manifest_table(manifest), indent=1) + "\n"


def manifest_table(manifest: Manifest) -> dict[str, object]:
    """The manifest as the object that its JSON is."""
    return {
        "version": FORMAT,
        "generation": manifest.generation,
        "created": manifest.created,
        "envbuild": manifest.envbuild,
        "declaration": manifest.declaration,
        "drivers": {driver.name: manifest_driver_table(driver) for driver in manifest.drivers},
    }


def manifest_driver_table(driver: ManifestDriver) -> dict[str, object]:
    """One driver's entry, in the order of the documentation."""
    return {
        "version": driver.version,
        "key": driver.key,
        "lock": driver.lock,
        "environment": driver.environment,
        "binary": driver.binary,
        "stable_binary": driver.stable_binary,
        "python": driver.python,
        "python_version": driver.python_version,
        "commands": list(driver.commands),
        "shims": dict(driver.shims),
        **({} if driver.shim is None else {"shim": driver.shim}),
        "env": dict(driver.env),
        "preferred": preferred_table(driver.preferred),
        "variant": driver.variant,
        "size": driver.size,
        "since": driver.since,
        "packages": dict(driver.packages),
    }


def preferred_table(preferred: Preferred | None) -> dict[str, object] | None:
    """What a driver would be on its first Python, as the object that its JSON is."""
    if preferred is None:
        return None
    return {"python": preferred.python, "version": preferred.version}


def parse_manifest(text: str, *, file: str) -> Manifest:
    """The value of a manifest's text; HostError names a file that is not a manifest."""
    try:
        table = read_json(text)
        if table["version"] != FORMAT:
            message = (
                f"manifest format {table['version']!r} is not known to this envbuild ({FORMAT})"
            )
            hint = "use the envbuild that wrote it, or a newer one"
            raise HostError(Problem(file=file, message=message, hint=hint))
        declaration = table["declaration"]
        return Manifest(
            generation=as_number(table["generation"]),
            created=_text(table["created"]),
            envbuild=_text(table["envbuild"]),
            declaration=None if declaration is None else _text(declaration),
            drivers=tuple(_driver(name, entry) for name, entry in table["drivers"].items()),
        )
    except KeyError as error:
        problem = Problem(file=file, message=f"the manifest is damaged: it has no {error}")
        raise HostError(problem) from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        problem = Problem(file=file, message=f"the manifest is damaged: {error}")
        raise HostError(problem) from error


def _driver(name: str, entry: Mapping[str, object]) -> ManifestDriver:
    if not isinstance(commands := entry["commands"], list):
        raise TypeError(f"{commands!r} is not a list of commands")
    return ManifestDriver(
        name=_text(name),
        version=_text(entry["version"]),
        key=_text(entry["key"]),
        lock=_text(entry["lock"]),
        environment=_text(entry["environment"]),
        binary=_text(entry["binary"]),
        stable_binary=_text(entry["stable_binary"]),
        python=_text(entry["python"]),
        python_version=_text(entry["python_version"]),
        commands=tuple(map(_text, commands)),
        shims=_pairs(entry["shims"]),
        env=_pairs(entry["env"]),
        size=as_number(entry["size"]),
        since=_text(entry["since"]),
        packages=_pairs(entry["packages"]),
        preferred=_preferred(entry["preferred"]),
        shim=_text(entry["shim"]) if "shim" in entry else None,
        variant=None if (variant := entry.get("variant")) is None else _text(variant),
    )


def _preferred(value: object) -> Preferred | None:
    if value is None:
        return None
    table = as_table(value)
    return Preferred(python=_text(table["python"]), version=_text(table["version"]))


def _pairs(value: object) -> tuple[tuple[str, str], ...]:
    return tuple((_text(name), _text(text)) for name, text in as_table(value).items())


def _text(value: object) -> str:
    """A text that can be a path; ValueError where no file could have such a name."""
    if not isinstance(value, str) or b"\0" in os.fsencode(value):
        raise TypeError(f"{value!r} is not a text")
    return value


def generation_links(manifest: Manifest) -> dict[str, str]:
    """Every link of the generation by its path in the folder, with its target.

    `vllm` → `../../envs/vllm-…`; the shims are in `bin/`.
    """
    links = {}
    for driver in manifest.drivers:
        name = basename(driver.environment)
        links[driver.name] = f"../../envs/{name}"
        for command, shim in driver.all_shims:
            links[f"bin/{shim}"] = f"../../../envs/{name}/bin/{command}"
    return links
