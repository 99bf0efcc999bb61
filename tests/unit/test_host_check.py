"""`check --host cuda=…`: what a host with that NVIDIA driver could not do."""

from __future__ import annotations

import pytest

from envbuild.declaration import Accelerator
from envbuild.errors import UsageError
from envbuild.host_check import check_host, parse_host
from tests.support.values import make_declaration, make_driver, make_lockfile, make_package


def findings(cuda: str, *, needs: str | None, torch: str = "2.8.0+cu128") -> list[tuple[str, str]]:
    """Code and level of what is found for one driver."""
    accelerator = Accelerator(cuda=needs) if needs is not None else None
    driver = make_driver("vllm", "torch", accelerator=accelerator)
    lockfile = make_lockfile(driver, make_package("torch", torch))
    found = check_host(make_declaration(driver), {"vllm": lockfile}, cuda)
    return [(finding.code, finding.level) for finding in found]


@pytest.mark.parametrize(
    ("cuda", "needs", "expected"),
    [
        ("12.8", ">=12.4", []),
        ("12.4", ">=12.4", [("host-cuda", "warning")]),
        ("11.8", ">=11.0", [("host-cuda", "error")]),
        ("12.2", ">=12.4", [("host-skips", "note")]),
        ("11.8", None, []),
    ],
)
def test_what_a_host_cannot_do(
    cuda: str, needs: str | None, expected: list[tuple[str, str]]
) -> None:
    """An error where nothing runs, a warning within a major version, a note where it is skipped."""
    assert findings(cuda, needs=needs) == expected


def test_host_is_read() -> None:
    """`cuda=12.4` is a host; anything else is a mistake of the command line."""
    assert parse_host("cuda=12.4") == "12.4"
    for text in ("12.4", "cuda=12", "rocm=6.0", "cuda>=12.4"):
        with pytest.raises(UsageError, match=r"--host"):
            parse_host(text)
