"""The bad answers of an index, and the message for each."""

from __future__ import annotations

import enum
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from envbuild.declaration.index import DEFAULT_INDEX
from envbuild.declaration.source import is_source
from envbuild.errors import IndexFailureError, Problem
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from envbuild.errors import EnvbuildError
    from envbuild.index.locations import IndexLocation


class Fault(enum.Enum):
    """The kinds of bad answers; the set is closed."""

    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed out"
    UNAUTHORISED = "unauthorised"
    PROXY_LOGIN = "proxy login"
    """A proxy that wants another user or password than it was given."""

    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"
    SERVER_ERROR = "server error"
    BUSY = "busy"
    """A status that asks the client to come again later, such as 429."""

    REFUSED = "refused"
    """Any other status, such as 400."""

    REDIRECTS = "too many redirects"
    LED_AWAY = "led away"
    """A redirect to another host, for a package that must come from its own index."""

    UNSAFE = "unsafe"
    """A redirect or link from https to http or to another port, for content without a known digest."""

    GARBAGE = "garbage"
    """An answer that is no package page and no wheel."""

    TRUNCATED = "truncated"
    MISNAMED = "misnamed"
    """A file whose METADATA belongs to another package or version."""

    TWO_CONTENTS = "two contents"
    """A page that lists one file name with two digests."""

    CHANGED = "changed"
    """Other content than the page, or the lockfile, says."""

    @property
    def concerns_whole_index(self) -> bool:
        """Whether a second request to the same index would have the same result."""
        return self in _OF_THE_WHOLE


_OF_THE_WHOLE = (Fault.UNREACHABLE, Fault.TIMED_OUT, Fault.UNAUTHORISED, Fault.PROXY_LOGIN)
_STATUSES = {
    401: Fault.UNAUTHORISED,
    403: Fault.FORBIDDEN,
    404: Fault.NOT_FOUND,
    407: Fault.PROXY_LOGIN,
    408: Fault.BUSY,
    410: Fault.NOT_FOUND,
    425: Fault.BUSY,
    429: Fault.BUSY,
}


@value
class IndexAnswer:
    """One bad answer: the index, the request, the fault."""

    fault: Fault
    location: IndexLocation
    package: str
    """The requested package's normalised name."""

    file: str | None = None
    """The requested file's name; None for the package's page."""

    host: str | None = None
    """The `host:port` that answered, if it is not the index's own."""

    status: int | None = None
    """The HTTP status, if there was one."""

    reason: str | None = None
    """More details, as the end of a sentence; never a URL."""

    tried: tuple[IndexAnswer, ...] = ()
    """The answers of the index's mirrors that were asked before and are down."""


class IndexAnswerError(IndexFailureError):
    """An index gave a bad answer."""

    def __init__(self, answer: IndexAnswer) -> None:
        self.answer = answer
        super().__init__(problem_of(answer))

    def with_problems(self, problems: Iterable[Problem]) -> EnvbuildError:
        """An index failure with problems from other answers."""
        return IndexFailureError(problems)


def bad_answer(
    fault: Fault,
    location: IndexLocation,
    package: str,
    file: str | None = None,
    reason: str | None = None,
) -> IndexAnswerError:
    """The error for a bad answer about a package, or about one of its files by name."""
    return IndexAnswerError(
        IndexAnswer(fault=fault, location=location, package=package, file=file, reason=reason)
    )


def check_digest(
    location: IndexLocation, package: str, file: str, said: str | None, found: str
) -> None:
    """IndexAnswerError for a file whose sha256 differs from that on its page, or in the URL of a source."""
    if said not in (None, found):
        where = "URL" if location.files else "page"
        reason = f"its {where} says sha256 {said[:12]}…, its content has {found[:12]}…"
        raise bad_answer(Fault.CHANGED, location, package, file, reason)


@contextmanager
def garbage(location: IndexLocation, package: str, file: str | None = None) -> Generator[None]:
    """Turn a ValueError in the block into an IndexAnswerError: the index returned invalid data."""
    try:
        yield
    except ValueError as error:
        raise bad_answer(Fault.GARBAGE, location, package, file, str(error)) from error


@contextmanager
def own_metadata(location: IndexLocation, package: str, file: str) -> Generator[None]:
    """Say of METADATA that is parsed in the block that it is another file's, or cannot be read."""
    from envbuild.wheelcache.metadata import MisnamedError

    with garbage(location, package, file):
        try:
            yield
        except MisnamedError as error:
            raise bad_answer(Fault.MISNAMED, location, package, file, str(error)) from error


