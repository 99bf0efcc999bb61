"""Lockfiles: what they hold, as text and on the disk, and what one says beside another."""
