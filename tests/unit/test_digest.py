"""sha256 is sha256, whichever module computes it."""

from __future__ import annotations

import hashlib

import pytest

from envbuild.digest import sha256_hex


@pytest.mark.parametrize("size", [0, 1, 64, 1000, (1 << 19) - 1, 1 << 19])
def test_it_is_what_openssl_says(size: int) -> None:
    """Small and large contents have the digests that every other tool gives them."""
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert sha256_hex(content) == hashlib.sha256(content).hexdigest()
