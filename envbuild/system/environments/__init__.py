"""Environments: built, read, verified and mended."""
