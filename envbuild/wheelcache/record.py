"""A wheel's RECORD (PEP 376, 427) → its rows."""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
from io import StringIO

RecordRow = tuple[str, str, int]
"""Path, sha256 in hex, size."""

_LONGEST_SIZE = 18
"""The most digits of a size; Python refuses to read thousands."""


def parse_record(text: str) -> list[RecordRow]:
    """Path, sha256 in hex (or empty) and size (or 0) of every row.

    [] for an invalid RECORD. Paths are relative to site-packages, as written.
    """
    if '"' not in text and "\r" not in text:
        rows = [line.rsplit(",", 2) for line in text.split("\n") if line]
        if all(len(row) == 3 for row in rows):
            return [(row[0], _sha256(row[1]), _size(row[2])) for row in rows if row[0]]
    try:
        found = [row for row in csv.reader(StringIO(text, newline="")) if row and row[0]]
    except csv.Error:
        return []
    return [
        (row[0], _sha256(row[1]) if len(row) > 1 else "", _size(row[2]) if len(row) > 2 else 0)
        for row in found
    ]


def record_digest(content: bytes) -> str:
    """The digest of a file as a RECORD has it: `sha256=` and unpadded urlsafe base64."""
    digest = hashlib.sha256(content).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def _sha256(digest: str) -> str:
    """`sha256=` and unpadded urlsafe base64 → hex; empty for anything else."""
    if not digest.startswith("sha256="):
        return ""
    try:
        standard = digest[7:].replace("-", "+").replace("_", "/").rstrip("=")
        return binascii.a2b_base64(standard + "=").hex()
    except (ValueError, binascii.Error):
        return ""


def _size(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) <= _LONGEST_SIZE else 0
