"""Credentials for registries, as docker's and podman's configuration files have them."""

from __future__ import annotations

import base64
import binascii
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envbuild.errors import Problem, UsageError
from envbuild.posix.input_file import MOST_OTHER, RefusedInputError, read_input
from envbuild.posix.process import Command, find_program, scrubbed_environment
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.posix.process import Runner

_TIMEOUT = 60.0
"""Seconds for a credential helper: it may ask the user to unlock something."""


@value
class RegistryCredentials:
    """Finds the user and password for a registry."""

    environ: Mapping[str, str]
    runner: Runner

    def find(self, host: str, repository: str) -> tuple[str, str] | None:
        """The credentials of the first file that has some; the most exact entry of a file counts.

        UsageError if a file cannot be read, or its helper does not answer.
        """
        for file in self._files():
            table = _read(file)
            found = self._in(table, host, repository) if table is not None else None
            if found is not None:
                return found
        return None

    def _files(self) -> Iterator[Path]:
        """podman's files, then docker's."""
        home = Path(self.environ.get("HOME") or Path.home())
        named = self.environ.get("REGISTRY_AUTH_FILE")
        if named:
            yield Path(named)
        runtime = self.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
        yield Path(runtime, "containers", "auth.json")
        config = self.environ.get("XDG_CONFIG_HOME") or home / ".config"
        yield Path(config, "containers", "auth.json")
        yield Path(self.environ.get("DOCKER_CONFIG") or home / ".docker", "config.json")

    def _in(self, table: dict[str, Any], host: str, repository: str) -> tuple[str, str] | None:
        helpers = table.get("credHelpers")
        helper = helpers.get(host) if isinstance(helpers, dict) else None
        if helper is None and _entry(table, host, repository) is not None:
            found = _login(_entry(table, host, repository))
            if found is not None:
                return found
        helper = helper or table.get("credsStore")
        return self._ask(str(helper), host) if helper else None

    def _ask(self, helper: str, host: str) -> tuple[str, str] | None:
        """What a program `docker-credential-…` knows of a host; None if it knows nothing."""
        name = f"docker-credential-{helper}"
        program = None if "/" in helper else find_program(name, self.environ.get("PATH"))
        if program is None:
            message = f"needs the program {name!r}, which is not on PATH"
            raise UsageError(Problem(key="credHelpers", message=message))
        with tempfile.NamedTemporaryFile("w", prefix="envbuild-host-") as asked:
            asked.write(host)
            asked.flush()
            done = self.runner.run(
                Command(
                    argv=(program, "get"),
                    env=scrubbed_environment(self.environ),
                    cwd="/",
                    timeout=_TIMEOUT,
                    read=asked.name,
                )
            )
        try:
            table = json.loads(done.stdout) if done.code == 0 else {}
            return str(table["Username"]), str(table["Secret"])
        except (ValueError, KeyError, TypeError):
            return None


def _entry(table: dict[str, Any], host: str, repository: str) -> object:
    """The entry for the repository, else for the folders above it, else for the host."""
    auths = table.get("auths")
    if not isinstance(auths, dict):
        return None
    parts = repository.split("/")
    names = [f"{host}/{'/'.join(parts[:end])}" for end in range(len(parts), 0, -1)]
    names += [
        host,
        f"https://{host}",
        f"https://{host}/",
        f"https://{host}/v1/",
        f"https://{host}/v2/",
    ]
    return next((auths[name] for name in names if name in auths), None)


def _login(entry: object) -> tuple[str, str] | None:
    if not isinstance(entry, dict):
        return None
    if isinstance(entry.get("username"), str) and isinstance(entry.get("password"), str):
        return entry["username"], entry["password"]
    try:
        text = base64.b64decode(str(entry.get("auth", "")), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, colon, password = text.partition(":")
    return (user, password) if colon else None


def _read(file: Path) -> dict[str, Any] | None:
    try:
        table = json.loads(read_input(file, most=MOST_OTHER))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except (OSError, ValueError, RecursionError, RefusedInputError) as error:
        message = f"cannot be read: {error}"
        raise UsageError(Problem(file=str(file), message=message)) from error
    return table if isinstance(table, dict) else None
