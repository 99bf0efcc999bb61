"""What `doctor` prints."""

from __future__ import annotations

from envbuild.commands.doctor import Diagnosis
from envbuild.finding import Code, Finding
from envbuild.report.verify import doctor_table, render_doctor
from envbuild.value import replace


def test_a_warning_of_doctor_is_no_problem() -> None:
    """It is printed as a warning and does not count; a finding beside it does."""
    warning = Finding(code=Code.VARIANT, subject="asr", message="it moved", hint="run `sync`")
    result = Diagnosis(facts=(), findings=(), warnings=(warning,), units=())
    assert result.exit_code == 0
    assert str(render_doctor(result)).splitlines() == [
        "warning: asr: it moved",
        "  hint: run `sync`",
        "nothing is wrong",
    ]
    assert doctor_table(result)["warnings"] == [
        {
            "code": "variant",
            "subject": "asr",
            "path": None,
            "message": "it moved",
            "hint": "run `sync`",
        }
    ]
    finding = Finding(code=Code.DISK, subject="store", message="it is full")
    both = replace(result, findings=(finding,))
    assert both.exit_code == 1
    assert str(render_doctor(both)).endswith("1 problem\n")
