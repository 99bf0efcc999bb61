"""Credentials for indexes: netrc files and keyrings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envbuild.errors import IndexFailureError, Problem, UsageError
from envbuild.index.locations import Credentials
from envbuild.value import replace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.index.locations import IndexLocation

_KEYRING_TIMEOUT = 60.0
"""Seconds for a keyring to answer: it may ask the user to unlock it."""


def ask_keyring(url: str, user: str, environ: Mapping[str, str]) -> str | None:
    """The password that the program `keyring` has for a user, by the index's URL, else by its host.

    It gets its own settings, `$PYTHON_KEYRING_BACKEND` among them, and nothing else that steers a Python.
    """
    import os

    from envbuild.posix.process import Command, SystemRunner, find_program, scrubbed_environment

    program = find_program("keyring", environ.get("PATH", ""))
    if program is None:
        message = "needs the program keyring, which is not on PATH"
        hint = "install it, or put the password into the netrc file"
        raise UsageError(Problem(key="$ENVBUILD_KEYRING", message=message, hint=hint))
    own = {key: value for key, value in environ.items() if key.startswith("PYTHON_KEYRING_")}
    for service in (url, urlsplit(url).netloc):
        command = Command(
            argv=(os.path.abspath(program), "get", service, user),  # noqa: PTH100
            env=scrubbed_environment(environ, **own),
            cwd="/",
            timeout=_KEYRING_TIMEOUT,
        )
        done = SystemRunner().run(command)
        if done.code == 0 and done.stdout.strip():
            return done.stdout.rstrip("\n")
    return None


class Netrc:
    """The user's netrc file, read once, when an index on the web first needs it.

    IndexFailureError if it cannot be read or parsed; UsageError if `$NETRC` names a missing file.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        """UsageError if `$ENVBUILD_KEYRING` names something that does not exist."""
        asked = environ.get("ENVBUILD_KEYRING", "")
        if asked not in ("", "subprocess", "disabled"):
            message = f"is {asked!r}, but must be 'subprocess' or 'disabled'"
            raise UsageError(Problem(key="$ENVBUILD_KEYRING", message=message))
        self._environ = environ
        self._known: Mapping[str, tuple[str, str, str]] | None = None

    def complete(self, location: IndexLocation) -> IndexLocation:
        """The location with its password from netrc, or from a keyring if one is configured.

        A user that the URL names is kept: only his password is looked for.
        """
        if location.mirrors:
            mirrors = tuple(map(self.complete, location.mirrors))
            return replace(self.complete(replace(location, mirrors=())), mirrors=mirrors)
        location, url = replace(location, elsewhere=self.of_host), location.url
        if url is None:
            return location
        if self._known is None:
            self._known = self._read(f"{location.words} ({location.place})")
        given = location.credentials
        if given is not None and given.password is not None:
            return location
        host = urlsplit(url).hostname or ""
        found = self._find(host) or self._find("default")
        if found is not None and (given is None or given.user in ("", found.user)):
            return replace(location, credentials=found)
        if given is not None and self._environ.get("ENVBUILD_KEYRING") == "subprocess":
            password = ask_keyring(url, given.user, self._environ)
            return replace(location, credentials=replace(given, password=password))
        return location

    def of_host(self, host: str) -> Credentials | None:
        """The credentials for a host in netrc; the default entry is only for indexes."""
        return self._find(host) if host != "default" else None

    def _find(self, host: str) -> Credentials | None:
        found = (self._known or {}).get(host)
        return Credentials(user=found[0], password=found[2]) if found is not None else None

    def _read(self, asker: str) -> Mapping[str, tuple[str, str, str]]:
        import netrc

        asked_for = self._environ.get("NETRC")
        home = self._environ.get("HOME")
        if not asked_for and not home:
            return {}
        path = asked_for or f"{home}/.netrc"
        try:
            return netrc.netrc(path).hosts
        except netrc.NetrcParseError as error:
            # the parser's own words may repeat a token, which may be a password
            message = f"the netrc file, which {asker} needs, cannot be parsed"
            hint = "each entry is: machine HOST login USER password PASSWORD"
            problem = Problem(message=message, file=path, line=error.lineno, hint=hint)
            raise IndexFailureError(problem) from None
        except (OSError, UnicodeDecodeError) as error:
            is_there = Path(path).exists()
            if not is_there and not asked_for:
                return {}
            reason = getattr(error, "strerror", None) or "it is not text"
            if not is_there:
                message = f"cannot read the netrc file that $NETRC names: {reason}"
                raise UsageError(Problem(message=message, file=path)) from None
            message = f"cannot read the netrc file, which {asker} needs: {reason}"
            hint = "make it readable, or name another one with $NETRC"
            raise IndexFailureError(Problem(message=message, file=path, hint=hint)) from None
