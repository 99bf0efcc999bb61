"""The text of `drivers.toml` → Declaration, or every problem that the text has."""

from __future__ import annotations

from envbuild.drivers_toml.document import parse_declaration

__all__ = ["parse_declaration"]
