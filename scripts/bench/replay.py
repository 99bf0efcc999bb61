"""Make folders, symbolic links and hard links as a plan says, and nothing else.

    python -S replay.py PLAN TARGET

PLAN is JSON: `folders` below TARGET, `symlinks` and `hardlinks` as pairs of what they lead to and where they lie.
"""

# ruff: noqa: PTH102, PTH123, PTH211
# paths are text here, as the calls alone are to cost something
import json
import os
import sys


def main(plan: str, target: str) -> None:
    """Do what the plan says, folders first."""
    with open(plan) as stream:
        table = json.load(stream)
    for folder in table["folders"]:
        os.mkdir(target + folder)
    for source, place in table["symlinks"]:
        os.symlink(source, target + place)
    link = os.link
    for source, place in table["hardlinks"]:
        link(source, target + place)


main(*sys.argv[1:])
