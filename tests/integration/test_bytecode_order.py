"""What comes of a module does not depend on the modules that were compiled before it."""

from __future__ import annotations

import hashlib
import marshal
import subprocess
from typing import TYPE_CHECKING

import pytest

from envbuild.wheelcache import worker

if TYPE_CHECKING:
    from pathlib import Path

BEFORE = "def of(a, b):\n    return a.N, b.N\nN = 1\n"
AFTER = 'PARTS = ("N", "{", "N{", b"N")\n\n\ndef at(x):\n    return "{" + x + "?"\n'
INTERN = "import sys; [sys.intern(c) for c in 'N{?']"


@pytest.mark.parametrize("minor", ["3.11", "3.12", "3.13"])
def test_the_order_of_modules_decides_nothing(
    scratch: Path, pythons: dict[str, Path], minor: str
) -> None:
    """Strings of one character are shared by a whole process, and are written alike all the same."""
    if minor not in pythons:
        pytest.skip(f"NOT TESTED: this machine has no Python {minor}")
    (scratch / "before.py").write_text(BEFORE)
    (scratch / "after.py").write_text(AFTER)
    digests = set()
    for number, (first, modules) in enumerate(
        [("", ["after"]), ("", ["before", "after"]), (INTERN, ["after"])]
    ):
        rows = [(f"{name}.py", "", str(scratch / f"{name}{number}.pyc")) for name in modules]
        job = scratch / f"job{number}"
        job.write_bytes(marshal.dumps((str(scratch), rows), 2))
        program = f"{first}\nimport runpy, sys\nsys.argv = ['', {str(job)!r}]\n"
        program += f"runpy.run_path({worker.__file__!r}, run_name='__main__')\n"
        argv = (str(pythons[minor]), "-I", "-S", "-B", "-c", program)
        subprocess.run(argv, check=True, capture_output=True, timeout=60)
        content = (scratch / f"after{number}.pyc").read_bytes()
        digests.add(hashlib.sha256(content).hexdigest())
    assert len(digests) == 1