def fault_of_status(status: int) -> Fault | None:
    """The fault of an HTTP status, or None for success."""
    if 200 <= status < 300:
        return None
    if status in _STATUSES:
        return _STATUSES[status]
    return Fault.SERVER_ERROR if status >= 500 else Fault.REFUSED


def problem_of(answer: IndexAnswer) -> Problem:
    """The message and the hint for a bad answer."""
    words = _WORDS[answer.fault]
    message, hint = words(answer)
    return Problem(message=f"{message}{_tried(answer)}", hint=hint)


def _tried(answer: IndexAnswer) -> str:
    """The mirrors that were asked before, each with what was wrong with it."""
    told = [f"{one.host or one.location.place} ({_briefly(one)})" for one in answer.tried]
    return f"; tried before: {', '.join(told)}" if told else ""


def _briefly(answer: IndexAnswer) -> str:
    return _status(answer) if answer.status else answer.reason or answer.fault.value


def _index(answer: IndexAnswer) -> str:
    return f"{answer.location.words} ({answer.host or answer.location.place})"


def _subject(answer: IndexAnswer) -> str:
    return answer.file or f"the page of package '{answer.package}'"


def _status(answer: IndexAnswer) -> str:
    try:
        return f"{answer.status} {HTTPStatus(answer.status or 0).phrase}"
    except ValueError:
        return str(answer.status)


def _with_status(answer: IndexAnswer) -> str:
    return f" ({answer.status})" if answer.status else ""


def _because(answer: IndexAnswer) -> str:
    return f": {answer.reason}" if answer.reason else ""


def _unreachable(answer: IndexAnswer) -> tuple[str, str]:
    message = f"{_index(answer)} cannot be reached{_because(answer)}"
    if answer.location.folder is not None:
        return message, f"make the folder readable, or set ${answer.location.variable}"
    for beginning, hint in _HINTS.items():
        if (answer.reason or "").startswith(beginning):
            return message, hint
    return message, f"check the network, or set ${answer.location.variable} to its address"


PROXY, TLS, CERTIFICATE = "the proxy", "TLS", "no certificate"
"""The start of the reason if a proxy or TLS failed."""

_HINTS = {
    PROXY: "check $HTTP_PROXY, $HTTPS_PROXY, $ALL_PROXY, and $NO_PROXY for hosts that need none",
    CERTIFICATE: "set the variable to a file in PEM form that you can read, or unset it",
    TLS: "check the authorities in $SSL_CERT_FILE and $SSL_CERT_DIR, and the certificate in $SSL_CLIENT_CERT",
}


def _proxy_login(answer: IndexAnswer) -> tuple[str, str]:
    message = f"the proxy for {_index(answer)} requires a user and a password"
    return f"{message} ({answer.status})" if answer.status else message, (
        "put the right user and password, percent-encoded, "
        "into $HTTP_PROXY, $HTTPS_PROXY or $ALL_PROXY"
    )


def _timed_out(answer: IndexAnswer) -> tuple[str, str]:
    message = f"{_index(answer)} did not answer in time{_because(answer)}"
    return message, (
        "try again, or raise $ENVBUILD_HTTP_TIMEOUT (seconds without a byte) or "
        "$ENVBUILD_HTTP_DEADLINE (seconds for a whole answer)"
    )


def _unauthorised(answer: IndexAnswer) -> tuple[str, str]:
    where = f"into the netrc file or into ${answer.location.variable}"
    known = answer.location.credentials
    if known is None or known.password is None or answer.host is not None:
        return (
            f"{_index(answer)} requires a user and a password (401)",
            f"put user and password {where}",
        )
    message = f"{_index(answer)} does not accept the user and password it was given (401)"
    return message, f"put the right ones {where}"


def _forbidden(answer: IndexAnswer) -> tuple[str, str]:
    message = f"{_index(answer)} does not permit reading {_subject(answer)} (403)"
    return message, "ask its operator for permission to read"


def _not_found(answer: IndexAnswer) -> tuple[str, str]:
    index = answer.location.words
    if answer.file is not None and is_source(answer.location.name):
        message = f"{_index(answer)} does not have {answer.file}{_with_status(answer)}"
        return (
            message,
            f"check the URL in drivers.toml, or set ${answer.location.variable} to the right one",
        )
    if answer.file is not None:
        listed = f"lists {answer.file} but does not have it ({answer.status})"
        message = f"{_index(answer)} {listed if answer.status else f'has no file {answer.file}'}"
        return message, "ask its operator to fix it"
    message = f"{index} has no package '{answer.package}'"
    if answer.location.name == DEFAULT_INDEX:
        return (
            message,
            "check the spelling, or bind it to the index that has it with [[index]] packages",
        )
    return message, (
        f"check the spelling and the place, {answer.location.place}; "
        "what is bound to an index comes only from there"
    )


