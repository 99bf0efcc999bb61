"""Declarative, lockfile-driven Python environments for the services of one host."""

try:
    from envbuild._version import __version__ as __version__
except ImportError:  # a checkout that nobody has built
    __version__ = "0.2.0.dev0"
