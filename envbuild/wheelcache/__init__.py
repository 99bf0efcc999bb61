"""Unpacked wheels and their bytecode, which environments link."""
