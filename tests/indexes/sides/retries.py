"""What is asked again, and what is given up."""

from __future__ import annotations

from tests.indexes.sides.world import (
    FILE,
    IMPATIENT,
    METADATA,
    PAGE,
    SOON,
    Answer,
    Later,
    failed,
    retried,
)
from tests.support.fault_proxy import Hang, Reset, Status, Truncate

RETRIES = (
    retried("page 429, Retry-After in seconds", PAGE, Answer(code=429, headers=SOON)),
    retried("page 429, Retry-After as a date", PAGE, Later()),
    retried("page 503, Retry-After", PAGE, Answer(code=503, headers=SOON)),
    retried("page 502, twice", PAGE, Status(code=502), 2),
    retried("page 504", PAGE, Status(code=504)),
    retried("page reset", PAGE, Reset()),
    retried("page broken off", PAGE, Truncate(after=10)),
    retried("metadata 503", METADATA, Status(code=503)),
    retried("file 429, Retry-After", FILE, Answer(code=429, headers=SOON)),
    retried("file 502", FILE, Status(code=502)),
    retried("file reset", FILE, Reset(after=50)),
    retried("file broken off", FILE, Truncate(after=50)),
    failed(
        "page 503, no retries",
        PAGE,
        Status(code=503),
        "503 Service Unavailable",
        **IMPATIENT,
    ),
    failed("page 429 for ever", PAGE, Status(code=429), "429 Too Many Requests"),
    retried("page silent", PAGE, Hang()),
    failed("page silent for ever", PAGE, Hang(), "did not answer in time", **IMPATIENT),
    failed("file silent for ever", FILE, Hang(), "did not answer in time", **IMPATIENT),
)
