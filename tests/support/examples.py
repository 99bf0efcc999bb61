"""How many examples of a property are tried."""

from __future__ import annotations

import os


def examples(few: int) -> int:
    """A few, or as many as `$ENVBUILD_EXAMPLES` asks for, as `nox -s properties` does."""
    return int(os.environ.get("ENVBUILD_EXAMPLES", few))
