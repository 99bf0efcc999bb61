"""Attacks, one file for each edge: each test says who attacks and what he controls."""
