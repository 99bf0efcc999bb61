"""Releases by servers and tools that others wrote."""
