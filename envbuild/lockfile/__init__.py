"""Lockfiles: their values, their text, their folder, and the differences between two of them."""