def _server_error(answer: IndexAnswer) -> tuple[str, str]:
    message = f"{_index(answer)} failed to serve {_subject(answer)} ({_status(answer)})"
    return message, "try again later, or ask its operator"


def _refused(answer: IndexAnswer) -> tuple[str, str]:
    message = f"{_index(answer)} refused {_subject(answer)} ({_status(answer)})"
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return message, "wait a while, then try again"
    return message, f"check its address in ${answer.location.variable} or drivers.toml"


def _redirects(answer: IndexAnswer) -> tuple[str, str]:
    message = f"{_index(answer)} redirects endlessly for {_subject(answer)}"
    return message, f"check its address in ${answer.location.variable} or drivers.toml"


def _led_away(answer: IndexAnswer) -> tuple[str, str]:
    message = f"{_index(answer)} does not serve {_subject(answer)} itself{_because(answer)}"
    return message, (
        f"switch off its fallback to other indexes: '{answer.package}' is bound to it "
        f"and comes only from it; if it has moved, set ${answer.location.variable}"
    )


def _busy(answer: IndexAnswer) -> tuple[str, str]:
    message = f"{_index(answer)} is too busy for {_subject(answer)} ({_status(answer)})"
    return message, "try again later, or ask its operator"


def _unsafe(answer: IndexAnswer) -> tuple[str, str]:
    message = f"{_index(answer)} redirects {answer.reason} for {_subject(answer)}"
    return message, (
        "envbuild does not follow such a redirect; "
        f"ask its operator, or set ${answer.location.variable} to the right address"
    )


def _garbage(answer: IndexAnswer) -> tuple[str, str]:
    if answer.file is not None:
        message = (
            f"{_index(answer)} returned a file {answer.file} that cannot be read{_because(answer)}"
        )
        return message, "ask its operator to fix it"
    message = f"{_index(answer)} returned no package page for '{answer.package}'{_because(answer)}"
    return message, "check its address: it is the folder above the packages' pages, often /simple"


def _truncated(answer: IndexAnswer) -> tuple[str, str]:
    message = f"{_index(answer)} stopped in the middle of {_subject(answer)}"
    return message, "try again, or ask its operator"


def _misnamed(answer: IndexAnswer) -> tuple[str, str]:
    name = answer.file or ""
    message = f"{_index(answer)} returned a file {name} whose content does not match its name"
    if is_source(answer.location.name):
        return (
            f"{message}{_because(answer)}",
            f"name another file as the source of {answer.package}",
        )
    version = name.split("-")[1] if name.endswith(".whl") else "VERSION"
    return f"{message}{_because(answer)}", (
        f'leave the version out, constraints = ["{answer.package}!={version}"], '
        "or ask the index's operator to fix the file"
    )


def _two_contents(answer: IndexAnswer) -> tuple[str, str]:
    message = f"{_index(answer)} lists two different files as {_subject(answer)}{_because(answer)}"
    return message, "nothing of it was used; ask its operator which one is the right one"


def _changed(answer: IndexAnswer) -> tuple[str, str]:
    message = f"{_index(answer)} serves a changed {_subject(answer)}{_because(answer)}"
    return message, "nothing of it was used; find out who changed it before you lock it again"


_WORDS = {
    Fault.UNREACHABLE: _unreachable,
    Fault.TIMED_OUT: _timed_out,
    Fault.UNAUTHORISED: _unauthorised,
    Fault.PROXY_LOGIN: _proxy_login,
    Fault.FORBIDDEN: _forbidden,
    Fault.NOT_FOUND: _not_found,
    Fault.SERVER_ERROR: _server_error,
    Fault.REFUSED: _refused,
    Fault.REDIRECTS: _redirects,
    Fault.LED_AWAY: _led_away,
    Fault.BUSY: _busy,
    Fault.UNSAFE: _unsafe,
    Fault.GARBAGE: _garbage,
    Fault.TRUNCATED: _truncated,
    Fault.MISNAMED: _misnamed,
    Fault.TWO_CONTENTS: _two_contents,
    Fault.CHANGED: _changed,
}
