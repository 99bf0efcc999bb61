"""Works on an environment beside envbuild, run as a process of its own: `main(JOB, FIRST, SECOND, RESULT)`.

All are inherited descriptors of pipes.
JOB gives a `Share` to link once it is known what there is to do, and folders to walk through when all is linked;
it ends where there is nothing more to do.
FIRST and SECOND give the number of a wheel, or of a folder, as often as one is left that nobody has taken;
RESULT gets what came of each job, or the number and the path of what the system refused.
"""

from __future__ import annotations

import gc
import os

from envbuild.posix.folder_walk import walk_folders
from envbuild.wheelcache.share import Share, as_plain, link_share, receive, send, taken_from

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def main(job: int, first: int, second: int, result: int) -> None:
    """Read one job after the other, do it, and write what came of it."""
    gc.disable()  # there are 50,000 values, and none is in a cycle
    steps: tuple[Callable[..., object], ...] = (
        lambda *share: as_plain(link_share(Share(*share), taken_from(first))),
        lambda folders, mode: [
            tuple(visit)
            for visit in walk_folders((folders[n] for n in taken_from(second)), mode=mode)
        ],
    )
    for step in steps:
        try:
            given = receive(job)
        except EOFError:
            return
        answer: tuple[object, ...]
        try:
            answer = ("done", step(*given))
        except OSError as error:
            answer = ("refused", error.errno, os.fsencode(error.filename or ""))
        try:
            send(result, answer)
        except BrokenPipeError:  # nobody waits for it any more
            return
