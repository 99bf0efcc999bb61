"""Changes what a stranger may write at random and runs every reading verb on it, until the time is over.

He may write `drivers.toml`, a lockfile, a unit file, and the manifest of a store of his own.
`python -m tests.security.fuzz --minutes N`; what breaks the promise is kept in `tests/security/corpus`.
An input that reaches new lines of the parsers is changed further.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import io
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from envbuild.target.target import parse_target
from tests.support.attacked import DOCUMENTED, READING, Repository
from tests.support.command_line import ROOT
from tests.support.mutation import mutate, sign
from tests.support.small_store import make_store
from tests.support.values import make_package

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

CORPUS = Path(__file__).parent / "corpus"
SLOW = 5.0
"""Seconds for one verb; what takes longer has to do so twice, as the machine may have other work."""

HANGS = 60
"""Seconds for all verbs on one input."""

MEMORY = 300 << 10
"""In KiB, of a process that has seen a whole batch."""

BATCH = 40
MOST_KNOWN = 1000
"""Inputs that are kept to be changed further."""

WATCHED = (
    *("declaration/", "lockfile/", "requirement/", "conflicts/", "target/"),
    *(
        "launchers/formats/requirements.py",
        "launchers/formats/systemd.py",
        "launchers/unit_file.py",
    ),
    *("store/manifest.py", "commands/doctor.py", "report/check.py", "report/diff.py"),
)
"""The rooms and modules that read what a stranger wrote, as their paths begin below `envbuild/`."""

UNIT = "a@1.service"
UNIT_TEXT = """[Unit]
Description=a
[Service]
Environment=A=1 "B=2 3"
ExecStart=@/usr/bin/env a --port %i \\
  "two words" $A
ExecStart=
ExecStart=-/srv/store/current/bin/a --model "x y" --port %i
[Install]
WantedBy=multi-user.target
"""

VERBS = (
    *READING,
    ("diff", "base"),
    ("diff", "--installed"),
    ("diff", "input"),
    ("check", "--against", "base", "--format", "sarif"),
    ("check", "--against", "input", "--format", "github"),
    ("check", "--format", "json", "--host", "cuda=12.4"),
    ("conflicts", "--groups", "--svg", "picture.svg"),
    ("doctor", "--unit", UNIT),
    ("list",),
    ("export", "requirements"),
    ("export", "cyclonedx"),
    ("export", "env"),
    ("export", "systemd", "a", "--unit", UNIT),
)
"""What is run; `base` is the seed's commit, `input` a commit of the changed files."""


PLAIN = """[drivers.a]
requires = ["a>=1", "b[x]"]
[drivers.b]
requires = ["b[x]", "c<2"]
"""
RICH = """[[index]]
name = "own"
url = "https://packages.example.com/simple/"
packages = ["a", "acme-*"]
[sets.s]
requires = ["b[x]", { include = "t" }]
[sets.t]
requires = ["c<2"]
[drivers.a]
requires = ["a>=1", { include = "s" }]
binary = "a"
commands = ["a", "b"]
python = ["3.12", "3.11.9"]
platforms = ["x86_64-manylinux_2_28", "arm64-macosx_14_0"]
constraints = ["d<3; python_version < '3.13'"]
overrides = ["e==1"]
exclude-newer = "2026-11-01"
exclude-newer-packages = { a = false }
allow-sdist = ["c"]
accelerator = { cuda = ">=12.4" }
env = { A = "1" }
probe = [["a", "--version"]]
probe-timeout = 60
imports = ["a"]
[drivers.b]
extends = "a"
requires = ["c<1"]
enabled = true
bytecode = false
[hosts.h]
hostname = "edge-*"
[hosts.h.drivers.a]
env = { A = "2" }
[[agree]]
packages = ["c"]
[[coexist]]
drivers = ["a", "b"]
"""


class Input(NamedTuple):
    """What the stranger wrote."""

    declaration: str
    lockfile: str
    """Of the driver `a`."""

    other: str
    """The lockfile of the driver `b`."""

    unit: str
    manifest: str

    def changed(self, rng: random.Random) -> Input:
        """With a few changes in some of its texts; most changed lockfiles get their right digest."""
        likely = {"declaration": 0.6, "lockfile": 0.6, "other": 0.2, "unit": 0.2, "manifest": 0.2}
        changes = {
            name: mutate(rng, getattr(self, name))
            for name, chance in likely.items()
            if rng.random() < chance
        }
        for name in {"lockfile", "other"} & changes.keys():
            if rng.random() < 0.9:
                changes[name] = sign(changes[name])
        return self._replace(**changes)


