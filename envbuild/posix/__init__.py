"""Primitives of the operating system: processes, files, locks, trees; nothing here knows of envbuild."""
