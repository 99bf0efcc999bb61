"""Links kept wheels beside envbuild, run as a process of its own: `main(JOB, QUEUE, RESULT)`.

All three are inherited descriptors of pipes.
JOB gives a `Share` once it is known what there is to do, or nothing where there is nothing to do;
QUEUE the number of a wheel in it, as often as one is left that nobody has taken;
RESULT gets what came of those, or the number and the path of what the system refused.
"""

from __future__ import annotations

import gc
import marshal
import os

from envbuild.system.cache.share import Share, as_plain, link_share, taken_from


def main(job: int, queue: int, result: int) -> None:
    """Read the job, do it, and write the result."""
    gc.disable()  # there are 50,000 values, and none is in a cycle
    with os.fdopen(job, "rb") as stream:
        content = stream.read()
    if not content:
        return
    answer: tuple[object, ...]
    try:
        share = Share(*marshal.loads(content))  # noqa: S302  (of envbuild)
        answer = ("done", as_plain(link_share(share, taken_from(queue))))
    except OSError as error:
        answer = ("refused", error.errno, os.fsencode(error.filename or ""))
    with os.fdopen(result, "wb") as stream:
        stream.write(marshal.dumps(answer))
