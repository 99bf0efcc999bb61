"""Makes `dist/envbuild.pyz`: `scripts/pyz [PLATFORM ...]`.

envbuild locks itself for every Python that it runs on, fetches what it has locked, and packs it.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHONS = ("3.14", "3.13", "3.12", "3.11")

DECLARATION = """version = 1

[drivers.envbuild]
requires = ["envbuild"]
constraints = ["envbuild=={version}"]
python = {pythons}
platforms = {platforms}
sources = {{ envbuild = {{ path = "{wheel}" }} }}
"""


def main(platforms: list[str]) -> None:
    """Build the wheel, lock, fetch and pack."""
    platforms = platforms or [f"{platform.machine()}-manylinux_2_28"]
    out = ROOT / "dist" / "envbuild.pyz"
    out.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run("uv", "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT))
        (wheel,) = folder.glob("*.whl")
        words = DECLARATION.format(
            version=wheel.name.split("-")[1],
            pythons=json.dumps(PYTHONS),
            platforms=json.dumps(platforms),
            wheel=wheel.name,
        )
        (folder / "drivers.toml").write_text(words)
        run("envbuild", "-C", name, "lock")
        targets = {}
        for target in (f"{python}-{one}" for python in PYTHONS for one in platforms):
            fetched = folder / target
            run("envbuild", "-C", name, "fetch", "--target", target, "--out", str(fetched))
            targets[target] = sorted(fetched.glob("*.whl"))
        write_archive(out, targets)
    size = f"{out.stat().st_size / 2**20:.1f} MiB"
    print(f"{out.relative_to(ROOT)}: {size}, for {', '.join(targets)}")


def run(program: str, *words: str) -> None:
    """Run a program that is installed beside this Python; its failure is ours."""
    code = subprocess.call((Path(sys.executable).with_name(program), *words))
    if code != 0:
        sys.exit(code)


def write_archive(out: Path, targets: dict[str, list[Path]]) -> None:
    """Pack wheels, what starts them, and the wheels' names for each target; each wheel once."""
    wheels = {path.name: path for paths in targets.values() for path in paths}
    names = {target: [path.name for path in paths] for target, paths in targets.items()}
    with out.open("wb") as stream:
        stream.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(Path(__file__).with_name("launch.py"), "__main__.py")
            archive.write(ROOT / "envbuild/release/start.py", "start.py")
            archive.writestr("targets.json", json.dumps(names, indent=1))
            for name, path in sorted(wheels.items()):
                archive.write(path, f"wheels/{name}", zipfile.ZIP_STORED)
    out.chmod(0o755)


if __name__ == "__main__":
    main(sys.argv[1:])
