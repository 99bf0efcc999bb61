"""When a failed request is sent again, and after how long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from envbuild.index.answer import Fault
from envbuild.index.web_faults import WebError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FIRST_PAUSE = 0.2
"""Seconds before the first repetition; three times as long before each further one."""

LONGEST_PAUSE = 60.0
"""The longest `Retry-After` that is obeyed, in seconds."""

_WORTH_ANOTHER_TRY = (
    *(Fault.UNREACHABLE, Fault.TIMED_OUT, Fault.TRUNCATED),
    *(Fault.SERVER_ERROR, Fault.BUSY),
)
_LONGEST_NUMBER = 18
"""The most digits of a number of seconds; Python refuses to parse thousands."""

T = TypeVar("T")


class Pauses:
    """How long to wait before each further try of one request."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE

    def wait(self, error: WebError) -> None:
        """Wait as long as the server asks for, else longer each time; raise the error if no try could help."""
        pause = self._next if error.retry_after is None else error.retry_after
        if error.fault not in _WORTH_ANOTHER_TRY or error.is_final or pause > LONGEST_PAUSE:
            raise error
        time.sleep(pause)
        self._next *= 3


def with_retries(attempt: Callable[[], T], retries: int) -> T:
    """Retry if a connection or a server failed, but not after a clear answer."""
    pauses = Pauses()
    for _ in range(retries):
        try:
            return attempt()
        except WebError as error:
            pauses.wait(error)
    return attempt()


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a server asks to wait, as a number or a date (RFC 9110); None if it does not."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:_LONGEST_NUMBER])
    from email.utils import parsedate_to_datetime  # dates are rare, and it takes milliseconds

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
