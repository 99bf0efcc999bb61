"""Declarative, lockfile-driven Python environments for the services of one host."""

__version__ = "0.1.0"
