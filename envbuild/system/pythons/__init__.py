"""The host's Pythons: found, asked what they are, installed where none fits."""
