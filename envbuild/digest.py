"""sha256 without loading OpenSSL, which takes longer than hashing small content.

CPython's own module is used, as `random` does; it has a fifth of OpenSSL's speed.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from hashlib import sha256 as _lean_sha256
    from io import RawIOBase
    from json.encoder import encode_basestring_ascii as _quoted
else:
    try:
        from _json import encode_basestring_ascii as _quoted
    except ImportError:
        from json.encoder import encode_basestring_ascii as _quoted
    try:
        from _sha2 import sha256 as _lean_sha256  # since 3.12
    except ImportError:
        try:
            from _sha256 import sha256 as _lean_sha256
        except ImportError:
            from hashlib import sha256 as _lean_sha256

_WORTH_OPENSSL = 1 << 19
"""In bytes; for larger content it is quicker to load OpenSSL."""


def sha256_hex(content: bytes) -> str:
    """64 hex digits of the content."""
    if len(content) < _WORTH_OPENSSL:
        return _lean_sha256(content).hexdigest()
    from hashlib import sha256

    return sha256(content).hexdigest()


def stream_sha256(stream: RawIOBase) -> str:
    """64 hex digits of the rest of an unbuffered stream."""
    from hashlib import file_digest

    return file_digest(stream, "sha256").hexdigest()


def json_sha256(table: Mapping[str, object]) -> str:
    """64 hex digits of a JSON object, independent of its layout."""
    return sha256_hex(_compact_json(table).encode("ascii"))


def _compact_json(value: object) -> str:
    """As `json.dumps` with sorted keys and no blanks, without importing regular expressions."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dict):
        items = sorted(value.items())
        return (
            "{" + ",".join([f"{_quoted(key)}:{_compact_json(item)}" for key, item in items]) + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_compact_json, value)) + "]"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    import json

    return json.dumps(value)
