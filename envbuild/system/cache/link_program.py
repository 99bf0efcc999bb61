"""Links a share of kept wheels, run as a process of its own: `main(JOB, RESULT)`.

JOB and RESULT are inherited descriptors of pipes.
JOB gives a `Share` once it is known what there is to do, or nothing where there is nothing to do;
RESULT gets what came of it, or the number and the path of what the system refused.
"""

from __future__ import annotations

import gc
import marshal
import os

from envbuild.system.cache.share import Share, as_plain, link_share


def main(job: int, result: int) -> None:
    """Read the job, do it, and write the result."""
    gc.disable()  # there are 50,000 values, and none is in a cycle
    with os.fdopen(job, "rb") as stream:
        content = stream.read()
    if not content:
        return
    answer: tuple[object, ...]
    try:
        answer = ("done", as_plain(link_share(Share(*marshal.loads(content)))))  # noqa: S302  (of envbuild)
    except OSError as error:
        answer = ("refused", error.errno, os.fsencode(error.filename or ""))
    with os.fdopen(result, "wb") as stream:
        stream.write(marshal.dumps(answer))
