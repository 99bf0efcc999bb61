"""Changes declarations and lockfiles at random and runs every reading verb on them, until the time is over.

`python -m tests.security.fuzz --minutes N`; what breaks the promise is kept in `tests/security/corpus`.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support.attacked import DOCUMENTED, READING
from tests.support.command_line import ROOT
from tests.support.hostile import BROKEN
from tests.support.mutation import mutate, sign

if TYPE_CHECKING:
    from collections.abc import Iterator

CORPUS = Path(__file__).parent / "corpus"
SLOW = 5.0
"""Seconds for one verb, on a machine with other work."""

MEMORY = 300 << 10
"""In KiB, of a process that has seen a whole batch."""

BATCH = 40
WATCHED = ("declaration/toml", "lockfile/", "requirement/")


def seeds() -> list[tuple[str, str]]:
    """Pairs of a declaration and the lockfile of its driver `a`, as they ought to be."""
    from tests.support.attacked import DECLARED, Repository
    from tests.support.values import make_package

    found = []
    own = (ROOT / "drivers.toml").read_text().replace("[drivers.asr]", "[drivers.a]")
    for declared in (DECLARED + '[drivers.a]\nrequires = ["a>=1", "b[x]"]\n', own):
        with tempfile.TemporaryDirectory() as folder:
            repository = Repository(folder=Path(folder))
            repository.declare(declared)
            extra = ('c<2; extra == "x"', 'd; python_version < "3.13" and os_name == "posix"')
            repository.lock(
                make_package("a", requires=("b[x]>=1", "c")),
                make_package("b", requires=extra),
                *(make_package(name) for name in "cd"),
            )
            lockfile = (repository.folder / "locks/a.toml").read_text()
            found.append((declared, lockfile))
    assert BROKEN
    return found


def run_all(folder: Path, declaration: str, lockfile: str) -> Iterator[tuple[str, int, float]]:
    """Each verb's exit code and seconds."""
    from envbuild.cli import main

    (folder / "locks").mkdir(exist_ok=True)
    (folder / "drivers.toml").write_bytes(declaration.encode(errors="replace"))
    (folder / "locks/a.toml").write_bytes(lockfile.encode(errors="replace"))
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "NO_COLOR": "1"}
    for verb in READING:
        begun = time.monotonic()
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(("--file", str(folder / "drivers.toml"), *verb), environment)
        yield " ".join(verb), code, time.monotonic() - begun


def keep(declaration: str, lockfile: str, why: str) -> None:
    """Put an input into the corpus, named by what it did and by its digest."""
    content = json.dumps({"declaration": declaration, "lockfile": lockfile, "found": why}, indent=1)
    name = hashlib.sha256(content.encode()).hexdigest()[:12]
    CORPUS.mkdir(exist_ok=True)
    (CORPUS / f"{name}.json").write_text(content + "\n")


def batch(seed: int, known: list[tuple[str, str]]) -> int:
    """Try some inputs in this process; how many broke the promise."""
    from envbuild.errors import EnvbuildError

    rng = random.Random(seed)
    broken = 0
    with tempfile.TemporaryDirectory(prefix="eb-fuzz-") as name:
        for _ in range(BATCH):
            declaration, lockfile = rng.choice(known)
            if rng.random() < 0.6:
                lockfile = (
                    sign(mutate(rng, lockfile)) if rng.random() < 0.9 else mutate(rng, lockfile)
                )
            if rng.random() < 0.6:
                declaration = mutate(rng, declaration)
            signal.alarm(60)
            try:
                for verb, code, seconds in run_all(Path(name), declaration, lockfile):
                    if code not in DOCUMENTED or seconds > SLOW:
                        keep(declaration, lockfile, f"{verb}: exit {code} after {seconds:.1f} s")
                        broken += 1
            except (EnvbuildError, SystemExit) as error:
                keep(declaration, lockfile, repr(error))
                broken += 1
            signal.alarm(0)
            if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > MEMORY:
                keep(declaration, lockfile, "memory")
                return broken + 1
    return broken


class Coverage:
    """The lines of the parsers that were run, by `sys.monitoring`."""

    def __init__(self) -> None:
        self.lines: set[tuple[str, int]] = set()

    def start(self) -> None:
        """Watch; each line is reported once."""
        if sys.version_info < (3, 12):
            return
        monitoring: Any = sys.monitoring
        monitoring.use_tool_id(1, "envbuild-fuzz")
        monitoring.register_callback(1, monitoring.events.LINE, self._line)
        monitoring.set_events(1, monitoring.events.LINE)

    def _line(self, code: Any, line: int) -> object:
        file = str(code.co_filename)
        if "/envbuild/" in file and any(part in file for part in WATCHED):
            self.lines.add((file.rpartition("/envbuild/")[2], line))
        monitoring: Any = getattr(sys, "monitoring", None)  # none before Python 3.12
        return monitoring.DISABLE if monitoring else None


def possible_lines(file: str) -> int:
    """How many lines of a module have code that can run once the module is imported."""
    code = compile((ROOT / "envbuild" / file).read_text(), file, "exec")
    waiting, lines = [code], set()
    while waiting:
        one = waiting.pop()
        waiting += [const for const in one.co_consts if hasattr(const, "co_lines")]
        lines |= {line for _, _, line in one.co_lines() if line is not None}
    return len(lines)


def main() -> None:
    """Try batches in processes of their own until the time is over, and say what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    options = parser.parse_args()
    known = seeds()
    deadline = time.monotonic() + 60 * options.minutes
    number, broken, died = 0, 0, 0
    lines: set[tuple[str, int]] = set()
    while time.monotonic() < deadline:
        result = _apart(options.seed + number, known)
        number += 1
        if result is None:
            died += 1
            continue
        broken += result[0]
        lines |= result[1]
    print(f"{number * BATCH} inputs, {broken} broke the promise, {died} processes died")
    for file in sorted({file for file, _ in lines}):
        hit = sum(name == file for name, _ in lines)
        print(f"  {file}: {hit} of {possible_lines(file)} lines")
    sys.exit(1 if broken or died else 0)


def _apart(seed: int, known: list[tuple[str, str]]) -> tuple[int, set[tuple[str, int]]] | None:
    """A batch in a child, its findings and its lines; None where the child died."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reader)
        coverage = Coverage()
        coverage.start()
        broken = batch(seed, known)
        with os.fdopen(writer, "w") as stream:
            json.dump([broken, sorted(coverage.lines)], stream)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        text = stream.read()
    os.waitpid(pid, 0)
    if not text:
        print(f"the batch of seed {seed} died", file=sys.stderr)
        return None
    broken, lines = json.loads(text)
    return broken, {(file, line) for file, line in lines}


if __name__ == "__main__":
    main()