def seeds() -> list[Input]:
    """Declarations with the lockfiles of their drivers, a unit and a manifest, as they ought to be."""
    platforms = ("x86_64-manylinux_2_28", "arm64-macosx_14_0")
    rich = (f"{python}-{platform}" for python in ("3.12", "3.11.9") for platform in platforms)
    return [_seed(PLAIN, "3.12-x86_64-manylinux_2_28"), _seed(RICH, *rich)]


def _seed(declared: str, *targets: str) -> Input:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        repository = Repository(folder=folder)
        repository.declare(declared)
        extra = ('c<2; extra == "x"', 'd; python_version < "3.13" and os_name == "posix"')
        of: dict[str, Any] = {"targets": tuple(map(parse_target, targets))}
        for driver, version in (("a", "1.0"), ("b", "0.9")):
            repository.lock(
                make_package("a", requires=("b[x]>=1", "c"), **of),
                make_package("b", requires=extra, **of),
                make_package("c", version, **of),
                make_package("d", **of),
                driver=driver,
            )
        store = make_store(folder / "store", [("a", "1.0"), ("b", "2.0")])
        return Input(
            declaration=(folder / "drivers.toml").read_text(),
            lockfile=(folder / "locks/a.toml").read_text(),
            other=(folder / "locks/b.toml").read_text(),
            unit=UNIT_TEXT,
            manifest=(store.current / "manifest.json").read_text().replace(name, "FOLDER"),
        )


class Arena:
    """A checkout and a store that inputs are written into, one after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._store = make_store(folder / "store", [("a", "1.0"), ("b", "2.0")])
        self._environment = {"HOME": str(folder), "PATH": os.environ["PATH"], "NO_COLOR": "1"}
        self._git("init", "--quiet")
        self._commit("base", seeds()[0])

    def run(self, tried: Input) -> Iterator[tuple[str, int, float]]:
        """Each verb's exit code and seconds; of two runs where the first was slow, the quicker one's."""
        (self._folder / "locks").mkdir(exist_ok=True)
        self._write("drivers.toml", tried.declaration)
        self._write("locks/a.toml", tried.lockfile)
        self._write("locks/b.toml", tried.other)
        self._write(UNIT, tried.unit)
        manifest = (self._store.current / "manifest.json").resolve()
        self._write(str(manifest), tried.manifest.replace("FOLDER", str(self._folder)))
        self._commit("input", tried)
        for verb in VERBS:
            code, seconds = self._run(verb)
            if seconds > SLOW:
                code, again = self._run(verb)
                seconds = min(seconds, again)
            yield " ".join(verb), code, seconds

    def _run(self, verb: tuple[str, ...]) -> tuple[int, float]:
        from envbuild.cli import main

        argv = ("--file", "drivers.toml", "--store", str(self._store.root), *verb)
        begun = time.monotonic()
        with (
            contextlib.chdir(self._folder),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            code = main(argv, self._environment)
        gc.enable()  # some verbs do without, as their process ends
        return code, time.monotonic() - begun

    def _write(self, name: str, text: str) -> None:
        (self._folder / name).write_bytes(text.encode(errors="replace"))

    def _commit(self, branch: str, tried: Input) -> None:
        stream = b"commit refs/heads/%s\ncommitter a <a@b> 0 +0000\ndata 0\n" % branch.encode()
        files = {
            "drivers.toml": tried.declaration,
            "locks/a.toml": tried.lockfile,
            "locks/b.toml": tried.other,
        }
        for name, text in files.items():
            content = text.encode(errors="replace")
            stream += b"M 644 inline %s\ndata %d\n%s\n" % (name.encode(), len(content), content)
        self._git("fast-import", "--quiet", "--force", stream=stream)

    def _git(self, *words: str, stream: bytes = b"") -> None:
        subprocess.run(("git", *words), cwd=self._folder, input=stream, check=True)


def keep(tried: Input, why: str) -> None:
    """Put an input into the corpus, named by what it did and by its digest."""
    content = json.dumps({**tried._asdict(), "found": why}, indent=1)
    name = hashlib.sha256(content.encode()).hexdigest()[:12]
    CORPUS.mkdir(exist_ok=True)
    (CORPUS / f"{name}.json").write_text(content + "\n")
    print(f"{name}: {why}", flush=True)


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

    def _line(self, code: CodeType, line: int) -> object:
        file = code.co_filename.rpartition("/envbuild/")[2]
        if file.startswith(WATCHED) and _is_function(code):
            self.lines.add((file, line))
        monitoring: Any = getattr(sys, "monitoring", None)  # none before Python 3.12
        return monitoring.DISABLE if monitoring else None


def _is_function(code: CodeType) -> bool:
    return bool(code.co_flags & 1)  # CO_OPTIMIZED; bodies of modules and classes run on import


def possible_lines(file: str) -> int:
    """How many lines of a module's functions have code."""
    code = compile((ROOT / "envbuild" / file).read_text(), file, "exec")
    waiting, lines = [code], set()
    while waiting:
        one = waiting.pop()
        waiting += [const for const in one.co_consts if hasattr(const, "co_lines")]
        if _is_function(one):
            own = {line for _, _, line in one.co_lines() if line is not None}
            lines |= own if one.co_name.startswith("<") else own - {one.co_firstlineno}
    return len(lines)


