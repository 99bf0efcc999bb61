"""Git repositories of tests."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SETTINGS = ("user.name=test", "user.email=test@example.invalid", "init.defaultBranch=main")


def git(folder: Path, *words: str) -> str:
    """Run git in a folder as somebody, whatever the host has configured; its stdout without blanks around."""
    settings = (part for setting in _SETTINGS for part in ("-c", setting))
    done = subprocess.run(
        ("git", *settings, *words), cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(folder: Path, message: str) -> str:
    """Commit all that lies in a repository; returns the commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)
    return git(folder, "rev-parse", "HEAD")
