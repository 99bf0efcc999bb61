"""git's settings for a server: trusted certificates, the ssh command, and a password for that server only."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from envbuild.errors import IndexFailureError, Problem
from envbuild.value import field, value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OWN_SETTINGS = r"^(core\.sshcommand|http\..*sslca(info|path))$"
"""The names of the user's settings of git, in lower case, that count in place of what is here."""

_SILENCE = 120
"""Seconds without a byte after which git gives up."""

_SSH = f"ssh -oBatchMode=yes -oConnectTimeout=30 -oServerAliveInterval={_SILENCE // 4}"
"""ssh that never asks, and that notices that the server is gone."""

_NO_QUESTION = "false"
"""What ssh starts in place of a question, whoever's command line it has."""

_USER, _PASSWORD = "ENVBUILD_GIT_USER", "ENVBUILD_GIT_PASSWORD"
_HELPER = f'!f() {{ test "$1" = get && printf "username=%s\\npassword=%s\\n" "${_USER}" "${_PASSWORD}"; }}; f'
"""A credential helper that has no secret in its words, as every user of the host sees them."""

_CERTIFICATE = re.compile(
    r"-----BEGIN (?:TRUSTED )?CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END (?:TRUSTED )?CERTIFICATE-----"
)
_MOST_BYTES = 16 << 20
"""Of one file with certificates."""


@value
class GitLogin:
    """Who asks a server; never shown, not in `repr` either."""

    user: str = field(repr=False)
    password: str | None = field(repr=False)
    """None where only the user is known: helpers are asked for it."""

    alone: bool = False
    """Whether the user's own credential helpers are not asked."""


class GitAccess(NamedTuple):
    """What a fetch is started with."""

    settings: tuple[str, ...] = ()
    """`NAME=VALUE` for git's `-c`; none is a secret."""

    variables: Mapping[str, str] = {}


def access_to(
    url: str,
    login: GitLogin | None,
    environment: Mapping[str, str],
    own: frozenset[str],
    folder: Path,
) -> GitAccess:
    """How to reach a repository; `own` are the user's settings that `OWN_SETTINGS` names.

    Certificates are those that `$SSL_CERT_FILE` and `$SSL_CERT_DIR` name, in a file in `folder`,
    unless the user has told git another authority. IndexFailureError if there are none.
    """
    if url.startswith("https://"):
        settings = (f"http.lowSpeedTime={_SILENCE}", "http.lowSpeedLimit=1")
        return GitAccess(
            settings=(*settings, *(_login_settings(url, login) if login else ())),
            variables={
                **_trusted(environment, own, folder),
                **({_USER: login.user, _PASSWORD: login.password or ""} if login else {}),
            },
        )
    if url.startswith("file://"):
        return GitAccess()
    asking = {"SSH_ASKPASS": _NO_QUESTION, "SSH_ASKPASS_REQUIRE": "force"}
    if "core.sshcommand" in own or environment.keys() & {"GIT_SSH_COMMAND", "GIT_SSH"}:
        return GitAccess(variables=asking)
    return GitAccess(variables={**asking, "GIT_SSH_COMMAND": _SSH})


def _login_settings(url: str, login: GitLogin) -> Iterator[str]:
    """The helper, for this scheme, host and port alone: a redirect to another host gets no password."""
    parts = urlsplit(url)
    place = f"credential.{parts.scheme}://{parts.netloc}"
    if login.password is None:
        yield f"{place}.username={login.user}"
        return
    if login.alone:
        yield "credential.helper="
        yield f"{place}.helper="
    yield f"{place}.helper={_HELPER}"


def _trusted(environment: Mapping[str, str], own: frozenset[str], folder: Path) -> dict[str, str]:
    """Variables for the authorities that envbuild trusts, and the certificate that it shows."""
    found = {}
    if shown := environment.get("SSL_CLIENT_CERT"):
        found = {"GIT_SSL_CERT": shown, "GIT_SSL_KEY": shown}
    file, folders = environment.get("SSL_CERT_FILE"), environment.get("SSL_CERT_DIR")
    told = environment.keys() & {"GIT_SSL_CAINFO", "GIT_SSL_CAPATH"} or own - {"core.sshcommand"}
    if told or not (file or folders):
        return found
    texts = "".join(_certificates(file, folders))
    if not texts:
        said = " and ".join(
            f"${name}" for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if environment.get(name)
        )
        hint = "name a file or a folder with certificates of authorities"
        raise IndexFailureError(Problem(message=f"no certificate can be read in {said}", hint=hint))
    bundle = folder / "authorities.pem"
    bundle.write_text(texts, encoding="ascii")
    return {**found, "GIT_SSL_CAINFO": str(bundle), "GIT_SSL_CAPATH": str(folder)}


def _certificates(file: str | None, folders: str | None) -> Iterator[str]:
    """Every certificate in a file and in the files of folders, whatever their names are."""
    paths = [Path(file)] if file else []
    for folder in filter(os.path.isdir, (folders or "").split(os.pathsep)):
        paths += sorted(Path(entry.path) for entry in os.scandir(folder) if entry.is_file())
    for path in paths:
        with suppress(OSError), path.open(encoding="ascii", errors="replace") as stream:
            yield from (f"{one[0]}\n" for one in _CERTIFICATE.finditer(stream.read(_MOST_BYTES)))
