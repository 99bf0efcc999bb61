"""What networks do, a file for each kind, as cases for `test_both_sides.py`."""
