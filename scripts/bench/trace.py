"""What a sync with nothing to do imports, and what it asks of the kernel."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from scripts.bench.fleets import small_project
from tests.support.index_server import IndexServer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from scripts.bench.place import Place

_SHOWN = 12


def trace_idle(place: Place) -> dict[str, str]:
    """Texts by title: system calls by kind, and the slowest imports."""
    with IndexServer() as index:
        project = small_project(place, index, 8, 130, name="traced")
        project.envbuild("sync")
        project.envbuild("sync")
    env = project.environment()
    texts = {}
    nothing = count_calls((place.python, "-c", "pass"), env, place)
    if nothing:
        idle = count_calls((place.envbuild, "sync"), env, place, project.folder)
        lines = [f"{'system call':<20} {'sync':>6} {'python -c pass':>15}"]
        names = sorted(idle, key=lambda name: -idle[name])
        lines += [f"{name:<20} {idle[name]:>6} {nothing.get(name, 0):>15}" for name in names]
        total = f"{'in all':<20} {sum(idle.values()):>6} {sum(nothing.values()):>15}"
        texts["System calls of a `sync` with nothing to do, 8 drivers"] = "\n".join((*lines, total))
    done = subprocess.run(
        [place.python, "-X", "importtime", place.envbuild, "sync"],
        env=env,
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = re.findall(r"import time:\s+(\d+) \|\s+(\d+) \|( *)(\S+)", done.stderr)
    own = sorted(rows, key=lambda row: -int(row[0]))[:_SHOWN]
    lines = [f"{'module':<36} {'µs of its own':>14}"]
    lines += [f"{name:<36} {alone:>14}" for alone, _, _, name in own]
    total = f"{len(rows)} modules, the interpreter's own start included"
    texts["Imports of the same (`python -X importtime`)"] = "\n".join((*lines, total))
    return texts


def count_calls(
    argv: Sequence[str], env: Mapping[str, str], place: Place, cwd: Path | None = None
) -> dict[str, int]:
    """System calls by kind, children included, as `strace -c` counts them; none where there is no strace."""
    if not shutil.which("strace"):
        return {}
    out = place.root / "strace.txt"
    command = ["strace", "-f", "-c", "-o", str(out), *argv]
    subprocess.run(command, env=dict(env), cwd=cwd or place.root, capture_output=True, check=True)
    counts = {}
    for line in out.read_text().splitlines()[2:]:
        fields = line.split()
        if len(fields) >= 5 and fields[0][0].isdigit() and fields[-1] != "total":
            counts[fields[-1]] = int(fields[3])
    return counts
