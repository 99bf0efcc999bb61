"""Promises that hold for whatever hypothesis thinks of."""
