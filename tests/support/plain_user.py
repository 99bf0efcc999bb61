"""Work as a user without root's rights, whoever runs the tests."""

from __future__ import annotations

import os
import subprocess
import traceback
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


NOBODY = 65534


def as_plain_user(folder: Path, work: Callable[[], object]) -> int:
    """The exit code of a process that works on the folder as its owner, without root's rights.

    0 where the work returns, 1 where it raises; root gives the folder away for it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a test before may have left a thread
        child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                for path in (folder, *folder.rglob("*")):
                    os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
            work()
        except BaseException:  # noqa: BLE001  (nothing of the parent may run on in the child)
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def by_stranger(*argv: str | Path) -> subprocess.CompletedProcess[str]:
    """What a program came to that ran as a user who owns nothing; only root can start it."""
    return subprocess.run(
        argv, user=NOBODY, group=NOBODY, extra_groups=(), cwd="/", capture_output=True, text=True
    )
