"""What launchers read: one file a format, values in, text out; nothing here touches the disk."""

from __future__ import annotations

FORMATS = (
    "env",
    "systemd",
    "gpumod",
    "xinference",
    "local-studio",
    "llmhop",
    "quadlet",
    "flox",
    "kubernetes",
    "requirements",
    "pylock",
    "cyclonedx",
)

STABLE_FORMATS = ("systemd", "gpumod")
"""Those that name paths which follow every switch unless they are told otherwise.

The others name the environments of one generation: what reads them is renewed by exporting again.
"""
