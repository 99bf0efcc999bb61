"""What a verb that answers at once imports."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = frozenset(
    {
        *("dataclasses", "typing", "argparse", "pathlib", "subprocess", "tomllib", "rich", "uv"),
        *("packaging", "re", "enum", "json", "_hashlib"),
    }
)
"""Each takes longer to import than most of these verbs take."""


def imported_by(*argv: str, store: Path | None = None) -> tuple[str, set[str]]:
    """What the verb prints, and the modules that it loads beyond those of this Python itself."""
    place = () if store is None else ("--store", str(store))
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; from envbuild.cli import main;"
        f"main([*{argv!r}, *{place!r}], {{}}); print(*sys.modules)"
    )
    *said, loaded = _run(code)
    return "\n".join(said), set(loaded.split()) - set(
        _run("import sys; print(*sys.modules)")[0].split()
    )


def _run(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()
