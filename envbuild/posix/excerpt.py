"""The start and the end of a text that may be endless."""

from __future__ import annotations


class Excerpt:
    """Keeps at most so many bytes: the first half and the last half; one thread adds, another may read."""

    def __init__(self, most: int) -> None:
        self._half = most // 2
        self._start = bytearray()
        self._end = bytearray()
        self._left_out = 0

    def add(self, part: bytes) -> None:
        """The next bytes of the text."""
        free = self._half - len(self._start)
        self._start += part[:free] if free > 0 else b""
        self._end += part[free:] if free > 0 else part
        if len(self._end) > 2 * self._half:  # seldom, so that each byte moves only once or twice
            self._shorten()

    def text(self) -> str:
        """What is kept; a line in its middle says how much is not."""
        self._shorten()
        middle = f"\n[... {self._left_out} bytes ...]\n".encode() if self._left_out else b""
        return bytes(self._start + middle + self._end).decode(errors="replace")

    def _shorten(self) -> None:
        over = len(self._end) - self._half
        if over > 0:
            self._left_out += over
            del self._end[:over]
