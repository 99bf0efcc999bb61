"""Golden files: what users read, kept as files and compared byte for byte.

`ENVBUILD_REGENERATE=1` writes them anew; look at the difference before it is committed.
"""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

REGENERATE = os.environ.get("ENVBUILD_REGENERATE") == "1"
"""Read when tests are collected, before they get an environment of their own."""


def assert_golden(path: Path, actual: str) -> None:
    """Compare a text with a golden file; where they differ, the test fails with the difference."""
    if REGENERATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(actual, encoding="utf-8")
        return
    expected = path.read_text(encoding="utf-8") if path.exists() else ""
    if actual == expected:
        return
    difference = "\n".join(
        difflib.unified_diff(
            expected.splitlines(), actual.splitlines(), "golden", "now", lineterm=""
        )
    )
    pytest.fail(f"{path.name} is not what it was (ENVBUILD_REGENERATE=1 renews it):\n{difference}")
