"""The exit code of an exception that no command catches."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from envbuild.cli import main
from envbuild.cli.verbs import Verb
from envbuild.posix.trace import TRACE
from envbuild.report.outcome import Outcome
from envbuild.text import text_of

if TYPE_CHECKING:
    from pathlib import Path
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


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["init"], True),
        (["init", "-q"], False),
        (["init", "-q", "--format", "json"], True),
        (["show"], True),
        (["show", "-q"], True),
        (["show", "-qq"], False),
        (["-qq", "show", "--quiet"], False),
    ],
)
def test_quiet_says_less(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    argv: list[str],
    *,
    says: bool,
) -> None:
    """Once: no result of a change that succeeded. Twice: no answer either. JSON and errors always are printed."""
    monkeypatch.chdir(tmp_path)
    if "show" in argv:
        (tmp_path / "drivers.toml").write_text('version = 1\n[drivers.web]\nrequires = ["base"]\n')
    assert main(argv, {}) == 0
    assert bool(capsys.readouterr().out) is says
    assert main(["lock", "--file", "no.toml", *(["-qq"] if "-qq" in argv else [])], {}) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_verbose_shows_programs_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Passwords in addresses and control characters reach no log."""

    def run(*_: object) -> Outcome:
        """Do nothing."""
        TRACE.started(
            ("/bin/uv", "--index", "https://me:word@packages.example.com/simple", "a\x1b")
        )
        TRACE.said("of level 2")
        return Outcome(code=0, text=lambda: text_of([]), table=dict)

    monkeypatch.setattr("envbuild.cli.store.gc", Verb("gc", trusts=())(run))
    monkeypatch.setattr(TRACE, "heard", None)
    monkeypatch.setattr(TRACE, "output", None)
    assert main(["gc", "-v"], {}) == 0
    line = "$ /bin/uv --index https://…@packages.example.com/simple 'a\\x1b'\n"
    assert capsys.readouterr().err == line
    assert main(["gc", "-vv"], {}) == 0
    assert capsys.readouterr().err == f"{line}of level 2\n"
