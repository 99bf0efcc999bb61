"""zstd: that of Python 3.14, or its backport; imported when the first byte is compressed."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

_LEVEL = 10
"""A twentieth of the time of the highest level, for a few percent more bytes."""

_QUICK_LEVEL = 3
"""For gigabytes of libraries; the library's own choice."""


def compress(content: bytes) -> bytes:
    """One frame with a checksum; the same bytes for the same content and library."""
    zstd = _library()
    return bytes(zstd.compress(content, options=_options(zstd, _LEVEL)))


def decompress(content: bytes, *, most: int) -> bytes:
    """The content of one frame; ValueError if it is damaged, or has more than `most` bytes."""
    zstd = _library()
    reader = zstd.ZstdDecompressor()
    try:
        found: bytes = reader.decompress(content, max_length=most + 1)
    except zstd.ZstdError as error:
        raise ValueError("its compression is damaged") from error
    if len(found) > most:
        raise ValueError(f"it has more than {most >> 20} MiB")
    if not reader.eof or reader.unused_data:
        raise ValueError("it is cut off, or something follows it")
    return found


def open_for_writing(stream: Any) -> Any:
    """A stream that compresses what is written to it into one frame with a checksum, onto another."""
    zstd = _library()
    return zstd.ZstdFile(stream, mode="wb", options=_options(zstd, _QUICK_LEVEL))


def open_for_reading(stream: Any) -> tuple[Any, type[Exception]]:
    """A stream with the content of frames, and the errors for damaged ones, in addition to EOFError."""
    zstd = _library()
    return zstd.ZstdFile(stream, mode="rb"), zstd.ZstdError


def _options(zstd: Any, level: int) -> dict[Any, int]:
    parameter = zstd.CompressionParameter
    return {parameter.compression_level: level, parameter.checksum_flag: 1}


def _library() -> Any:
    return import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
