"""Why a repository gave nothing, out of git's, curl's and ssh's own words."""

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
        "the server has another host key than the one that ssh knows: it may be another server",
        "compare its key with what who runs the server says, before you change ~/.ssh/known_hosts",
    ),
    (
        "Host key verification failed",
        "ssh does not know the server's host key",
        "compare its key (`ssh-keyscan HOST`) with what who runs the server says, and add it to ~/.ssh/known_hosts",
    ),
    (
        r"Permission denied \(",
        "the server accepts none of the ssh keys of this user",
        "put a key that it accepts into ~/.ssh; one with a passphrase must be in the ssh-agent",
    ),
    (
        r"certificate verification failed|SSL certificate problem|does not match target host",
        "its server's certificate is of nobody whom this host trusts, or of another server",
        "check whom $SSL_CERT_FILE and $SSL_CERT_DIR trust, or git's own http.sslCAInfo",
    ),
    (
        r"Protocol \S+ (?:not supported|disabled)|redirect target URL could not be parsed|transport \S+ not allowed",
        "its server leads to an address that is neither https: nor ssh:",
        "name the address where the repository is now, or ask who runs the server",
    ),
    (
        "Authentication failed|terminal prompts disabled|returned error: 403",
        "its server asks who you are, or does not let you in as who you say you are",
        _LOGIN,
    ),
    (
        r"repository '[^']*' not found|does not appear to be a git repository",
        "there is no repository, or none that you may see",
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
    "check the address and the network; git itself asks ssh keys, credential helpers "
    "and the netrc file, and never you"
)


def unreachable(tree: GitTree, done: Completed, timeout: float) -> IndexFailureError:
    """The error of a fetch that failed."""
    words = words_of(done, tree)
    why, hint = "", _ANY
    if done.timed_out:
        why = f"it did not come within {timeout:g} seconds"
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
        hint = "somebody rewrote its history; `envbuild lock --upgrade-package NAME` takes what is there now"
    return IndexFailureError(Problem(message=message, hint=hint))


def offline(tree: GitTree) -> IndexFailureError:
    """The error for a commit that has to be fetched, and must not."""
    message = f"the git repository {tree.shown} is not here as it was locked, and nothing is downloaded offline"
    return IndexFailureError(Problem(message=message, hint="sync once without --offline"))


def words_of(done: Completed, tree: GitTree) -> str:
    """git's words without passwords."""
    return masked(done.stderr.replace(tree.url, tree.shown)).strip()[-_MOST_WORDS:]
