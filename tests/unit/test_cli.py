"""The exit code of an exception that no command catches."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from envbuild.cli import main
from envbuild.cli.verbs import Verb

if TYPE_CHECKING:
    from typing import NoReturn

HOST, BUG = 5, 70


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENFILE, "Too many open files in system"), HOST),
        (OSError(errno.EINVAL, "Invalid argument"), BUG),
        (ImportError("ssl.so: cannot open shared object file", name="_ssl", path="/ssl.so"), HOST),
        (ImportError('PyCapsule_Import could not import module "_socket"'), HOST),
        (ModuleNotFoundError("No module named '_ctypes'", name="_ctypes"), HOST),
        (ModuleNotFoundError("No module named 'envbuild.no'", name="envbuild.no"), BUG),
        (
            ImportError(
                "cannot import name 'no'", name="envbuild.environment.derivation", path="/key.py"
            ),
            BUG,
        ),
        (ZeroDivisionError(), BUG),
    ],
)
@pytest.mark.parametrize("early", [True, False])
def test_the_host_is_told_from_a_bug(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    code: int,
    *,
    early: bool,
) -> None:
    """What the host did not do ends with 5 and one message, all else with 70 and where it happened."""

    def fail(*_: object) -> NoReturn:
        raise error

    verb = Verb("gc", at_once=fail if early else None)(fail)
    monkeypatch.setattr("envbuild.cli.store.gc", verb)
    assert main(["gc"], {}) == code
    said = capsys.readouterr().err
    assert ("Traceback" in said) == (code == BUG)
    assert said.splitlines()[-1].startswith("error: " if code == BUG else ("error: ", "  hint: "))
