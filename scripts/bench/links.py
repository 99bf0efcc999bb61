"""Link every file of a folder into a new one, and write down how long the system calls took.

    python -S links.py SOURCE TARGET

TARGET.seconds holds the seconds, and the processor's, of mkdir(2), link(2) and symlink(2) alone:
what is to be linked is listed before.
"""

# ruff: noqa: PTH102, PTH114, PTH115, PTH118, PTH123, PTH211
import os
import sys
import time


def main(source: str, target: str) -> None:
    """Link one folder into another."""
    folders, files, links = [], [], []
    for folder, below, names in os.walk(source):
        place = target + folder[len(source) :]
        folders.append(place)
        entries = [(os.path.join(folder, name), os.path.join(place, name)) for name in names]
        entries += [
            (os.path.join(folder, name), os.path.join(place, name))
            for name in below
            if os.path.islink(os.path.join(folder, name))
        ]
        for path, new in entries:
            if os.path.islink(path):
                links.append((os.readlink(path), new))
            else:
                files.append((path, new))
    begin, cpu = time.perf_counter(), time.process_time()
    for folder in folders:
        os.mkdir(folder)
    link = os.link
    for path, new in files:
        link(path, new)
    for text, new in links:
        os.symlink(text, new)
    spent = time.perf_counter() - begin, time.process_time() - cpu
    with open(f"{target}.seconds", "w") as stream:
        stream.write("{} {}".format(*spent))


main(*sys.argv[1:])
