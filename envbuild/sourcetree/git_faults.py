"""Why a repository could not be fetched, from the messages of git, curl and ssh."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.errors import IndexFailureError, Problem
from envbuild.masking import masked

if TYPE_CHECKING:
    from envbuild.posix.process import Completed
    from envbuild.sourcetree.git_tree import GitTree

_MOST_WORDS = 2000
"""Characters of git's words that are shown."""

_LOGIN = "put user and password into the netrc file, into a credential helper of git, or into ${variable}"
_FAULTS: tuple[tuple[str, str, str], ...] = (
    (
        "REMOTE HOST IDENTIFICATION HAS CHANGED",
        "the host key of the server differs from the one that ssh knows: it may be another server",
        "compare its key with the one from the server's operator before you change ~/.ssh/known_hosts",
    ),
    (
        "Host key verification failed",
        "ssh does not know the server's host key",
        "compare its key (`ssh-keyscan HOST`) with the one from the server's operator, and add it to known_hosts",
    ),
    (
        r"Permission denied \(",
        "the server accepts none of the ssh keys of this user",
        "put a key that it accepts into ~/.ssh; one with a passphrase must be in the ssh-agent",
    ),
    (
        r"certificate verification failed|SSL certificate problem|does not match target host",
        "this host does not trust its server's certificate, or it belongs to another server",
        "check the authorities in $SSL_CERT_FILE and $SSL_CERT_DIR, or in git's own http.sslCAInfo",
    ),
    (
        r"Protocol \S+ (?:not supported|disabled)|redirect target URL could not be parsed|transport \S+ not allowed",
        "its server redirects to an address that is neither https: nor ssh:",
        "name the address where the repository is now, or ask the server's operator",
    ),
    (
        "Authentication failed|terminal prompts disabled|returned error: 403",
        "its server requires a login, or refuses the given one",
        _LOGIN,
    ),
    (
        r"repository '[^']*' not found|does not appear to be a git repository",
        "there is no such repository, or you may not read it",
        f"check the address; {_LOGIN}",
    ),
    (
        "Operation too slow|Connection timed out|Operation timed out|timed out during banner",
        "its server does not answer",
        "check the network, or try again later",
    ),
    (
        "cannot run ssh|ssh: not found",
        "this host has no ssh",
        "install ssh, or name an https: address",
    ),
)
"""What is in git's words (in English), what it means, and what to do."""

_ANY = (
    "check the address and the network; git uses ssh keys, credential helpers "
    "and the netrc file, and never asks you"
)


def unreachable(tree: GitTree, done: Completed, timeout: float) -> IndexFailureError:
    """The error of a fetch that failed."""
    words = words_of(done, tree)
    why, hint = "", _ANY
    if done.timed_out:
        why = f"it was not fetched within {timeout:g} seconds"
    elif done.stopped is not None:
        why = done.stopped
    else:
        known = ((w, h) for sign, w, h in _FAULTS if re.search(sign, words))
        why, hint = next(known, ("", _ANY))
    message = f"the git repository {tree.shown} cannot be fetched"
    if why:
        message += f": {why}"
    hint = hint.replace("{variable}", tree.variable)
    return IndexFailureError(Problem(message=message, detail=words, hint=hint))


def gone(tree: GitTree, what: str, *, kept: bool) -> IndexFailureError:
    """The error for a revision that is not there; `kept` if it is locked."""
    message = f"the git repository {tree.shown} has no {what}"
    hint = "check its spelling, or name another revision"
    if kept:
        message += ", which is locked"
        hint = "somebody rewrote its history; `envbuild lock --upgrade-package NAME` takes the commit that is there now"
    return IndexFailureError(Problem(message=message, hint=hint))


def offline(tree: GitTree) -> IndexFailureError:
    """The error for a commit that has to be fetched, and must not."""
    message = f"the git repository {tree.shown} is not here at the locked commit, and nothing is downloaded offline"
    return IndexFailureError(Problem(message=message, hint="sync once without --offline"))


def words_of(done: Completed, tree: GitTree) -> str:
    """git's words without passwords."""
    return masked(done.stderr.replace(tree.url, tree.shown)).strip()[-_MOST_WORDS:]