class Hunt:
    """What was tried and found so far."""

    def __init__(self) -> None:
        self.known = seeds()
        self.lines: set[tuple[str, int]] = set()
        self.inputs = self.broken = self.died = 0

    def go(self, seed: int, deadline: float) -> None:
        """Try batches in processes of their own until the time is over."""
        while time.monotonic() < deadline:
            self._try(seed)
            seed += 1

    def _try(self, seed: int) -> None:
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(reader)
            answer = self._batch(seed)
            with os.fdopen(writer, "w") as stream:
                json.dump(answer, stream)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as stream:
            text = stream.read()
        os.waitpid(pid, 0)
        self.inputs += BATCH
        if not text:
            print(f"the batch of seed {seed} died", flush=True)
            self.died += 1
            return
        broken, lines, reaching = json.loads(text)
        self.broken += broken
        self.lines |= {(file, line) for file, line in lines}
        self.known += [Input(*one) for one in reaching]
        del self.known[2:-MOST_KNOWN]

    def _batch(self, seed: int) -> tuple[int, list[tuple[str, int]], list[Input]]:
        """Try some inputs in this process: how many broke the promise, new lines, and who reached them."""
        rng = random.Random(seed)
        coverage, broken, reaching = Coverage(), 0, []
        with tempfile.TemporaryDirectory(prefix="eb-fuzz-") as name:
            arena = Arena(Path(name))
            coverage.start()
            for _ in range(BATCH):
                tried = rng.choice(self.known).changed(rng)
                before = len(coverage.lines | self.lines)
                broken += _breaks(arena, tried)
                if len(coverage.lines | self.lines) > before and self.lines:
                    reaching.append(tried)
        return broken, sorted(coverage.lines), reaching

    def report(self) -> None:
        """Print what came of it."""
        print(
            f"{self.inputs} inputs, {len(VERBS)} verbs on each; {len(self.known)} reached new lines"
        )
        print(f"{self.broken} broke the promise, {self.died} processes died")
        hits = possible = 0
        for file in sorted({file for file, _ in self.lines}):
            hit, all_ = sum(name == file for name, _ in self.lines), possible_lines(file)
            hits, possible = hits + hit, possible + all_
            print(f"  {file}: {hit} of {all_} lines")
        print(f"  together: {hits} of {possible} lines")


def _breaks(arena: Arena, tried: Input) -> bool:
    """Whether an input breaks the promise; it is kept then."""
    signal.alarm(HANGS)
    try:
        for verb, code, seconds in arena.run(tried):
            if code not in DOCUMENTED or seconds > SLOW:
                keep(tried, f"{verb}: exit {code} after {seconds:.1f} s")
                return True
    except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever it is, it is a finding)
        keep(tried, repr(error))
        return True
    signal.alarm(0)
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > MEMORY:
        keep(tried, "memory")
        return True
    return False


def main() -> None:
    """Hunt, and say what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    options = parser.parse_args()
    hunt = Hunt()
    hunt.go(options.seed, time.monotonic() + 60 * options.minutes)
    hunt.report()
    sys.exit(1 if hunt.broken or hunt.died else 0)


if __name__ == "__main__":
    main()
